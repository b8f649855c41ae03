/// Bounds of aggregation that a running reader takes over at its next pass.
public struct AggregationTuning: Sendable, Hashable {
    /// Nanoseconds from the first event of a window to its summaries.
    public var windowNs: UInt64 = 5_000_000_000
    /// Groups that each lane of a reader tells apart in a window, 1…65,536; a further one makes another's summary due early.
    public var maxGroups = 5000

    /// The defaults.
    public init() {}

    /// The most memory that the windows of `readers` readers can take, bytes. It is touched only as groups come to be.
    public func mostBytes(readers: Int) -> Int {
        readers * 2 * maxGroups * WindowAggregator.bytesOfGroup
    }
}

/// How much of a batch the summaries may take that an event makes due, so that there always is room for the events.
struct SummaryRoom {
    var rows: Int
    var bytes: Int

    /// All that the batch has.
    static let unlimited = SummaryRoom(rows: .max, bytes: .max)
    /// Nothing.
    static let none = SummaryRoom(rows: 0, bytes: 0)

    /// Halves the room for records, and takes the other half.
    static func halving(records: inout Int, bytes: inout Int) -> SummaryRoom {
        let room = SummaryRoom(rows: records / 2, bytes: bytes / 2)
        records -= room.rows
        bytes -= room.bytes
        return room
    }
}
