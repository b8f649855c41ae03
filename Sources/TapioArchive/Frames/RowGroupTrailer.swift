/// What stands behind a row group's bytes; see ArchiveFormat.swift.
struct RowGroupTrailer: Sendable, Equatable {
    /// Where the group's first byte lies in the file.
    var payloadOffset: Int64
    /// Rows of all groups before it.
    var rowsBefore: Int64
    var batchSequence: UInt64
    var lane: UInt8
    var minTimestampNs: Int64
    var maxTimestampNs: Int64
    var kinds: [KindTotal]
    /// The RowGroup struct, as the footer will hold it.
    var metadata: [UInt8]

    var encoded: [UInt8] {
        var writer = BinaryWriter()
        writer.put(payloadOffset)
        writer.put(rowsBefore)
        writer.put(batchSequence)
        writer.put(lane)
        writer.put(minTimestampNs)
        writer.put(maxTimestampNs)
        writer.put(UInt16(min(kinds.count, Int(UInt16.max))))
        for kind in kinds.prefix(Int(UInt16.max)) {
            let name = kind.name.utf8.prefix(255)
            writer.put(kind.kind)
            writer.put(UInt8(name.count))
            writer.put(raw: Array(name))
            writer.put(Int64(kind.rows))
            writer.put(kind.weight.bitPattern)
        }
        writer.put(UInt32(metadata.count))
        writer.put(raw: metadata)
        return writer.bytes
    }
}

extension RowGroupTrailer {
    /// The trailer in `bytes`, or nil if it isn't one.
    init?(_ bytes: [UInt8]) {
        var reader = BinaryReader(bytes)
        guard let payloadOffset = reader.take(Int64.self), let rowsBefore = reader.take(Int64.self),
            let batchSequence = reader.take(UInt64.self), let lane = reader.take(UInt8.self),
            let minTimestampNs = reader.take(Int64.self), let maxTimestampNs = reader.take(Int64.self),
            let kindCount = reader.take(UInt16.self)
        else { return nil }
        var kinds: [KindTotal] = []
        for _ in 0..<kindCount {
            guard let kind = reader.take(UInt8.self), let nameLength = reader.take(UInt8.self),
                let name = reader.take(count: Int(nameLength)), let rows = reader.take(Int64.self),
                let weight = reader.take(UInt64.self), (0...Int64(UInt32.max)).contains(rows)
            else { return nil }
            kinds.append(
                KindTotal(
                    kind: kind,
                    name: String(decoding: name, as: UTF8.self),
                    rows: Int(rows),
                    weight: Double(bitPattern: weight)
                )
            )
        }
        guard let metadataLength = reader.take(UInt32.self), let metadata = reader.take(count: Int(metadataLength)),
            reader.remaining == 0
        else { return nil }
        self.payloadOffset = payloadOffset
        self.rowsBefore = rowsBefore
        self.batchSequence = batchSequence
        self.lane = lane
        self.minTimestampNs = minTimestampNs
        self.maxTimestampNs = maxTimestampNs
        self.kinds = kinds
        self.metadata = metadata
    }
}
