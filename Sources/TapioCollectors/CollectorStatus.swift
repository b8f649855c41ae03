/// What status, metrics and doctor show of a collector.
public struct CollectorStatus: Sendable, Equatable {
    /// Its name.
    public let name: String
    /// Where it stands.
    public let state: CollectorState
    /// Since when, boot time in nanoseconds.
    public let sinceNs: Int64
    /// How often it was started again after a failure.
    public let restarts: Int
    /// The last failure, also after it runs again: one line with what to do.
    public let lastError: String?
    /// Its programs and problems; empty where it does not run.
    public let health: CollectorHealth
}
