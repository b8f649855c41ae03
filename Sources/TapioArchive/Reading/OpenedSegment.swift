/// A row group where it lies in a mapped file, with what is known of it before it is decoded.
public struct SegmentRowGroup: Sendable {
    /// Its columns, their places in the file and their statistics.
    public let info: RowGroupInfo
    /// Rows.
    public var rowCount: Int { info.rowCount }
    /// Its place in the file, from 0.
    public let ordinal: Int
    /// Number of the batch, in order of sealing; nil in a file without frames.
    public let batchSequence: UInt64?
    /// 0 urgent, 1 bulk, 2 ledger; nil in a file without frames.
    public let lane: UInt8?
    /// Earliest and latest event, UTC nanoseconds since 1970; nil in a file without frames.
    public let timestampsNs: ClosedRange<Int64>?
    /// Rows and weight per kind; nil in a file without frames, where every kind must be expected.
    public let kinds: [KindTotal]?
}

/// What a frame says of its row group, before the group's metadata is read.
public struct SegmentGroupFacts: Sendable {
    /// Rows.
    public let rowCount: Int
    /// Earliest and latest event, UTC nanoseconds since 1970.
    public let timestampsNs: ClosedRange<Int64>
    /// Rows and weight per kind.
    public let kinds: [KindTotal]

    init(_ group: FrameScan.Group) {
        let trailer = group.trailer
        rowCount = Int(group.header.rows)
        timestampsNs = min(trailer.minTimestampNs, trailer.maxTimestampNs)...trailer.maxTimestampNs
        kinds = trailer.kinds
    }
}

/// A segment that is mapped for reading. Stays readable when the file is renamed or deleted.
public struct OpenedSegment: Sendable {
    /// The file.
    public let path: String
    /// The columns; empty if the file could not be understood.
    public let schema: ParquetSchema
    /// The row groups in file order, those that nobody wanted left out.
    public let rowGroups: [SegmentRowGroup]
    /// Row groups that were left out because nobody wanted them.
    public let unwantedGroups: Int
    /// Whether it is a segment of ours, whole or damaged, and not some other file.
    public let isOurs: Bool
    /// What the file says about itself; see ``SegmentKey``. Of an open segment, what is known so far.
    public let keyValues: [(key: String, value: String)]
    /// What is wrong with the file, as far as that shows without reading all of it. Damaged row groups are left out.
    public let problems: [SegmentProblem]
    /// Rows of its whole row groups, those that nobody wanted included.
    public let wholeRows: Int64
    /// Rows that stood in the file and are in none of them, as far as the file tells, or more; nil where nothing tells.
    public let lostRows: Int64?
    /// The bytes.
    public let file: MappedFile

    /// - Parameter isWanted: Asked of each framed row group before its metadata is read, which is most of the work of opening.
    init(scan: FrameScan, file: MappedFile, path: String, isWanted: (SegmentGroupFacts) -> Bool = { _ in true }) {
        self.path = path
        self.file = file
        isOurs = scan.isOurs || scan.startsAsOurs
        if let prologue = scan.prologue {
            var problems = scan.problems
            var groups: [SegmentRowGroup] = []
            var totals = SegmentTotals()
            var unwanted = 0
            var unreadableRows: Int64 = 0
            for group in scan.groups {
                totals.add(group)
                guard isWanted(SegmentGroupFacts(group)) else {
                    unwanted += 1
                    continue
                }
                do throws(ParquetError) {
                    groups.append(try SegmentRowGroup(group))
                } catch {
                    let offset = group.frameOffset
                    problems.append(SegmentProblem(kind: .contents, offset: offset, detail: "\(error)"))
                    unreadableRows += Int64(group.header.rows)
                }
            }
            schema = prologue.schema
            rowGroups = groups
            unwantedGroups = unwanted
            keyValues = SegmentFooter.keyValues(prologue: prologue, totals: totals).map { (key: $0.0, value: $0.1) }
            self.problems = problems
            wholeRows = totals.rows - unreadableRows
            let lost = scan.rowsLost(wasSealed: !path.hasSuffix(SegmentName.Role.open.rawValue))
            let count = lost.count + unreadableRows
            lostRows = lost.isExact || count > 0 ? count : nil
            return
        }
        // No prologue: any other Parquet file, or one of ours whose start is damaged; its footer tells the same.
        unwantedGroups = 0
        do throws(ParquetError) {
            let parquet = try file.withBytes { (bytes: RawSpan) throws(ParquetError) in try ParquetFile(bytes: bytes) }
            schema = parquet.schema
            rowGroups = parquet.rowGroups.enumerated().map { SegmentRowGroup(info: $1, ordinal: $0) }
            keyValues = parquet.keyValues
            problems = isOurs ? scan.problems : []
            wholeRows = parquet.rowGroups.reduce(0) { $0 + Int64($1.rowCount) }
            // The footer is whole, and tells of all row groups.
            lostRows = 0
        } catch {
            schema = ParquetSchema(columns: [])
            rowGroups = []
            keyValues = []
            problems = scan.problems + [SegmentProblem(kind: .contents, offset: 0, detail: "\(error)")]
            wholeRows = 0
            let lost = scan.rows + scan.rowsLost(wasSealed: true).count
            lostRows = lost > 0 ? lost : nil
        }
    }

    /// Lets the kernel take back the memory of what was read so far; it is read again where it is needed again.
    public func forgetPages() { file.forgetPages() }

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
    fileprivate init(info: RowGroupInfo, ordinal: Int) {
        self.info = info
        self.ordinal = ordinal
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
        ordinal = Int(group.header.ordinal)
        batchSequence = trailer.batchSequence
        lane = trailer.lane
        timestampsNs = min(trailer.minTimestampNs, trailer.maxTimestampNs)...trailer.maxTimestampNs
        kinds = trailer.kinds
    }
}
