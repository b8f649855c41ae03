/// How long to wait before a failed collector is started again: doubled with each failure in a row, bounded, and spread
/// so that collectors that failed together don't come back together.
public struct RestartBackoff: Sendable, Equatable {
    /// After the first failure, nanoseconds.
    public var firstNs: Int64 = 1_000_000_000
    /// At most, nanoseconds.
    public var greatestNs: Int64 = 300_000_000_000
    /// The part of the delay that chance may take away, 0 to 1.
    public var spread = 0.2

    /// One second, up to five minutes.
    public init() {}

    /// The delay after `failures` failures in a row (from 1).
    ///
    /// - Parameter chance: 0 to 1, drawn anew for each failure.
    public func delayNs(failures: Int, chance: Double) -> Int64 {
        let doublings = min(max(failures - 1, 0), 40)
        let delay = min(Double(firstNs) * Double(UInt64(1) << UInt64(doublings)), Double(greatestNs))
        return Int64(delay * (1 - spread * chance))
    }
}

/// Where a collector stands.
public enum CollectorState: Sendable, Equatable {
    /// The configuration does not ask for it.
    case disabled
    /// It is being loaded and attached.
    case starting
    /// Attached.
    case running
    /// It did not start, or stopped working; it is started again at `retryAtNs` (boot time).
    case failed(reason: String, retryAtNs: Int64)
    /// What it watches is not here; it is not tried.
    case unavailable(reason: String)
    /// It was stopped in order; only a new configuration starts it.
    case stopped

    /// The word that status and metrics use.
    public var name: String {
        switch self {
        case .disabled: "disabled"
        case .starting: "starting"
        case .running: "running"
        case .failed: "failed"
        case .unavailable: "unavailable"
        case .stopped: "stopped"
        }
    }
}

/// The decisions about one collector, without actors or clocks: events go in, what to do comes out.
public struct CollectorLifecycle: Sendable, Equatable {
    /// What the supervisor is to do.
    public enum Action: Sendable, Equatable {
        case start
        case stop
    }

    /// Where it stands.
    public private(set) var state: CollectorState = .disabled
    /// Since when, boot time in nanoseconds.
    public private(set) var sinceNs: Int64
    /// How often it was started again after a failure.
    public private(set) var restarts = 0
    /// The last failure, also after it runs again.
    public private(set) var lastError: String?

    private var failuresInARow = 0
    private let backoff: RestartBackoff

    /// A collector that is disabled.
    public init(nowNs: Int64, backoff: RestartBackoff = RestartBackoff()) {
        sinceNs = nowNs
        self.backoff = backoff
    }

    /// The configuration asks for it.
    public mutating func enable(nowNs: Int64) -> Action? {
        switch state {
        case .disabled, .stopped:
            failuresInARow = 0
            enter(.starting, nowNs)
            return .start
        case .starting, .running, .failed, .unavailable:
            return nil
        }
    }

    /// There is nothing for it to watch.
    public mutating func unavailable(_ reason: String, nowNs: Int64) {
        guard state == .starting else { return }
        enter(.unavailable(reason: reason), nowNs)
    }

    /// The configuration asks for it no longer, or the agent stops.
    public mutating func disable(nowNs: Int64, finally: CollectorState = .disabled) -> Action? {
        switch state {
        case .starting, .running:
            enter(finally, nowNs)
            return .stop
        case .failed, .unavailable, .disabled, .stopped:
            if state != finally { enter(finally, nowNs) }
            return nil
        }
    }

    /// Its start succeeded. Asks to stop it again where it was disabled meanwhile.
    public mutating func started(nowNs: Int64) -> Action? {
        guard state == .starting else { return state == .running ? nil : .stop }
        enter(.running, nowNs)
        return nil
    }

    /// Its start failed, or it stopped working.
    public mutating func failed(_ reason: String, nowNs: Int64, chance: Double) {
        lastError = reason
        guard state == .starting || state == .running else { return }
        // What ran for longer than the greatest delay is not failing in a row.
        if state == .running, nowNs - sinceNs >= backoff.greatestNs { failuresInARow = 0 }
        failuresInARow += 1
        let delay = backoff.delayNs(failures: failuresInARow, chance: chance)
        enter(.failed(reason: reason, retryAtNs: nowNs + delay), nowNs)
    }

    /// Time has passed.
    public mutating func tick(nowNs: Int64) -> Action? {
        guard case .failed(_, let retryAtNs) = state, nowNs >= retryAtNs else { return nil }
        restarts += 1
        enter(.starting, nowNs)
        return .start
    }

    /// When `tick` has something to do next, boot time in nanoseconds; nil for never.
    public var nextTickNs: Int64? {
        if case .failed(_, let retryAtNs) = state { retryAtNs } else { nil }
    }

    private mutating func enter(_ next: CollectorState, _ nowNs: Int64) {
        state = next
        sinceNs = nowNs
    }
}
