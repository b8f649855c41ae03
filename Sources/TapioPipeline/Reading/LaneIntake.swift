import TapioEvents

/// One lane's side of a reader: the batch that is being filled, or one that is sealed and finds no place in the queue.
///
/// It decides and holds; the loop carries out. Owned by the reader's thread.
struct LaneIntake {
    /// What a lane needs before it can take records.
    enum Need: Equatable {
        /// Nothing: the open batch has room.
        case nothing
        /// An empty batch.
        case batch
        /// The open batch is full: seal it first.
        case seal
        /// The open batch is empty and has no memory.
        case memory
        /// The sealed batch waits for a place; nothing can be taken.
        case place
    }

    let lane: Lane
    /// The batch that is being filled.
    private(set) var open: RowBatch?
    /// The sealed batch that waits for a place.
    private(set) var waiting: RowBatch?
    /// Rows of the open batch that may get a name before it is handed over: the first ``mostNameless``.
    private(set) var nameless: [UInt32] = []
    /// Bounds what the second look costs: it takes about a tenth of a millisecond.
    static let mostNameless = 4096
    /// When the open batch got its first row.
    private(set) var openedNs: UInt64 = 0
    /// Rows of the open batch that the ledger knows of, by kind.
    private(set) var counted = [UInt64](repeating: 0, count: EventKind.limit)

    init(lane: Lane) {
        self.lane = lane
        nameless.reserveCapacity(Self.mostNameless)
    }

    /// Notes that the newest row may get a name.
    @inline(__always)
    mutating func noteNameless(row: Int) {
        if nameless.count < Self.mostNameless { nameless.append(UInt32(truncatingIfNeeded: row)) }
    }

    /// What is to be done before the lane takes records.
    var need: Need {
        if waiting != nil { return .place }
        guard let open else { return .batch }
        if open.recordRoom > 0 && open.byteRoom > 0 { return .nothing }
        return open.isEmpty ? .memory : .seal
    }

    /// Whether the open batch has rows, and reached the age at which it is handed over.
    func isDue(nowNs: UInt64, maxAgeNs: UInt64) -> Bool {
        guard let open, !open.isEmpty else { return false }
        return nowNs >= openedNs && nowNs - openedNs >= maxAgeNs
    }

    /// Whether there are rows here that the queue doesn't have.
    var hasRows: Bool { waiting != nil || open.map { !$0.isEmpty } ?? false }

    /// Gives it an empty batch to fill.
    mutating func begin(_ batch: RowBatch) {
        precondition(open == nil && batch.isEmpty)
        batch.lane = lane
        open = batch
    }

    /// Notes that the open batch got rows; the time counts for the first of them. For each kind that has new rows, `count`
    /// gets their number.
    mutating func noteRows(nowNs: UInt64, kinds: [EventKind], _ count: (EventKind, UInt64) -> Void) {
        guard let open, !open.isEmpty else { return }
        if openedNs == 0 { openedNs = max(nowNs, 1) }
        for kind in kinds {
            let rows = UInt64(open.rowCount(of: kind))
            let known = counted[Int(kind.rawValue)]
            guard rows != known else { continue }
            counted[Int(kind.rawValue)] = rows
            count(kind, rows - known)
        }
    }

    /// Ends the open batch, which then waits for a place.
    mutating func seal(sequence: UInt64, enrichment: EnrichmentTable) {
        guard let batch = open, waiting == nil else { return }
        precondition(!batch.isEmpty)
        batch.sequence = sequence
        batch.enrichment = enrichment
        waiting = batch
        open = nil
        openedNs = 0
        nameless.removeAll(keepingCapacity: true)
        for kind in counted.indices { counted[kind] = 0 }
    }

    /// Hands out the sealed batch; put it back with ``keep(_:)`` if there is no place.
    mutating func takeWaiting() -> RowBatch? {
        let batch = waiting
        waiting = nil
        return batch
    }

    /// Keeps a sealed batch that found no place.
    mutating func keep(_ batch: RowBatch) {
        precondition(waiting == nil)
        waiting = batch
    }

    /// Hands out the open batch where it is empty, at the end.
    mutating func takeEmpty() -> RowBatch? {
        guard let open, open.isEmpty else { return nil }
        self.open = nil
        return open
    }
}
