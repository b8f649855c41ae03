import TapioBPF

/// Makes a checked record readable, field by field: for live views and tests. The encoders have loops of their own.
public struct RecordDecoder: Sendable {
    private let registry: SchemaRegistry

    /// A decoder for the kinds of `registry`.
    public init(_ registry: SchemaRegistry) {
        self.registry = registry
    }

    /// The event in `record`, which ``RecordCheck`` has passed, or the summary of several that the agent made of such. Null
    /// fields are left out.
    public func decode(_ record: RawSpan, clock: ClockOffset) -> DecodedEvent {
        let kind = EventKind(rawValue: record.uint8(at: RecordCheck.kindOffset))
        let isSummary = record.uint32(at: RecordCheck.keepOffset) == TAPIO_KEEP_SUMMARY
        var values: [(column: Column, value: EventValue)] = []
        for case .some(let field) in isSummary ? registry.summaryFields(of: kind) : registry.fields(of: kind) {
            let value = value(of: field, in: record, clock: clock)
            if value != .null { values.append((field.column, value)) }
        }
        return DecodedEvent(values: values)
    }

    private func value(of field: Field, in record: RawSpan, clock: ClockOffset) -> EventValue {
        switch field.source {
        case .uint8(let at): number(UInt64(record.uint8(at: at)), allOnes: 0xff, field.absence)
        case .uint16(let at): number(UInt64(record.uint16(at: at)), allOnes: 0xffff, field.absence)
        case .uint32(let at) where field.column.type == .int32:
            switch number(UInt64(record.uint32(at: at)), allOnes: 0xffff_ffff, field.absence) {
            // What fills the 32 bits of a signed column is negative.
            case .int(let value): .int(Int64(Int32(truncatingIfNeeded: value)))
            case let other: other
            }
        case .uint32(let at): number(UInt64(record.uint32(at: at)), allOnes: 0xffff_ffff, field.absence)
        case .uint64(let at) where field.column.type == .timestamp:
            switch number(record.uint64(at: at), allOnes: .max, field.absence) {
            case .int(let microseconds): .timestamp(microseconds)
            case let other: other
            }
        case .uint64(let at): number(record.uint64(at: at), allOnes: .max, field.absence)
        case .bootTime(let at):
            switch (record.int64(at: at), field.absence) {
            case (0, .zero), (-1, .allOnes): .null
            case (let boot, _): .timestamp(clock.utcMicroseconds(boot: boot))
            }
        case .bootTimeSubNs(let at): .int(clock.subMicrosecondNs(boot: record.int64(at: at)))
        case .hex64(let at):
            record.uint64(at: at) == .max && field.absence == .allOnes
                ? .null : .string(RecordText.hex(record.uint64(at: at)))
        case .paddedString(let at, let count):
            record.uint8(at: at) == 0 && field.absence == .zero
                ? .null : text(record.extracting(at..<at + count), until: 0)
        case .string(let at):
            string(string(at: at, in: record), field.absence) { String(decoding: $0, as: UTF8.self) }
        case .list(let at, let list):
            string(string(at: at, in: record), field.absence) { String(decoding: list.text($0), as: UTF8.self) }
        case .dns(let at, let part): DNSMessage(string(at: at, in: record)).text(part).map { .string($0) } ?? .null
        case .ipAddress(let at):
            field.absence == .zero && record.uint64(at: at) == 0 && record.uint64(at: at + 8) == 0
                ? .null
                : .string(String(decoding: RecordText.ipAddress(bytes(record.extracting(at..<at + 16))), as: UTF8.self))
        case .symbol(let at, let names):
            Int(record.uint8(at: at)) < names.count && !names[Int(record.uint8(at: at))].isEmpty
                ? .string(names[Int(record.uint8(at: at))]) : .null
        case .code(let at, let names):
            record.uint32(at: at) == .max && field.absence == .allOnes
                ? .null : .string(RecordText.code(record.uint32(at: at), names))
        case .bits(let at, let names):
            record.uint64(at: at) == 0 && field.absence == .zero
                ? .null : .string(RecordText.bits(record.uint64(at: at), names))
        case .kindName(let at):
            at != RecordCheck.kindOffset && record.uint8(at: at) == EventKind.ledger.rawValue
                ? .null : .string(registry.name(of: EventKind(rawValue: record.uint8(at: at))))
        case .weight(let at): .double(RecordText.weight(keep: record.uint32(at: at)))
        case .weightSum(let count, let keep):
            .double(Double(record.uint64(at: count)) * RecordText.weight(keep: record.uint32(at: keep)))
        case .enrichment, .remote: .null
        }
    }

    private func number(_ value: UInt64, allOnes: UInt64, _ absence: Absence) -> EventValue {
        switch absence {
        case .allOnes where value == allOnes: .null
        case .zero where value == 0: .null
        default: .int(Int64(bitPattern: value))
        }
    }

    private func string(at offset: Int, in record: RawSpan) -> [UInt8] {
        let length = Int(record.uint16(at: offset + 2))
        if length == 0 { return [] }
        let start = Int(record.uint16(at: offset))
        return bytes(record.extracting(start..<start + length))
    }

    private func string(_ bytes: [UInt8], _ absence: Absence, _ make: ([UInt8]) -> String) -> EventValue {
        bytes.isEmpty && absence == .zero ? .null : .string(make(bytes))
    }

    private func text(_ span: RawSpan, until end: UInt8) -> EventValue {
        .string(String(decoding: bytes(span).prefix { $0 != end }, as: UTF8.self))
    }

    private func bytes(_ span: RawSpan) -> [UInt8] {
        (0..<span.byteCount).map { span.uint8(at: $0) }
    }
}
