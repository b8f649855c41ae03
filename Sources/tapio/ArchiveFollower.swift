import TapioEvents

/// Which rows of a growing archive were shown already. Batches of different lanes and CPUs reach the archive out of order:
/// each pass looks back a while, and what was shown is remembered that long.
struct ArchiveFollower {
    /// How far out of order rows may come: longer than a batch waits by default.
    static let lookBackNs: Int64 = 30_000_000_000
    /// Rows that are remembered at most; older ones are forgotten first, and then the look back is shorter.
    static let maxRemembered = 1_000_000

    private struct Row: Hashable {
        var ts: EventValue
        var subNs: EventValue
        var cpu: EventValue
        var sequence: EventValue
        var kind: EventValue
    }

    /// The next pass begins here.
    private(set) var sinceNs: Int64
    private let startNs: Int64
    private var latestNs: Int64
    private var shown: [Row: Int64] = [:]

    init(sinceNs: Int64) {
        self.sinceNs = sinceNs
        startNs = sinceNs
        latestNs = sinceNs
    }

    /// Whether the event was not shown before; remembers it.
    mutating func isNew(_ event: DecodedEvent) -> Bool {
        guard case .timestamp(let us) = event["ts"] else { return true }
        let row = Row(
            ts: event["ts"],
            subNs: event["ts_sub_ns"],
            cpu: event["cpu"],
            sequence: event["seq"],
            kind: event["kind"]
        )
        let ns = us.multipliedReportingOverflow(by: 1000).partialValue
        latestNs = max(latestNs, ns)
        return shown.updateValue(ns, forKey: row) == nil
    }

    /// Moves on.
    mutating func endPass() {
        sinceNs = max(startNs, latestNs &- ArchiveFollower.lookBackNs)
        if shown.count > ArchiveFollower.maxRemembered {
            // The newer half, by time.
            let times = shown.values.sorted()
            sinceNs = times[times.count / 2]
        }
        shown = shown.filter { $0.value >= sinceNs }
    }
}
