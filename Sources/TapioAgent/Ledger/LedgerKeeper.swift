import TapioEvents
import TapioPipeline

/// The ledger of the kernel and the agent at one time, with what the kernel knows by CPU.
struct LedgerReading: Sendable {
    var snapshot: LedgerSnapshot
    /// Events lost to a full ring, by kind and CPU, since the start.
    var ringFull: [EventKind: [UInt64]] = [:]
}

/// Turns readings of the ledger into rows of the archive: an interval row for each kind that did something, and a gap row
/// for each loss. A pure value: it decides, the exporter writes.
///
/// Rows are differences to the last reading that was *written*: where writing fails, nothing is forgotten, and the next
/// rows cover the longer time.
struct LedgerKeeper {
    /// Gaps are merged by kind, stage, reason and CPU, so their number is bounded by what can go wrong, not by how often.
    private struct GapKey: Hashable {
        var kind: EventKind
        var stage: String
        var reason: String
        var cpu: UInt32?
    }

    private let registry: SchemaRegistry
    private var written: LedgerReading
    private var gaps: [GapKey: LedgerRow] = [:]
    private var notes: [LedgerRow] = []
    /// Notes that had to be given up because nothing could be written for too long.
    private(set) var droppedNotes: UInt64 = 0

    /// Reloads, clock changes and the like that may wait to be written.
    static let maxNotes = 1024

    /// A keeper whose first interval begins with `reading`.
    init(registry: SchemaRegistry, since reading: LedgerReading) {
        self.registry = registry
        self.written = reading
    }

    /// Remembers a loss in the agent's own stages until it is written.
    mutating func note(
        lost count: UInt64,
        of kind: EventKind,
        stage: String,
        reason: String,
        fromNs: Int64,
        toNs: Int64
    ) {
        guard count > 0 else { return }
        let key = GapKey(kind: kind, stage: stage, reason: reason)
        var row = gaps[key] ?? gap(key, fromNs: fromNs, toNs: toNs)
        row.fromNs = min(row.fromNs, fromNs)
        row.toNs = max(row.toNs, toNs)
        row.count = (row.count ?? 0) &+ count
        gaps[key] = row
    }

    /// Remembers a row that is not a count: a start, a reload, a clock that was set.
    mutating func note(_ row: LedgerRow) {
        guard notes.count < LedgerKeeper.maxNotes else {
            droppedNotes += 1
            return
        }
        notes.append(row)
    }

    /// Whether anything happened since the last rows were written.
    func hasNews(_ reading: LedgerReading) -> Bool {
        !notes.isEmpty || !gaps.isEmpty || !reading.snapshot.since(written.snapshot).isEmpty
    }

    /// The rows that tell what happened since the last rows were written.
    func rows(for reading: LedgerReading) -> [LedgerRow] {
        let from = written.snapshot.takenAtNs
        let to = reading.snapshot.takenAtNs
        var rows = notes
        for (kind, delta) in reading.snapshot.since(written.snapshot).sorted(by: { $0.key < $1.key }) {
            var row = LedgerRow(.interval, fromNs: from, toNs: to)
            describe(kind, in: &row)
            row.counts = delta
            row.inFlight = reading.snapshot.entries[kind]?.inFlight
            rows.append(row)
            rows += ringGaps(kind, reading, fromNs: from, toNs: to)
            rows += readerGaps(kind, delta, fromNs: from, toNs: to)
        }
        rows += gaps.values.sorted { ($0.kind, $0.stage, $0.reason) < ($1.kind, $1.stage, $1.reason) }
        return rows
    }

    /// The rows for `reading` are in the archive: the next ones begin there.
    mutating func commit(_ reading: LedgerReading) {
        written = reading
        gaps.removeAll()
        notes.removeAll()
    }

    private func ringGaps(_ kind: EventKind, _ reading: LedgerReading, fromNs: Int64, toNs: Int64) -> [LedgerRow] {
        let now = reading.ringFull[kind] ?? []
        let before = written.ringFull[kind] ?? []
        return now.enumerated().compactMap { cpu, count in
            let lost = count &- (cpu < before.count ? before[cpu] : 0)
            guard lost > 0 else { return nil }
            var row = gap(
                GapKey(kind: kind, stage: "kernel", reason: "ring_full", cpu: UInt32(cpu)),
                fromNs: fromNs,
                toNs: toNs
            )
            row.count = lost
            return row
        }
    }

    /// What the agent's threads refused or dropped. Each loss has a gap row, so that gap rows add up to the intervals.
    private func readerGaps(
        _ kind: EventKind,
        _ delta: LedgerEntry,
        fromNs: Int64,
        toNs: Int64
    ) -> [LedgerRow] {
        let noted = gaps.filter { $0.key.kind == kind }.reduce(0) { $0 &+ ($1.value.count ?? 0) }
        let losses: [(stage: String, reason: String, count: UInt64)] = [
            ("reader", "malformed", delta.malformed),
            ("reader", "shed", delta.shed),
            // Failures of the archive are noted with their reason as they happen.
            ("encoder", "not_handed_over", delta.failed > noted ? delta.failed - noted : 0),
            // No loss, but no row stands for them either: a question about this time has to be told.
            ("kernel", "counted_only", delta.countedOnly),
        ]
        return losses.filter { $0.count > 0 }.map { loss in
            var row = gap(GapKey(kind: kind, stage: loss.stage, reason: loss.reason), fromNs: fromNs, toNs: toNs)
            row.count = loss.count
            return row
        }
    }

    private func gap(_ key: GapKey, fromNs: Int64, toNs: Int64) -> LedgerRow {
        var row = LedgerRow(.gap, fromNs: fromNs, toNs: toNs)
        describe(key.kind, in: &row)
        row.cpu = key.cpu
        row.stage = key.stage
        row.reason = key.reason
        return row
    }

    private func describe(_ kind: EventKind, in row: inout LedgerRow) {
        row.kind = kind
        if let schema = registry.schema(of: kind) {
            row.priority = schema.priority
            row.collector = schema.collector
        }
    }
}
