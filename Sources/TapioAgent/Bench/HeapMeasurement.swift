/// What the agent allocated while a load ran.
public struct HeapMeasurement: Sendable, Hashable, Codable {
    /// The load's name.
    public var load = ""
    /// How long was counted, ns.
    public var elapsedNs: UInt64 = 0
    /// Records that the readers read meanwhile.
    public var events: UInt64 = 0
    /// Batches that they sealed.
    public var batches: UInt64 = 0
    /// Passes of the readers over the rings.
    public var passes: UInt64 = 0
    /// Who allocated, most first.
    public var threads: [Threads] = []
    /// What was wrong with the run: a line each.
    public var problems: [String] = []

    /// Calls of some threads.
    public struct Threads: Sendable, Hashable, Codable {
        /// What they do.
        public var role: HeapRole
        /// How many threads allocated at all.
        public var threads = 0
        /// Calls of malloc(3).
        public var malloc: UInt64 = 0
        /// Calls of calloc(3).
        public var calloc: UInt64 = 0
        /// Calls of realloc(3), where memory may be had already.
        public var realloc: UInt64 = 0
        /// Calls of aligned_alloc(3) and posix_memalign(3).
        public var aligned: UInt64 = 0

        /// All of them.
        public var calls: UInt64 { malloc + calloc + realloc + aligned }
    }

    /// Nothing yet.
    public init() {}

    /// All threads together.
    public var calls: UInt64 { threads.reduce(0) { $0 + $1.calls } }

    /// Calls for each event.
    public func perEvent(_ calls: UInt64) -> Double { Double(calls) / Double(max(1, events)) }

    /// Calls for each batch.
    public func perBatch(_ calls: UInt64) -> Double { Double(calls) / Double(max(1, batches)) }

    /// Adds up what threads allocated between two readings, by what they do.
    mutating func add(_ after: [UInt32: HeapCounts], since before: [UInt32: HeapCounts]) {
        var roles: [HeapRole: Threads] = [:]
        for role in [HeapRole.reader, .encoder] { roles[role] = Threads(role: role) }
        for (tid, counts) in after {
            let delta = counts.since(before[tid] ?? HeapCounts())
            let role = HeapRole(thread: tid == 0 ? "" : counts.name)
            var sum = roles[role] ?? Threads(role: role)
            sum.malloc += delta.malloc
            sum.calloc += delta.calloc
            sum.realloc += delta.realloc
            sum.aligned += delta.aligned
            sum.threads += delta.malloc + delta.calloc + delta.realloc + delta.aligned > 0 ? 1 : 0
            roles[role] = sum
        }
        threads = roles.values.sorted { ($1.calls, $0.role.rawValue) < ($0.calls, $1.role.rawValue) }
    }
}

/// What a thread of the agent is for, by its name.
public enum HeapRole: String, Sendable, Hashable, Codable, CaseIterable {
    /// Drains the rings.
    case reader
    /// Encodes and compresses.
    case encoder
    /// Syncs the archive.
    case sync
    /// Serves live views.
    case live
    /// The exporter, actors and all else on shared threads.
    case tasks

    init(thread name: String) {
        self =
            switch name {
            case _ where name.hasPrefix("tapio-reader"): .reader
            case _ where name.hasPrefix("tapio-encode"): .encoder
            case _ where name.hasPrefix("tapio-sync"): .sync
            case _ where name.hasPrefix("tapio-live"): .live
            default: .tasks
            }
    }
}
