/// A row group where it lies in a mapped file, with what is known of it before it is decoded.
public struct SegmentRowGroup: Sendable {
    /// Its columns, their places in the file and their statistics.
    public let info: RowGroupInfo
    /// Rows.
    public var rowCount: Int { info.rowCount }
    /// Number of the batch, in order of sealing; nil in a file without frames.
    public let batchSequence: UInt64?
    /// 0 urgent, 1 bulk, 2 ledger; nil in a file without frames.
    public let lane: UInt8?
    /// Earliest and latest event, UTC nanoseconds since 1970; nil in a file without frames.
    public let timestampsNs: ClosedRange<Int64>?
    /// Rows and weight per kind; nil in a file without frames, where every kind must be expected.
    public let kinds: [KindTotal]?
}

/// A segment that is mapped for reading. Stays readable when the file is renamed or deleted.
public struct OpenedSegment: Sendable {
    /// The file.
    public let path: String
    /// The columns; empty if the file could not be understood.
    public let schema: ParquetSchema
    /// The row groups in file order.
    public let rowGroups: [SegmentRowGroup]
    /// What the file says about itself; see ``SegmentKey``. Of an open segment, what is known so far.
    public let keyValues: [(key: String, value: String)]
    /// What is wrong with the file, as far as that shows without reading all of it. Damaged row groups are left out.
    public let problems: [SegmentProblem]
    /// The bytes.
    public let file: MappedFile

    init(scan: FrameScan, file: MappedFile, path: String) {
        self.path = path
        self.file = file
        if let prologue = scan.prologue {
            var problems = scan.problems
            var groups: [SegmentRowGroup] = []
            var totals = SegmentTotals()
            for group in scan.groups {
                do throws(ParquetError) {
                    groups.append(try SegmentRowGroup(group))
                    totals.add(group)
                } catch {
                    let offset = group.frameOffset
                    problems.append(SegmentProblem(kind: .contents, offset: offset, detail: "\(error)"))
                }
            }
            schema = prologue.schema
            rowGroups = groups
            keyValues = SegmentFooter.keyValues(prologue: prologue, totals: totals).map { (key: $0.0, value: $0.1) }
            self.problems = problems
            return
        }
        // No prologue: any other Parquet file, or one of ours whose start is damaged; its footer tells the same.
        do throws(ParquetError) {
            let parquet = try file.withBytes { (bytes: RawSpan) throws(ParquetError) in try ParquetFile(bytes: bytes) }
            schema = parquet.schema
            rowGroups = parquet.rowGroups.map { SegmentRowGroup(info: $0) }
            keyValues = parquet.keyValues
            problems = scan.isOurs ? scan.problems : []
        } catch {
            schema = ParquetSchema(columns: [])
            rowGroups = []
            keyValues = []
            problems = scan.problems + [SegmentProblem(kind: .contents, offset: 0, detail: "\(error)")]
        }
    }

    /// Decodes a column of a row group. The bytes are checked (zstd's checksums) while they are read.
    public func readColumn(_ column: Int, of group: SegmentRowGroup) throws(ArchiveReadError) -> ColumnData {
        do throws(ParquetError) {
            return try file.withBytes { (bytes: RawSpan) throws(ParquetError) in
                try ParquetFile.readColumn(of: group.info, schema: schema, column: column, from: bytes)
            }
        } catch {
            throw .contents(path: path, error)
        }
    }
}

extension SegmentRowGroup {
    fileprivate init(info: RowGroupInfo) {
        self.info = info
        batchSequence = nil
        lane = nil
        timestampsNs = nil
        kinds = nil
    }

    fileprivate init(_ group: FrameScan.Group) throws(ParquetError) {
        let trailer = group.trailer
        info = try ParquetMetadata.parseRowGroup(trailer.metadata)
        guard info.rowCount == Int(group.header.rows) else {
            throw ParquetError(.malformed, "\(info.rowCount) rows in a frame of \(group.header.rows)")
        }
        batchSequence = trailer.batchSequence
        lane = trailer.lane
        timestampsNs = min(trailer.minTimestampNs, trailer.maxTimestampNs)...trailer.maxTimestampNs
        kinds = trailer.kinds
    }
}
