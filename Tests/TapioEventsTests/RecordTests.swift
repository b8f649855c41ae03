import TapioBPF
import TapioEvents
import Testing

/// A kind for tests: numbers of all widths, strings, arguments, an address.
enum SampleKind {
    static let kind = EventKind(Int(TAPIO_KIND_PROCESS_EXEC))
    static let fixedSize = MemoryLayout<tapio_process_exec>.size

    static let schema = EventSchema(
        kind,
        "process_exec",
        collector: "process",
        priority: .critical,
        record: tapio_process_exec.self,
        "A sample.",
        fields: [
            Field(.startTime, .bootTime(at: offset(\.start_ns)), absent: .zero),
            Field(Column(256, "exe_inode", .int64, "-"), .uint64(at: offset(\.exe_inode)), absent: .allOnes),
            Field(Column(257, "argc", .int32, "-"), .uint32(at: offset(\.argc)), absent: .allOnes),
            Field(Column(258, "exe", .string, "-"), .string(at: offset(\.exe)), absent: .zero),
            Field(Column(259, "args", .string, "-"), .list(at: offset(\.args), .commandLine), absent: .zero),
        ]
    )

    static let registry = SchemaRegistry([schema])

    static func offset<Value>(_ path: KeyPath<tapio_process_exec, Value>) -> Int {
        MemoryLayout<tapio_process_exec>.offset(of: path)!
    }

    /// A sound record.
    static func record(exe: [UInt8] = Array("/bin/ls".utf8), args: [UInt8] = Array("ls\0-l\0a b\0".utf8)) -> [UInt8] {
        var fixed = tapio_process_exec()
        fixed.header.time_ns = 5_000_001_234
        fixed.header.sequence = 9
        fixed.header.pid = 42
        fixed.header.keep = UInt32(TAPIO_KEEP_ALL) / 4
        fixed.header.kind = kind.rawValue
        fixed.header.comm.0 = 0x6c
        fixed.header.comm.1 = 0x73
        fixed.start_ns = 4_000_000_000
        fixed.exe_inode = UInt64.max
        fixed.argc = 3
        fixed.exe = tapio_string(offset: UInt16(fixedSize), length: UInt16(exe.count))
        fixed.args = tapio_string(offset: UInt16(fixedSize + exe.count), length: UInt16(args.count))
        return withUnsafeBytes(of: fixed) { Array($0) } + exe + args
    }
}

@Suite("Records from untrusted memory")
struct RecordTests {
    private let check = RecordCheck(SampleKind.registry)

    @Test("a sound record passes, and reads as it was written")
    func sound() {
        let bytes = SampleKind.record()
        #expect(check.fault(in: bytes) == nil)
        let event = RecordDecoder(SampleKind.registry).decode(
            bytes.span.bytes,
            clock: ClockOffset(utcMinusBootNs: 1_000_000_000_000)
        )
        #expect(event["ts"] == .timestamp(1_005_000_001))
        #expect(event["ts_sub_ns"] == .int(234))
        #expect(event["kind"] == .string("process_exec"))
        #expect(event["weight"] == .double(4))
        #expect(event["comm"] == .string("ls"))
        #expect(event["exe"] == .string("/bin/ls"))
        #expect(event["args"] == .string("ls -l 'a b'"))
        #expect(event["exe_inode"] == .null)
        #expect(event["start_ts"] == .timestamp(1_004_000_000))
    }

    @Test("each fault has its name")
    func faults() {
        let bytes = SampleKind.record()
        #expect(check.fault(in: Array(bytes[..<10])) == .tooShort)
        #expect(check.fault(in: Array(bytes[..<(SampleKind.fixedSize - 1)])) == .tooShort)
        #expect(check.fault(in: bytes + [UInt8](repeating: 0, count: 9000)) == .tooLong)
        var unknown = bytes
        unknown[RecordCheck.kindOffset] = 200
        #expect(check.fault(in: unknown) == .unknownKind)
        var ledger = bytes
        ledger[RecordCheck.kindOffset] = EventKind.ledger.rawValue
        #expect(check.fault(in: ledger) == .unknownKind)
        // No program may write a weight below 1, nor what looks like a summary.
        for keep in [UInt32(TAPIO_KEEP_ALL) + 1, TAPIO_KEEP_SUMMARY] {
            var heavy = bytes
            withUnsafeBytes(of: keep) {
                heavy.replaceSubrange(RecordCheck.keepOffset..<RecordCheck.keepOffset + 4, with: $0)
            }
            #expect(check.fault(in: heavy) == .keepOutOfRange)
        }
        for (offset, length) in [(0, 4), (SampleKind.fixedSize - 1, 2), (bytes.count - 1, 2), (0xffff, 0xffff)] {
            var broken = bytes
            let at = SampleKind.offset(\.exe)
            broken[at] = UInt8(truncatingIfNeeded: offset)
            broken[at + 1] = UInt8(truncatingIfNeeded: offset >> 8)
            broken[at + 2] = UInt8(truncatingIfNeeded: length)
            broken[at + 3] = UInt8(truncatingIfNeeded: length >> 8)
            #expect(check.fault(in: broken) == .stringOutOfBounds, "\(offset) \(length)")
        }
    }

