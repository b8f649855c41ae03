public import TapioEvents

/// What one drain of a source did.
public struct SourceDrain: Sendable, Hashable {
    /// Records that were handed over.
    public var records: Int
    /// Bytes of ring that were given back.
    public var bytes: Int

    /// A drain of so much.
    @inlinable public init(records: Int = 0, bytes: Int = 0) {
        self.records = records
        self.bytes = bytes
    }
}

/// Where records come from: one ring of the kernel, or a stand-in for it. One thread drains it at a time.
public protocol RecordSource: Sendable {
    /// The CPU whose programs write it.
    var cpu: Int { get }
    /// The lane that it carries.
    var lane: Lane { get }
    /// Bytes of records that wait in it; approximate, but never 0 while a complete record waits. Any thread.
    var pendingBytes: Int { get }
    /// Bytes that it can hold.
    var capacity: Int { get }

    /// Hands over what is there, in order, until there is no more or a limit is reached.
    ///
    /// - Parameters:
    ///   - maxRecords: At most this many records.
    ///   - maxBytes: No record is begun after this many bytes; a record counts at least its size rounded up to 8.
    ///   - body: Gets each record's bytes, which are gone when it returns.
    func drain(maxRecords: Int, maxBytes: Int, _ body: (RawSpan) -> Void) -> SourceDrain
}

/// The sources that one reader drains, and where it sleeps meanwhile.
public protocol RecordPlane: Sendable {
    associatedtype Source: RecordSource

    /// All sources; they don't change.
    var sources: [Source] { get }

    /// Sleeps for at most `nanoseconds`, shorter when something urgent comes or ``endWaits()`` was called. Whatever was
    /// urgent before the call ends it at once: no wake-up is lost.
    func wait(nanoseconds: UInt64)

    /// Ends the wait in progress and all later ones. Any thread.
    func endWaits()
}

/// Says what is known of a record beside its bytes. One instance per agent; each reader asks it for each record.
public protocol EnrichmentLookup: Sendable {
    /// The id of what is known in ``table``. On the reader's thread, for each record: it must not block, and
    /// cost about as much as a hash look-up.
    ///
    /// - Parameters:
    ///   - reader: The number of the reader that asks, from 0.
    ///   - nowNs: Monotonic time of the reader's pass.
    func id(for record: RawSpan, reader: Int, nowNs: UInt64) -> EnrichmentID

    /// What is known by now of a record whose id said ``EnrichmentID/mayGetName``; asked once, when its batch is handed over.
    /// As cheap as the first question.
    func laterID(_ id: EnrichmentID, for record: RawSpan, reader: Int, nowNs: UInt64) -> EnrichmentID

    /// What the ids mean: at least all those that were returned so far.
    var table: EnrichmentTable { get }
}
