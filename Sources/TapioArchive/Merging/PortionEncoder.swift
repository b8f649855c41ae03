/// Turns a portion of merged rows into a row group: column by column, so that of each group that takes part no more than one
/// column is in memory.
struct PortionEncoder {
    /// Bytes of a row of the portion that is encoded, its texts not counted: where it comes from and goes, twice while it is
    /// arranged (28), its kind and weight (24), a column of it, or its text's number with the table by which that is found
    /// (28), and what has become of it (16).
    static let bytesOfRow = 96

    /// Names and numbers of kinds, as the merged groups have them.
    private let kindNumbers: [String: UInt8]
    private let schema: ParquetSchema
    private let encoder: RowGroupEncoder
    private let order: RowOrder
    private let mostTextBytes: Int
    /// Of all rows that were encoded, as they were read.
    private(set) var digest = RowDigest()

    /// - Parameter mostTextBytes: Different texts of a column that a row group has together; what has more becomes several.
    init(
        schema: ParquetSchema,
        kinds: [KindTotal],
        order: RowOrder,
        level: Int32,
        mostTextBytes: Int = BytesInterner.mostBytes
    ) {
        self.schema = schema
        self.order = order
        self.mostTextBytes = mostTextBytes
        kindNumbers = Dictionary(kinds.map { ($0.name, $0.kind) }, uniquingKeysWith: { first, _ in first })
        encoder = RowGroupEncoder(schema: schema, compressionLevel: level)
    }

    /// The row groups of a portion: one, or more where one would not hold its texts.
    ///
    /// - Parameter rest: Called after each column; what it throws ends the encoding.
    mutating func batches(
        of portion: TimeMerge.Portion,
        between rest: () throws -> Void = {}
    ) throws -> [ArchiveBatch] {
        let before = digest
        if let batch = try encode(portion, between: rest) { return [batch] }
        digest = before
        return try batches(of: portion.half(first: true), between: rest)
            + batches(of: portion.half(first: false), between: rest)
    }

    /// Nil where the texts of a column are too many for one group.
    private mutating func encode(
        _ given: TimeMerge.Portion,
        between rest: () throws -> Void
    ) throws -> ArchiveBatch? {
        let portion = order == .kind ? try arranged(given) : given
        encoder.begin(rowCount: portion.rowCount)
        digest.countRows(portion.rowCount)
        var kinds: [String] = []
        var weights: [Double] = []
        for (index, column) in schema.columns.enumerated() {
            switch column.type {
            case .int32, .int64, .timestampMicros: try encodeIntegers(index, column, portion)
            case .double:
                let values = try encodeDoubles(index, column, portion)
                if column.name == "weight" { weights = values }
            case .string:
                var texts = MergedTexts(rowCount: portion.rowCount, mostBytes: mostTextBytes)
                try gather(index, column, portion) { piece, data in texts.add(piece, data) }
                if !texts.isWhole, portion.rowCount > 1 { return nil }
                if column.name == "kind" { kinds = texts.byRow }
                texts.encode(index, with: encoder)
            }
            try rest()
        }
        var totals: [String: KindTotal] = [:]
        for (row, kind) in kinds.enumerated() {
            var total =
                totals[kind] ?? KindTotal(kind: kindNumbers[kind] ?? 0, name: kind, rows: 0, weight: 0)
            total.rows += 1
            total.weight += row < weights.count ? weights[row] : 0
            totals[kind] = total
        }
        return ArchiveBatch(
            group: encoder.finish(),
            sequence: 0,
            lane: Self.mixedLane,
            minTimestampNs: portion.minTimestampNs,
            maxTimestampNs: portion.maxTimestampNs,
            kinds: totals.values.sorted { ($0.kind, $0.name) < ($1.kind, $1.name) }
        )
    }

    /// Rows of all lanes are together: what is said of them is what holds for bulk ones.
    private static let mixedLane: UInt8 = 1

    // MARK: Columns