    @Test("whatever passes the check decodes without leaving the record")
    func attack() {
        let decoder = RecordDecoder(SampleKind.registry)
        let sound = SampleKind.record()
        var generator = SystemRandomNumberGenerator()
        var passed = 0
        for _ in 0..<3000 {
            var bytes = Array(sound.prefix(Int.random(in: sound.count - 12...sound.count, using: &generator)))
            for _ in 0..<Int.random(in: 0...6, using: &generator) {
                bytes[Int.random(in: 64..<bytes.count, using: &generator)] = UInt8.random(
                    in: 0...255,
                    using: &generator
                )
            }
            if check.fault(in: bytes) == nil {
                passed += 1
                _ = decoder.decode(bytes.span.bytes, clock: ClockOffset(utcMinusBootNs: 0))
            }
        }
        #expect(passed > 0)
    }

    @Test(
        "arguments become a line that a shell splits again",
        arguments: [
            ("ls\0-l\0", "ls -l"), ("a b\0\0", "'a b' ''"), ("it's\0", "'it'\\''s'"), ("cut\0of", "cut of"), ("", ""),
            ("$x\0*\0", "'$x' '*'"),
        ]
    )
    func commandLine(_ arguments: String, _ line: String) {
        #expect(String(decoding: RecordText.commandLine(Array(arguments.utf8)), as: UTF8.self) == line)
    }

    @Test("addresses have their usual text")
    func addresses() {
        func text(_ groups: [UInt16]) -> String {
            String(
                decoding: RecordText.ipAddress(groups.flatMap { [UInt8($0 >> 8), UInt8($0 & 0xff)] }),
                as: UTF8.self
            )
        }
        #expect(text([0, 0, 0, 0, 0, 0xffff, 0x0a00, 0x0001]) == "10.0.0.1")
        #expect(text([0, 0, 0, 0, 0, 0, 0, 0]) == "::")
        #expect(text([0, 0, 0, 0, 0, 0, 0, 1]) == "::1")
        #expect(text([0x2001, 0xdb8, 0, 0, 1, 0, 0, 1]) == "2001:db8::1:0:0:1")
        #expect(text([0x2001, 0xdb8, 0, 1, 1, 1, 1, 1]) == "2001:db8:0:1:1:1:1:1")
        #expect(text([1, 0, 0, 0, 0, 0, 0, 0]) == "1::")
        #expect(RecordText.hex(0x1f) == "000000000000001f")
        #expect(RecordText.weight(keep: 0) == 0)
        #expect(RecordText.weight(keep: UInt32(TAPIO_KEEP_ALL)) == 1)
    }

    @Test("the clock offset rounds down, before 1970 too")
    func clockOffset() {
        let clock = ClockOffset(utcMinusBootNs: -1500)
        #expect(clock.utcNanoseconds(boot: 0) == -1500)
        #expect(clock.utcMicroseconds(boot: 0) == -2)
        #expect(clock.subMicrosecondNs(boot: 0) == 500)
        #expect(clock.utcMicroseconds(boot: 2600) == 1)
        #expect(clock.subMicrosecondNs(boot: 2600) == 100)
        #expect(ClockOffset.measure().utcNanoseconds(boot: ClockOffset.bootNow()) > 1_600_000_000_000_000_000)
    }
}

extension RecordCheck {
    fileprivate func fault(in record: [UInt8]) -> RecordFault? { fault(in: record.span.bytes) }
}
