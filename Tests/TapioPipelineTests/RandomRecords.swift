import TapioBPF
import TapioEvents

/// Records that pass the check of their kind, with fields that are random within what a kernel program could write: often
/// absent, often extreme, texts that are empty, long, or no UTF-8.
struct RandomRecords {
    let registry: SchemaRegistry
    var random: SplitMix64
    var sequence: UInt64 = 0

    init(_ registry: SchemaRegistry, seed: UInt64) {
        self.registry = registry
        random = SplitMix64(state: seed)
    }

    /// A record of a random kind, or of the ledger, with the next sequence number.
    mutating func next(includingLedger: Bool = true) -> [UInt8] {
        let schemas = registry.schemas.filter { includingLedger || $0.kind != .ledger }
        return next(schemas.randomElement(using: &random)!)
    }

    /// A record of that kind with the next sequence number.
    mutating func next(_ schema: EventSchema) -> [UInt8] {
        var record = (0..<schema.fixedSize).map { _ in UInt8(truncatingIfNeeded: random.next()) }
        for field in HeaderFields.all + schema.fields { fill(field, in: &record) }
        store(sequence, MemoryLayout<tapio_header>.offset(of: \.sequence)!, in: &record)
        record[RecordCheck.kindOffset] = schema.kind.rawValue
        sequence += 1
        return record
    }

    private mutating func fill(_ field: Field, in record: inout [UInt8]) {
        switch field.source {
        case .uint8(let at): record[at] = UInt8(truncatingIfNeeded: number(8))
        case .uint16(let at): store(UInt16(truncatingIfNeeded: number(16)), at, in: &record)
        case .uint32(let at):
            // An int32 column has room for what the kernel calls by 31 bits; absent is all ones.
            let value = UInt32(truncatingIfNeeded: number(32))
            let isWide = field.column.type == .int64 || value == .max && field.absence == .allOnes
            store(isWide ? value : value & 0x7fff_ffff, at, in: &record)
        case .uint64(let at): store(number(64), at, in: &record)
        case .bootTime(let at):
            let choices: [Int64] = [0, -1, 1, -1_000_001, 5_000_000_123, 1 << 60, -(1 << 60)]
            store(UInt64(bitPattern: choices.randomElement(using: &random)!), at, in: &record)
        case .bootTimeSubNs: break
        case .hex64(let at), .bits(let at, _): store(number(64), at, in: &record)
        case .paddedString(let at, let count):
            let text = text(atMost: count)
            for index in 0..<count { record[at + index] = index < text.count ? text[index] : 0 }
        case .string(let at):
            append(text(atMost: 300), at, to: &record)
        case .list(let at, _):
            var bytes: [UInt8] = []
            for _ in 0..<Int.random(in: 0...4, using: &random) { bytes += text(atMost: 40) + [0] }
            if Bool.random(using: &random) { bytes += text(atMost: 10) }
            append(bytes, at, to: &record)
        case .dns(let at, .name):
            // A name of one letter and its type, and whatever follows.
            let head: [UInt8] = [0, 1, 0x81, 0, 0, 1, 0, 1, 0, 0, 0, 0, 1, 0x61, 0, 0, 1, 0, 1, 0xc0, 12]
            append(head.prefix(Int.random(in: 0...head.count, using: &random)) + text(atMost: 60), at, to: &record)
        case .dns: break
        case .ipAddress(let at):
            if Bool.random(using: &random) {
                let mapped: [UInt8] = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10, 0, 0, UInt8.random(in: 0...9)]
                for index in 0..<16 { record[at + index] = mapped[index] }
            }
        case .symbol(let at, let names):
            let isRequired = field.column.isRequired
            let most = min(names.count + (isRequired ? 0 : 2), 256)
            record[at] = UInt8(Int.random(in: 0..<most, using: &random))
        case .code(let at, let names):
            let isAbsent = field.absence == .allOnes && random.next() % 8 == 0
            store(isAbsent ? .max : UInt32.random(in: 0..<UInt32(names.count) + 5, using: &random), at, in: &record)
        case .kindName(let at): record[at] = registry.schemas.randomElement(using: &random)!.kind.rawValue
        case .weight(let at):
            store([UInt32(1 << 30), 1 << 29, 1 << 20, 12_345, 0].randomElement(using: &random)!, at, in: &record)
        case .weightSum, .enrichment, .remote: break
        }
    }

    private mutating func number(_ bits: UInt64) -> UInt64 {
        let all = bits == 64 ? UInt64.max : 1 << bits - 1
        switch random.next() % 6 {
        case 0: return all
        case 1: return 0
        case 2: return random.next() & all
        default: return random.next() % 50
        }
    }

    private mutating func text(atMost count: Int) -> [UInt8] {
        let samples: [[UInt8]] = [
            [], Array("bash".utf8), Array("/usr/bin/python3".utf8), Array("Ääkköset ☃ 日本".utf8), [0xff, 0xfe, 0x41],
            [0xe2, 0x98], Array("a b'c".utf8), [0xf0, 0x9f, 0x98], [0xed, 0xa0, 0x80], Array("x\u{1}\n".utf8),
        ]
        if random.next() % 8 == 0 {
            return (0..<Int.random(in: 0...count, using: &random)).map { _ in UInt8.random(in: 1...255, using: &random)
            }
        }
        return Array(samples.randomElement(using: &random)!.prefix(count))
    }

    private func append(_ text: [UInt8], _ at: Int, to record: inout [UInt8]) {
        store(UInt16(record.count), at, in: &record)
        store(UInt16(text.count), at + 2, in: &record)
        record += text
    }

    private func store<Number: FixedWidthInteger>(_ value: Number, _ at: Int, in record: inout [UInt8]) {
        withUnsafeBytes(of: value) { bytes in
            for (index, byte) in bytes.enumerated() { record[at + index] = byte }
        }
    }
}

/// A small generator of random numbers that can be repeated.
struct SplitMix64: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ z >> 30) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ z >> 27) &* 0x94D0_49BB_1331_11EB
        return z ^ z >> 31
    }
}

extension RowBatch {
    /// Appends a record that is an array.
    func append(bytes: [UInt8], enrichmentID: EnrichmentID = .none) -> Bool {
        append(bytes.span.bytes, enrichmentID: enrichmentID)
    }
}