    private mutating func gather(
        _ index: Int,
        _ column: ParquetColumn,
        _ portion: TimeMerge.Portion,
        _ take: (TimeMerge.Piece, ColumnData) -> Void
    ) throws(ArchiveReadError) {
        for piece in portion.pieces {
            guard let data = try piece.source.read(index) else { continue }
            let sum = RowDigest.sum(of: data, rows: piece.rows.lazy.map { Int($0) }) {
                portion.keyHashes[Int(piece.places[$0])]
            }
            digest.add(column.name, sum)
            take(piece, data)
        }
    }

    private mutating func encodeIntegers(
        _ index: Int,
        _ column: ParquetColumn,
        _ portion: TimeMerge.Portion
    ) throws(ArchiveReadError) {
        var values = MergedValues<Int64>(rowCount: portion.rowCount, zero: 0)
        try gather(index, column, portion) { piece, data in
            guard case .integers(let source) = data.values else { return }
            values.add(piece, data, source)
        }
        if values.count == 0, !column.isRequired { return encoder.allNull(index) }
        let dense = values.dense
        let bitmap = values.bitmap
        encoder.integers(index, values: dense.span, validity: bitmap?.span)
    }

    private mutating func encodeDoubles(
        _ index: Int,
        _ column: ParquetColumn,
        _ portion: TimeMerge.Portion
    ) throws(ArchiveReadError) -> [Double] {
        var values = MergedValues<Double>(rowCount: portion.rowCount, zero: 0)
        try gather(index, column, portion) { piece, data in
            guard case .doubles(let source) = data.values else { return }
            values.add(piece, data, source)
        }
        if values.count == 0, !column.isRequired {
            encoder.allNull(index)
            return []
        }
        let dense = values.dense
        let bitmap = values.bitmap
        encoder.double(index, values: dense.span, validity: bitmap?.span)
        return values.all
    }

    // MARK: Order

    /// The portion with its rows in the order of kind, cgroup and process; rows of one process stay in the order of time.
    private func arranged(_ portion: TimeMerge.Portion) throws(ArchiveReadError) -> TimeMerge.Portion {
        var kinds = MergedTexts(rowCount: portion.rowCount, mostBytes: mostTextBytes)
        var cgroups = MergedValues<Int64>(rowCount: portion.rowCount, zero: 0)
        var pids = MergedValues<Int64>(rowCount: portion.rowCount, zero: 0)
        for piece in portion.pieces {
            if let data = try piece.source.read("kind") { kinds.add(piece, data) }
            if let data = try piece.source.read("cgroup_id"), case .integers(let values) = data.values {
                cgroups.add(piece, data, values)
            }
            if let data = try piece.source.read("pid"), case .integers(let values) = data.values {
                pids.add(piece, data, values)
            }
        }
        let ranks = kinds.ranks
        let rows = (0..<portion.rowCount).sorted { left, right in
            if ranks[left] != ranks[right] { return ranks[left] < ranks[right] }
            return (cgroups.all[left], pids.all[left], left) < (cgroups.all[right], pids.all[right], right)
        }
        var places = [Int32](repeating: 0, count: portion.rowCount)
        var arranged = portion
        for (place, row) in rows.enumerated() {
            places[row] = Int32(place)
            arranged.keyHashes[place] = portion.keyHashes[row]
        }
        for index in arranged.pieces.indices {
            arranged.pieces[index].places = arranged.pieces[index].places.map { places[Int($0)] }
        }
        return arranged
    }
}

extension TimeMerge.Portion {
    /// Its first or second half in the order of time. Both have the times of the whole.
    func half(first: Bool) -> Self {
        let middle = Int32(rowCount / 2)
        var half = self
        half.keyHashes = Array(first ? keyHashes[..<Int(middle)] : keyHashes[Int(middle)...])
        half.pieces = pieces.compactMap { piece in
            var part = TimeMerge.Piece(source: piece.source)
            for (row, place) in zip(piece.rows, piece.places) where (place < middle) == first {
                part.rows.append(row)
                part.places.append(first ? place : place - middle)
            }
            return part.rows.isEmpty ? nil : part
        }
        return half
    }
}
