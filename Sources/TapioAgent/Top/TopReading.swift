/// What a client of `tapio top` gets every interval: a snapshot, and what happened since the one before. Its JSON is stable: keys
/// are added, never changed.
public struct TopReading: Codable, Sendable {
    /// The agent at the end of the interval.
    public var status: StatusReport
    /// How long the interval was, by a clock that never steps; 0 in the first reading, which has nothing but a status.
    public var seconds = 0.0
    /// Records that were read in it and looked at here.
    public var records: UInt64 = 0
    /// Events that these stand for: what chance did not keep, and what was merged, included.
    public var events = 0.0
    /// Records that were read in it and not looked at, because there were too many; the archive has them.
    public var skipped: UInt64 = 0
    /// From the kernel's timestamp to the reader's check, nanoseconds, in this interval; nil where nothing was measured.
    public var latencyP50Ns: UInt64?
    /// The same for the slowest of a hundred.
    public var latencyP99Ns: UInt64?
    /// Who caused most of the events, by process.
    public var processes = Ranking()
    /// The same by name, whatever the process.
    public var commands = Ranking()
    /// The same by pod, container or systemd unit.
    public var owners = Ranking()
    /// Other ends of most of the connections and packets; clients without their ports.
    public var peers = Ranking()

    /// A snapshot alone.
    public init(status: StatusReport) {
        self.status = status
    }

    /// Those with most events, the greatest first.
    public struct Ranking: Codable, Sendable, Hashable {
        /// As many as were asked for, at most.
        public var entries: [Entry] = []
        /// Whoever is not among those that were told apart has no more events than this.
        public var unseen = 0.0

        /// None.
        public init() {}
    }

    /// One of a ranking.
    public struct Entry: Codable, Sendable, Hashable {
        /// A thread's name, `namespace/pod`, or an address with its port. As it is: not escaped.
        public var name: String
        /// The process, where that is what is ranked.
        public var pid: Int32?
        /// Whose a process is; the DNS name or the service of another end; nil where that is not known.
        public var detail: String?
        /// Events: never too many, and at most `error` too few.
        public var events: Double
        /// 0 where all were told apart.
        public var error = 0.0

        /// An entry.
        public init(name: String, pid: Int32? = nil, detail: String? = nil, events: Double, error: Double = 0) {
            self.name = name
            self.pid = pid
            self.detail = detail
            self.events = events
            self.error = error
        }

        /// The same one in another interval.
        var identity: String { "\(pid ?? -1) \(name)" }
    }
}

extension TopReading.Ranking {
    /// One over several intervals. An entry that one of them lacks may have had as many there as was `unseen`.
    static func merged(_ rankings: [TopReading.Ranking], limit: Int) -> TopReading.Ranking {
        if rankings.count == 1 { return rankings[0] }
        var sums: [String: TopReading.Entry] = [:]
        var seenIn: [String: Double] = [:]
        for ranking in rankings {
            for entry in ranking.entries {
                let key = entry.identity
                var sum = sums[key] ?? TopReading.Entry(name: entry.name, pid: entry.pid, events: 0)
                sum.events += entry.events
                sum.error += entry.error
                sum.detail = entry.detail ?? sum.detail
                sums[key] = sum
                seenIn[key, default: 0] += ranking.unseen
            }
        }
        var merged = TopReading.Ranking()
        merged.unseen = rankings.reduce(0) { $0 + $1.unseen }
        for (key, var entry) in sums {
            entry.error += merged.unseen - (seenIn[key] ?? 0)
            merged.entries.append(entry)
        }
        merged.entries.sort { ($1.events, $0.identity) < ($0.events, $1.identity) }
        merged.entries.removeLast(max(0, merged.entries.count - limit))
        return merged
    }
}
