public import TapioEvents

/// What is known of a column of a row group, or of a segment, without reading it. Bounds enclose every value, tightly or not.
public struct ColumnBounds: Sendable, Hashable {
    /// A bound of the column's type.
    public enum Value: Sendable, Hashable {
        /// Of int32, int64 and timestamp columns.
        case integer(Int64)
        /// Of double columns.
        case double(Double)
        /// Of string columns: compared byte by byte.
        case text([UInt8])
    }

    /// No value is below it; nil: not known.
    public var minimum: Value?
    /// No value is above it; nil: not known.
    public var maximum: Value?
    /// Rows without a value; nil: not known.
    public var nullCount: Int?
    /// All values that occur, where they are known.
    public var values: [String]?

    /// Bounds; nothing is known by default.
    public init(minimum: Value? = nil, maximum: Value? = nil, nullCount: Int? = nil, values: [String]? = nil) {
        self.minimum = minimum
        self.maximum = maximum
        self.nullCount = nullCount
        self.values = values
    }
}

/// A column as a file declares it.
public struct SourceColumn: Sendable, Hashable {
    /// Its name.
    public var name: String
    /// Its type.
    public var type: ColumnType

    /// A column of a file.
    public init(name: String, type: ColumnType) {
        self.name = name
        self.type = type
    }
}

/// A row group that can be asked: what it is known to hold, and its columns one by one.
public protocol RowGroupSource: Sendable {
    /// Names it to people: which file, which group.
    var name: String { get }
    /// Rows.
    var rowCount: Int { get }
    /// Its columns.
    var columns: [SourceColumn] { get }
    /// Size in the file; for the progress bar.
    var byteCount: Int { get }
    /// The boot of the machine in which it was written, as the kernel names it; nil: not known.
    var bootID: String? { get }
    /// What is known of the column at that place.
    func bounds(_ column: Int) -> ColumnBounds
    /// Reads the column at that place. Throws where it is damaged.
    func read(_ column: Int) throws -> ColumnVector
    /// The place of the column of that name; nil where there is none.
    func place(of name: String) -> Int?
    /// Called when nobody reads it any more, for now.
    func finished()
    /// The same for one reader of several columns: what they have in common is then found once, and goes with it.
    func reading() -> any RowGroupSource
}

extension RowGroupSource {
    /// Not known.
    public var bootID: String? { nil }

    /// Looks through them.
    public func place(of name: String) -> Int? { columns.firstIndex { $0.name == name } }

    /// Nothing to do.
    public func finished() {}

    /// Itself: its columns have nothing in common.
    public func reading() -> any RowGroupSource { self }
}

/// A part of an archive that cannot be read, and why. The answer lacks it.
public struct Damage: Sendable, Hashable, CustomStringConvertible {
    /// Names the segment or row group.
    public var place: String
    /// What is wrong.
    public var reason: String
    /// Rows that it had, and that are missing; nil: not known.
    public var rows: Int?
    /// Whether no row is missing: what is damaged is only beside them.
    public var isHarmless: Bool { rows == 0 }

    /// A damage.
    public init(place: String, reason: String, rows: Int? = nil) {
        self.place = place
        self.reason = reason
        self.rows = rows
    }

    /// One line, safe for a terminal.
    public var description: String {
        let lost = rows.map { ", \(HumanUnits.count(Int64($0))) row\($0 == 1 ? "" : "s")" } ?? ""
        return TerminalText.escape("\(place)\(isHarmless ? "" : lost): \(reason)")
    }
}

/// What is known of a row group before its metadata is read.
public struct GroupFacts: Sendable, Hashable {
    /// Earliest and latest event, UTC nanoseconds since 1970; nil: not known.
    public var timestampsNs: ClosedRange<Int64>?
    /// The kinds that occur; nil: not known.
    public var kinds: [String]?
    /// Rows.
    public var rowCount: Int

    /// What is known of a row group.
    public init(timestampsNs: ClosedRange<Int64>? = nil, kinds: [String]? = nil, rowCount: Int) {
        self.timestampsNs = timestampsNs
        self.kinds = kinds
        self.rowCount = rowCount
    }
}

/// A segment of an archive: what is known of it without opening it.
public struct SegmentSource: Sendable {
    /// Names it to people.
    public var name: String
    /// Size in bytes; for the progress bar.
    public var byteCount: Int
    /// Earliest and latest event, UTC nanoseconds since 1970; nil: not known.
    public var timestampsNs: ClosedRange<Int64>?
    /// Rows by kind; nil: not known.
    public var rowsByKind: [String: Int]?
    /// Whether it was saved after a crash.
    public var isRecovered: Bool
    /// Whether it is still being written: then it may hold more than is said here.
    public var isOpen: Bool
    /// The node that wrote it.
    public var node: String?
    /// Counts the node's segments.
    public var sequence: UInt64?
    /// The tables beside the archive that belong to it; nil: none.
    public var dimensions: (any DimensionSource)?
    private let opening: Opening

    /// Opens a segment, asking of each row group whether somebody wants it.
    public typealias Opening = @Sendable (_ isWanted: (GroupFacts) -> Bool) throws -> Opened

    /// A segment that was opened.
    public struct Opened: Sendable {
        /// Its row groups that somebody wants.
        public var groups: [any RowGroupSource]
        /// What of it is lost.
        public var damage: [Damage]
        /// Row groups that nobody wants.
        public var skipped: Int

        /// A segment that was opened.
        public init(groups: [any RowGroupSource], damage: [Damage] = [], skipped: Int = 0) {
            self.groups = groups
            self.damage = damage
            self.skipped = skipped
        }
    }

    /// Opens it, without the row groups that nobody wants: what is known of them decides, before their metadata is read.
    public func open(where isWanted: (GroupFacts) -> Bool = { _ in true }) throws -> Opened { try opening(isWanted) }

    /// A segment.
    public init(
        name: String,
        byteCount: Int,
        timestampsNs: ClosedRange<Int64>? = nil,
        rowsByKind: [String: Int]? = nil,
        isRecovered: Bool = false,
        isOpen: Bool = false,
        node: String? = nil,
        sequence: UInt64? = nil,
        dimensions: (any DimensionSource)? = nil,
        opening: @escaping Opening
    ) {
        self.name = name
        self.byteCount = byteCount
        self.timestampsNs = timestampsNs
        self.rowsByKind = rowsByKind
        self.isRecovered = isRecovered
        self.isOpen = isOpen
        self.node = node
        self.sequence = sequence
        self.dimensions = dimensions
        self.opening = opening
    }
}
