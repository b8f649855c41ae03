/// What a check of a segment found.
public struct SegmentVerdict: Sendable, Hashable, CustomStringConvertible {
    /// The short answer.
    public enum State: String, Sendable, Hashable, CaseIterable {
        /// Complete: every frame as written, footer and all.
        case sealed
        /// Every frame as written, but not closed: it is being written, or a crash left it at the end of a frame.
        case open
        /// Something is wrong; see the problems.
        case damaged
        /// Not a segment of an archive: no frame of ours is in it.
        case foreign
    }

    /// The short answer.
    public let state: State
    /// The file.
    public let path: String
    /// Its size in bytes.
    public let bytes: Int64
    /// Bytes that belong to no whole frame.
    public let lostBytes: Int64
    /// What its whole row groups hold.
    public let totals: SegmentTotals
    /// Rows that were in the file and are in no whole row group.
    public let rowsLost: Int64
    /// False where the end is missing and nothing tells how many rows it had: then there may be more.
    public let isRowsLostExact: Bool
    /// Everything that is wrong, in file order; at most 1,000.
    public let problems: [SegmentProblem]

    /// One line, and one for each problem.
    public var description: String {
        let head = "\(path): \(state.rawValue), \(totals.rows) rows in \(totals.groups) row groups, \(bytes) bytes"
        let lost = "\(isRowsLostExact ? "" : "at least ")\(rowsLost) rows and \(lostBytes) bytes lost"
        let first = state == .damaged ? "\(head), \(lost)" : head
        return ([first] + problems.map { "  \($0)" }).joined(separator: "\n")
    }
}

/// Checks a segment from its first byte to its last.
public struct SegmentVerifier: Sendable {
    private let fileSystem: any FileSystem

    /// Makes a verifier for files on `fileSystem`.
    public init(fileSystem: any FileSystem = PosixFileSystem()) { self.fileSystem = fileSystem }

    /// Reads all of the file and compares every checksum, the order and number of row groups and rows, and the footer with
    /// what follows from the frames. Holds one row group in memory at a time.
    ///
    /// A `….parquet.part` needs no footer. Throws only if the file can't be opened.
    public func verify(_ path: String) throws(FileError) -> SegmentVerdict {
        let file = try fileSystem.open(path)
        let scan = try FrameScanner.scan(file, depth: .everything)
        return Self.verdict(on: scan, of: file)
    }

    static func verdict(on scan: FrameScan, of file: any ReadableFile) -> SegmentVerdict {
        let mayBeOpen = file.path.hasSuffix(SegmentName.Role.open.rawValue)
        var problems = scan.problems
        var totals = SegmentTotals()
        for group in scan.groups { totals.add(group) }
        if let closed = scan.prologue?.totals, closed.rows != totals.rows || closed.groups != totals.groups {
            let detail = "closed with \(closed.rows) rows in \(closed.groups) row groups, found \(totals.rows) in "
            problems.append(
                SegmentProblem(kind: .rowCount, offset: scan.fileSize, detail: detail + "\(totals.groups)")
            )
        }
        let isClosed = scan.endsWithFooter && scan.prologue?.totals != nil
        if !isClosed, !mayBeOpen {
            let detail = "the file does not end with its closing footer"
            problems.append(SegmentProblem(kind: .footerMissing, offset: scan.fileSize, detail: detail))
        }
        if let footer = scan.footers.last, footer.groups == scan.groups.count,
            !matches(footer, scan: scan, totals: totals, file: file)
        {
            let detail = "the footer is not what the row groups say"
            problems.append(SegmentProblem(kind: .footerMismatch, offset: footer.frameOffset, detail: detail))
        }
        let lost = scan.rowsLost(wasSealed: !mayBeOpen)
        let state: SegmentVerdict.State =
            !(scan.isOurs || scan.startsAsOurs) ? .foreign : !problems.isEmpty ? .damaged : isClosed ? .sealed : .open
        return SegmentVerdict(
            state: state,
            path: file.path,
            bytes: scan.fileSize,
            lostBytes: scan.lostBytes,
            totals: totals,
            rowsLost: lost.count,
            isRowsLostExact: lost.isExact,
            problems: problems
        )
    }

    /// A footer of this version is the same to the byte. One that another version wrote may word its schema differently, but
    /// holds the RowGroup structs in one piece.
    private static func matches(
        _ footer: FrameScan.Footer,
        scan: FrameScan,
        totals: SegmentTotals,
        file: any ReadableFile
    ) -> Bool {
        guard let prologue = scan.prologue,
            let bytes = try? file.readExactly(
                at: footer.frameOffset + Int64(ArchiveFormat.headerLength),
                count: footer.header.payloadLength
            )
        else { return false }
        let metadata = scan.groups.map(\.trailer.metadata)
        if bytes == SegmentFooter.payload(prologue: prologue, totals: totals, metadata: metadata) { return true }
        return contains(bytes, Array(metadata.joined()))
    }

    private static func contains(_ bytes: [UInt8], _ part: [UInt8]) -> Bool {
        guard part.count <= bytes.count else { return false }
        return (0...(bytes.count - part.count)).contains { bytes[$0...].starts(with: part) }
    }
}
