/// What `/readyz` says: whether the agent does its work, check by check.
public struct ReadinessReport: Codable, Sendable {
    /// What came of a check.
    public enum State: String, Codable, Sendable {
        /// It is as it should be.
        case ok
        /// It is not.
        case failed
        /// Nothing speaks against it, and nothing proves it.
        case unproven
    }

    /// One check.
    public struct Check: Codable, Sendable {
        /// `archive`, `ledger`, or `collector.` and its name.
        public var name: String
        /// What came of it.
        public var state: State
        /// One line.
        public var message: String
    }

    /// False as soon as one check failed.
    public var isReady: Bool
    /// All that was looked at.
    public var checks: [Check]

    /// How long an encoded batch may wait for the archive, nanoseconds.
    private static let longestWaitNs: UInt64 = 10_000_000_000

    /// How much later than it is due a segment may be sealed.
    private static let sealDelaySeconds: Int64 = 60

    init(_ status: StatusReport, _ canaries: CanaryReport) {
        checks = [Self.archive(status), Self.ledger(status)]
        checks += status.collectors.filter { $0.state != "disabled" }.map { Self.collector($0, canaries) }
        isReady = !checks.contains { $0.state == .failed }
    }

    private static func archive(_ status: StatusReport) -> Check {
        let archive = status.archive
        func check(_ state: State, _ message: String) -> Check {
            Check(name: "archive", state: state, message: message)
        }
        if let trouble = archive.trouble {
            return check(.failed, "it cannot be written (\(trouble)): \(archive.lastError ?? "no reason known")")
        }
        let waitNs = status.overflow.pressure.exportAgeNs
        guard waitNs < longestWaitNs else {
            return check(.failed, "the oldest batch has waited for \(waitNs / 1_000_000_000) s to be written")
        }
        if let age = archive.openSeconds, age > archive.sealSeconds + sealDelaySeconds {
            return check(
                .failed,
                "the open segment has been so for \(age) s, and was to be sealed after \(archive.sealSeconds) s"
            )
        }
        guard let open = archive.openSegment else {
            return archive.sealedSegments > 0
                ? check(.ok, "\(archive.sealedSegments) sealed segments, nothing waits")
                : check(.failed, "nothing has been written yet")
        }
        return check(.ok, "\(open) is open, \(archive.sealedSegments) sealed segments, nothing waits")
    }

    private static func ledger(_ status: StatusReport) -> Check {
        let broken = status.ledger.filter { !$0.violations.isEmpty }
        let state: State = broken.isEmpty ? .ok : .failed
        let lines = broken.map { "\($0.kind): \($0.violations.joined(separator: ", "))" }
        return Check(
            name: "ledger",
            state: state,
            message: broken.isEmpty ? "every event is accounted for" : lines.joined(separator: "; ")
        )
    }

    private static func collector(_ collector: StatusReport.Collector, _ canaries: CanaryReport) -> Check {
        func check(_ state: State, _ message: String) -> Check {
            Check(name: "collector.\(collector.name)", state: state, message: message)
        }
        let programs = "\(collector.programs.count) programs are attached"
        let runs = collector.programs.reduce(0) { $0 &+ $1.runs }
        // Zero means only that the kernel does not count them (kernel.bpf_stats_enabled).
        let work = runs > 0 ? "\(programs) and ran \(runs) times" : programs
        switch collector.state {
        case "running":
            switch canaries.proofs[collector.name] {
            case .seen(let kind, let afterNs):
                return check(.ok, "its canary was seen as \(kind) after \((afterNs + 500_000) / 1_000_000) ms")
            case .missed(let reason): return check(.failed, "its canary: \(reason); \(work)")
            case .unproven(let reason): return check(.unproven, "\(reason); \(work)")
            case nil: return check(.unproven, "it started after the last canary; \(work)")
            }
        case "unavailable": return check(.unproven, "nothing to watch: \(collector.error ?? "no reason known")")
        default: return check(.failed, "\(collector.state): \(collector.error ?? "no reason known")")
        }
    }
}
