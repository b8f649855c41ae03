/// What became of lists and watches of one resource since the start. Counters are never reset: take differences.
public struct ResourceStatistics: Sendable, Equatable {
    /// Lists begun.
    public internal(set) var lists: UInt64 = 0
    /// Pages received.
    public internal(set) var pages: UInt64 = 0
    /// Watches that the server has begun, with a 200.
    public internal(set) var watches: UInt64 = 0
    /// Bookmarks received.
    public internal(set) var bookmarks: UInt64 = 0
    /// Lists that were begun because the version or the page asked for was gone (410): something may have been missed
    /// in between, but what is there now is known.
    public internal(set) var relists: UInt64 = 0
    /// Tries again after a failure.
    public internal(set) var reconnects: UInt64 = 0
    /// Objects delivered as new.
    public internal(set) var added: UInt64 = 0
    /// Objects delivered as changed.
    public internal(set) var updated: UInt64 = 0
    /// Objects delivered as gone.
    public internal(set) var deleted: UInt64 = 0
    /// Objects received that were known in the same version, and not delivered.
    public internal(set) var unchanged: UInt64 = 0
    /// Lines and objects that could not be read, and were left out.
    public internal(set) var malformed: UInt64 = 0
    /// Lines beyond ``WatchSettings/longestLine`` and pages beyond ``WatchSettings/mostPageBytes``, left out.
    public internal(set) var tooLong: UInt64 = 0
    /// Objects left out because ``WatchSettings/mostObjects`` were known.
    public internal(set) var beyondBound: UInt64 = 0
    /// Objects known now.
    public internal(set) var objects = 0
    /// Whether a list was complete at least once.
    public internal(set) var isSynced = false
    /// The last time that the server gave what was asked for, in nanoseconds since 1970 UTC; nil before.
    public internal(set) var lastSuccessNs: UInt64?
    /// What went wrong last, also when it has gone well again since.
    public internal(set) var lastError: KubernetesError?
    /// When that was, in nanoseconds since 1970 UTC.
    public internal(set) var lastErrorNs: UInt64?

    /// Nothing has happened yet.
    public init() {}

    /// Whether the last thing that happened was a failure.
    public var isFailing: Bool {
        guard let lastErrorNs else { return false }
        return lastErrorNs > lastSuccessNs ?? 0
    }
}
