public import TapioEvents

/// A ring whose records also go to a tape.
public struct RecordingSource<Base: RecordSource>: RecordSource {
    private let base: Base
    private let tape: ReaderTape

    init(_ base: Base, _ tape: ReaderTape) {
        self.base = base
        self.tape = tape
    }

    /// The CPU that writes it.
    public var cpu: Int { base.cpu }
    /// The lane that it carries.
    public var lane: Lane { base.lane }
    /// Bytes that wait in it.
    public var pendingBytes: Int { base.pendingBytes }
    /// Bytes that it can hold.
    public var capacity: Int { base.capacity }

    /// Hands over what is there, and to the tape as well; see ``RecordSource``.
    public func drain(maxRecords: Int, maxBytes: Int, _ body: (RawSpan) -> Void) -> SourceDrain {
        tape.begin(lane: lane, cpu: cpu)
        let drained = base.drain(maxRecords: maxRecords, maxBytes: maxBytes) { record in
            tape.note(record)
            // Asks for what is known of the record, which the tape is told of.
            body(record)
        }
        tape.end()
        return drained
    }
}

/// The rings of a reader, recorded.
public final class RecordingPlane<Base: RecordPlane>: RecordPlane {
    /// All rings of the plane.
    public let sources: [RecordingSource<Base.Source>]
    private let base: Base

    /// A plane whose records also go to `tape`, which is the reader's of this plane.
    public init(_ base: Base, tape: ReaderTape) {
        self.base = base
        sources = base.sources.map { RecordingSource($0, tape) }
    }

    /// Sleeps as the plane itself does.
    public func wait(nanoseconds: UInt64) { base.wait(nanoseconds: nanoseconds) }

    /// Ends the wait in progress and all later ones.
    public func endWaits() { base.endWaits() }
}

/// What is known of records, with the answers noted on the readers' tapes.
public final class RecordingEnrichment: EnrichmentLookup {
    private let base: any EnrichmentLookup
    private let tapes: [ReaderTape]

    /// The answers of `base`, which go to the tapes: one for each reader.
    public init(_ base: any EnrichmentLookup, tapes: [ReaderTape]) {
        self.base = base
        self.tapes = tapes
    }

    /// The answer; see ``EnrichmentLookup``.
    public func id(for record: RawSpan, reader: Int, nowNs: UInt64) -> EnrichmentID {
        let id = base.id(for: record, reader: reader, nowNs: nowNs)
        tapes[reader].note(id)
        return id
    }

    /// The later answer; see ``EnrichmentLookup``.
    public func laterID(_ id: EnrichmentID, for record: RawSpan, reader: Int, nowNs: UInt64) -> EnrichmentID {
        let later = base.laterID(id, for: record, reader: reader, nowNs: nowNs)
        if later != id { tapes[reader].noteLater(record, later) }
        return later
    }

    /// What the ids mean.
    public var table: EnrichmentTable { base.table }
}
