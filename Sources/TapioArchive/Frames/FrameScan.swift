/// How thoroughly a file is walked.
enum ScanDepth: Sendable {
    /// Headers, prologues and trailers: a few kilobytes of a file. Damage inside row groups is not seen.
    case facts
    /// Every byte is read and checked.
    case everything
}

/// Something that isn't as it should be, and where.
public struct SegmentProblem: Sendable, Hashable, CustomStringConvertible {
    /// What is wrong.
    public enum Kind: String, Sendable, Hashable, CaseIterable {
        /// The file doesn't start with `PAR1`.
        case fileMagic
        /// No frame starts where one should.
        case frameHeader
        /// The file ends inside the frame.
        case cutOff
        /// The frame's bytes are not those that were written.
        case checksum
        /// The checksum is right but the contents make no sense.
        case contents
        /// The disk didn't give the bytes.
        case unreadable
        /// No whole prologue.
        case prologue
        /// A row group is missing, or stands twice.
        case order
        /// The file doesn't end with a whole footer.
        case footerMissing
        /// The footer doesn't say what the frames say.
        case footerMismatch
        /// The number of rows is not the one that the file was closed with.
        case rowCount
    }

    /// What is wrong.
    public let kind: Kind
    /// Where, in bytes from the file's start.
    public let offset: Int64
    /// In words.
    public let detail: String

    /// One line.
    public var description: String { "at byte \(offset): \(detail)" }
}

/// What a walk through a file's frames found.
struct FrameScan: Sendable {
    /// A row group that is whole.
    struct Group: Sendable {
        var frameOffset: Int64
        var header: FrameHeader
        var trailer: RowGroupTrailer
        var frameEnd: Int64 { frameOffset + header.frameLength }
    }

    /// A footer that is whole.
    struct Footer: Sendable {
        var frameOffset: Int64
        var header: FrameHeader
        /// Groups that stand before it.
        var groups: Int
        var frameEnd: Int64 { frameOffset + header.frameLength }
    }

    var fileSize: Int64 = 0
    var groups: [Group] = []
    var footers: [Footer] = []
    /// The last whole one.
    var prologue: Prologue?
    var hasFirstPrologue = false
    /// Whole frames of all kinds, for repair.
    var wholeFrames: [Range<Int64>] = []
    var problems: [SegmentProblem] = []
    /// The first read that the disk refused: what the file holds is then not known, whatever else was found.
    var readError: FileError?
    /// What belongs to no whole frame.
    var lostBytes: Int64 = 0
    /// Rows of damaged groups whose header is whole, by ordinal.
    var damagedGroups: [UInt32: UInt32] = [:]
    /// How far the file is known: where the last frame ends of which at least the header is whole.
    var knownEnd: Int64 = 0
    /// Starts as ours do, as far as that is there, with `PAR1` at least: a file of ours, even if no frame of it is whole.
    var startsAsOurs = false
    /// Any whole frame at all: the file is ours.
    var isOurs: Bool { !wholeFrames.isEmpty }
    var rows: Int64 { groups.reduce(0) { $0 + Int64($1.header.rows) } }

    /// Ends with a whole footer that covers all groups.
    var endsWithFooter: Bool {
        guard let last = footers.last else { return false }
        return last.frameEnd == fileSize && last.groups == groups.count
    }

    /// Complete, as far as the walk could see.
    var isSealed: Bool { problems.isEmpty && endsWithFooter }

    /// Complete, and it holds the rows with which it was closed, as far as the walk could see.
    var isWhole: Bool { isSealed && prologue?.totals?.rows == rows }

    /// Rows that were in the file and are in no whole group.
    ///
    /// `isExact` is false where the file's end is missing and nothing says how much stood there.
    /// - Parameter wasSealed: The file once had a closing prologue, so that without one something was cut off.
    func rowsLost(wasSealed: Bool) -> (count: Int64, isExact: Bool) {
        if let totals = prologue?.totals { return (max(0, totals.rows - rows), true) }
        // Each whole group says how many rows stand before it; damaged ones behind it are added up from their headers.
        var known: Int64 = 0
        var next: UInt32 = 0
        if let last = groups.last {
            known = last.trailer.rowsBefore + Int64(last.header.rows)
            next = last.header.ordinal &+ 1
        }
        while let more = damagedGroups[next] {
            known += Int64(more)
            next &+= 1
        }
        return (max(0, known - rows), !wasSealed && knownEnd >= fileSize)
    }
}
