/// What a file says about itself without regard to its rows; see ArchiveFormat.swift.
struct Prologue: Sendable, Equatable {
    /// A fact of the file, as it will stand among the footer's key-values.
    struct Fact: Sendable, Equatable {
        var key: String
        var value: String
    }

    /// What was in the file when it was closed; only in the closing prologue.
    struct Totals: Sendable, Equatable {
        var groups: Int
        var rows: Int64
    }

    var schema: ParquetSchema
    var createdBy: String
    var facts: [Fact]
    var totals: Totals?

    /// The value for a key, the last one where it occurs twice.
    subscript(key: String) -> String? {
        get { facts.last { $0.key == key }?.value }
        set {
            facts.removeAll { $0.key == key }
            if let newValue { facts.append(Fact(key: key, value: newValue)) }
        }
    }

    /// Names of the segments of which the file was merged; nil where it was not.
    var mergedFrom: Set<String>? {
        self[SegmentKey.mergedFrom].map { Set($0.split(separator: ",").map { String($0) }) }
    }

    /// Names of the files, with their endings, of which a repair made the file; empty where none did.
    var repairedFrom: [String] {
        self[SegmentKey.repairedFrom].map { $0.split(separator: ",").map { String($0) } } ?? []
    }

    /// The same without endings.
    var repairedNames: Set<String> { Set(repairedFrom.compactMap { SegmentName.parse($0)?.name.description }) }

    var encoded: [UInt8] {
        var writer = BinaryWriter()
        writer.put(UInt32(schema.columns.count))
        for column in schema.columns {
            writer.put(column.type.rawValue)
            writer.put(UInt8(column.isRequired ? 1 : 0))
            writer.put(column.fieldID)
            writer.put(text: column.name)
        }
        writer.put(text: createdBy)
        writer.put(UInt32(facts.count))
        for fact in facts {
            writer.put(text: fact.key)
            writer.put(text: fact.value)
        }
        writer.put(UInt8(totals == nil ? 0 : 1))
        if let totals {
            writer.put(UInt32(totals.groups))
            writer.put(totals.rows)
        }
        return writer.bytes
    }

    /// The frame, ready to be written.
    var frame: [UInt8] {
        let payload = encoded
        return FrameHeader(kind: .prologue, payload: payload, trailer: []).encoded + payload
    }
}

extension Prologue {
    /// The prologue in a payload, or nil if it isn't one.
    init?(_ payload: [UInt8]) {
        var reader = BinaryReader(payload)
        guard let columnCount = reader.take(UInt32.self) else { return nil }
        var columns: [ParquetColumn] = []
        for _ in 0..<columnCount {
            guard let typeNumber = reader.take(UInt8.self), let type = ParquetType(rawValue: typeNumber),
                let required = reader.take(UInt8.self), let fieldID = reader.take(Int32.self),
                let name = reader.takeText()
            else { return nil }
            columns.append(ParquetColumn(name: name, type: type, isRequired: required != 0, fieldID: fieldID))
        }
        guard let createdBy = reader.takeText(), let factCount = reader.take(UInt32.self) else { return nil }
        var facts: [Fact] = []
        for _ in 0..<factCount {
            guard let key = reader.takeText(), let value = reader.takeText() else { return nil }
            facts.append(Fact(key: key, value: value))
        }
        guard let hasTotals = reader.take(UInt8.self) else { return nil }
        if hasTotals != 0 {
            guard let groups = reader.take(UInt32.self), let rows = reader.take(Int64.self) else { return nil }
            totals = Totals(groups: Int(groups), rows: rows)
        }
        self.schema = ParquetSchema(columns: columns)
        self.createdBy = createdBy
        self.facts = facts
    }
}
