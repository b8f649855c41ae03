import Glibc
import TapioEvents
import TapioTestSupport
import Testing

@testable import TapioCollectors

@Suite("Symbols")
struct SymbolTests {
    let directory = TemporaryDirectory()

    /// A small ELF file with both symbol tables.
    private func program() throws -> [UInt8] {
        try #require(TestFile.read(LeakyProgram.build("program", in: directory)))
    }

    /// Everything that is ever asked of a file: how many functions it has.
    @discardableResult
    private func exercise(_ bytes: [UInt8]) throws -> Int {
        let path = directory.file("file")
        TestFile.write(path, bytes)
        let file = try ForeignFile(path)
        _ = try? AllocatorFile(file, named: "file")
        guard let image = try? ELFImage(file) else { return -1 }
        let table = FunctionTable(image, file)
        for address in [0, 1, 0x1000, 0x1200, 1 << 32, UInt64.max] {
            if let found = table.function(at: address) {
                #expect(found.begin <= address)
                #expect(image.name(at: found.name, file).count <= ELFImage.mostNameBytes)
            }
            _ = image.address(ofByte: address)
            _ = image.byte(ofAddress: address)
        }
        return table.count
    }

    @Test("a file that is cut anywhere is refused, or has fewer symbols")
    func cut() throws {
        let whole = try program()
        let all = try exercise(whole)
        #expect(all > 10)
        for length in Array(0..<70) + stride(from: 70, to: whole.count, by: 61) {
            #expect(try exercise(Array(whole[..<length])) <= all)
        }
    }

    @Test("headers with any numbers in them are refused or understood, never believed")
    func damaged() throws {
        let whole = try program()
        let sections = Int(whole.span.bytes.uint64(at: 40))
        var random = SystemRandomNumberGenerator()
        let numbers: [UInt64] = [0, 1, 0xffff, 0x7fff_ffff, 1 << 40, .max - 1]
        // The file's own header, those of segments, and those of sections.
        for place in Array(stride(from: 16, to: 64 + 13 * 56, by: 8))
            + stride(from: sections, to: whole.count - 8, by: 8)
        {
            for number in numbers + [random.next()] {
                var bytes = whole
                for index in 0..<8 where place + index < bytes.count {
                    bytes[place + index] = UInt8(truncatingIfNeeded: number >> (8 * UInt64(index)))
                }
                try exercise(bytes)
            }
        }
    }

    @Test("bytes anywhere in it may be any")
    func noise() throws {
        let whole = try program()
        for _ in 0..<300 {
            var bytes = whole
            for _ in 0..<Int.random(in: 1...400) { bytes[.random(in: 5..<bytes.count)] = .random(in: 0...255) }
            try exercise(bytes)
        }
    }

    @Test("what is no ELF file of this machine says so")
    func foreign() throws {
        var bytes = try program()
        #expect(try fault(Array("#!/bin/sh\n".utf8)) == .notELF)
        #expect(try fault([]) == .notELF)
        #expect(try fault(Array(bytes[..<40])) == .damaged)
        bytes[4] = 1
        #expect(try fault(bytes) == .foreign)
        bytes[4] = 2
        bytes[5] = 2
        #expect(try fault(bytes) == .foreign)
    }

    private func fault(_ bytes: [UInt8]) throws -> ELFImage.Fault? {
        let path = directory.file("file")
        TestFile.write(path, bytes)
        let file = try ForeignFile(path)
        do {
            _ = try ELFImage(file)
            return nil
        } catch {
            return error as ELFImage.Fault
        }
    }

    @Test("functions are found by any address in them, and none between them", arguments: [["-pie"], ["-no-pie"]])
    func functions(flags: [String]) throws {
        let path = try LeakyProgram.build("program", in: directory, with: ["clang"] + flags)
        let listed = try InteractiveProcess.run(["readelf", "-sW", path]).split(separator: "\n").compactMap {
            line -> (address: UInt64, size: UInt64, name: String)? in
            let fields = line.split(separator: " ")
            guard fields.count == 8, fields[3] == "FUNC", fields[6] != "UND", let address = UInt64(fields[1], radix: 16)
            else { return nil }
            return UInt64(fields[2]).map { (address, $0, String(fields[7])) }
        }
        #expect(listed.contains { $0.name == "leaky_one" })
        let file = try ForeignFile(path)
        let image = try ELFImage(file)
        let table = FunctionTable(image, file)
        for function in listed where function.size > 0 {
            for address in [function.address, function.address + function.size - 1] {
                let found = try #require(table.function(at: address))
                #expect(found.begin == function.address)
                #expect(String(decoding: image.name(at: found.name, file), as: UTF8.self) == function.name)
                let place = try #require(image.byte(ofAddress: address))
                #expect(image.address(ofByte: place) == address)
            }
        }
        #expect(table.function(at: 0) == nil && table.function(at: .max) == nil)
    }

    @Test("lines of mappings are understood as the kernel writes them, and others left out")
    func mappings() {
        let text = """
            55d0c0000000-55d0c0001000 r--p 00000000 fd:01 123 /bin/a b
            55d0c0001000-55d0c0002000 r-xp 00001000 fd:01 123                        /bin/a b
            7f0000000000-7f0000001000 r-xp 00000000 00:00 0
            7ffe00000000-7ffe00002000 r-xp 00000000 00:00 0                          [vdso]
            7f1000000000-7f1000001000 r-xp 00002000 fd:01 9 /lib/old.so (deleted)
            nonsense
            9-1 r-xp 0 0:0 0 /reversed
            ffffffffffffffffff-0 r-xp 0 0:0 0 /huge
            """
        let mappings = ProcessMappings(Array(text.utf8))
        #expect(mappings.mappings.map { String(decoding: $0.name, as: UTF8.self) } == ["a b", "", "old.so", "[vdso]"])
        #expect(mappings.mapping(at: 0x55d0_c000_1fff)?.offset == 0x1000)
        #expect(mappings.mapping(at: 0x55d0_c000_2000) == nil)
        #expect(mappings.mapping(at: 0x55d0_c000_0000) == nil, "it is not executable")
        #expect(mappings.mapping(at: 0) == nil && mappings.mapping(at: .max) == nil)
    }

    @Test("a stack in words: what has no name is told by its place, and the text has a bound")
    func words() throws {
        let own = try #require(MappedProcess(pid: getpid()))
        var names = StackNames()
        #expect(names.text([0, 1], of: own) == Array("0x0 < 0x1".utf8))
        let libc = try #require(own.mappings.mappings.first { String(decoding: $0.name, as: UTF8.self) == "libc.so.6" })
        let file = try #require(own.file(libc))
        let image = try ELFImage(file)
        var place: UInt64 = 0
        image.forEachFunction(file, isDynamic: true) { symbol in
            if image.name(at: symbol.name, file) == Array("getpid".utf8) {
                place = image.byte(ofAddress: symbol.address) ?? 0
            }
        }
        let address = libc.range.lowerBound + (place - libc.offset)
        #expect(String(decoding: names.text([address + 5], of: own), as: UTF8.self).hasSuffix("getpid+0x5 (libc.so.6)"))
        let text = names.text(repeatElement(address + 5, count: 1000), of: own)
        #expect((4000...StackNames.mostBytes).contains(text.count))
        #expect(String(decoding: text, as: UTF8.self).hasSuffix("getpid+0x5 (libc.so.6)"), "no frame is cut")
        #expect(names.functionCount > 1000)
    }
}
