import TapioCollectors
import TapioEvents
import TapioPipeline
import TapioRings

extension Agent {
    /// How long a canary may take from the child to the live view, and how often one is sent before it counts as missed.
    private static let canaryLimit = Duration.seconds(2)
    private static let canaryTries = 2

    /// Whether the agent does its work. Its canaries are shared by all who ask.
    func readiness() async -> ReadinessReport {
        let canaries = await proof.value
        return ReadinessReport(await status(), canaries)
    }

    /// Has each running collector prove itself: causes one harmless event and finds it, decoded, among the live ones.
    func sendCanaries() async -> CanaryReport {
        var report = CanaryReport()
        let running = await supervisor.status().filter { $0.state == .running }.map(\.name)
        let canary = Canary(for: running, configuration.collectors)
        for (collector, reason) in canary.excused { report.proofs[collector] = .unproven(reason) }
        var open = canary.expected
        var problem = "it was not seen"
        var hasSeenAll = true
        for _ in 0..<Self.canaryTries where !open.isEmpty {
            let schemas = registry.schemas.filter { open.contains($0.collector) }
            let owners = Dictionary(uniqueKeysWithValues: schemas.map { ($0.name, $0.collector) })
            let live = liveEvents(of: Set(schemas.map(\.kind)))
            let sentNs = MonotonicClock.monotonicNs
            // One at a time: what hangs in one would hang in the next.
            let wasAtLarge = canaryIsAtLarge.withLock { isAtLarge in
                defer { isAtLarge = true }
                return isAtLarge
            }
            guard !wasAtLarge else {
                problem = "the last one has not ended yet: does a file system among collectors.file.paths hang?"
                break
            }
            let outcome = await Patience.value(within: Self.canaryLimit) { [canaryIsAtLarge] in
                defer { canaryIsAtLarge.withLock { $0 = false } }
                return await canary.run()
            }
            guard let outcome else {
                problem = "its child did not end in time"
                break
            }
            if let reason = outcome.problem {
                problem = reason
                continue
            }
            for (collector, reason) in outcome.excused where open.remove(collector) != nil {
                report.proofs[collector] = .unproven(reason)
            }
            let (seen, isWhole) = await Self.find(outcome.pid, owners, awaiting: open, in: live, sentNs)
            hasSeenAll = isWhole
            for (collector, proof) in seen where open.remove(collector) != nil { report.proofs[collector] = proof }
        }
        let sampled = await overflow.status(clock).kinds.filter { $0.keep < 1 || $0.rung != "full" }.map(\.kind)
        for collector in open {
            let reduced = sampled.filter { registry.schema(named: $0)?.collector == collector }
            if !hasSeenAll {
                report.proofs[collector] = .unproven(
                    "more happens than the live view can show, in which it is looked for"
                )
            } else if reduced.isEmpty {
                report.proofs[collector] = .missed(problem)
            } else {
                report.proofs[collector] = .unproven("not every event is kept now: \(reduced.joined(separator: ", "))")
            }
        }
        return report
    }

    /// Looks for the events of a child until each collector that is awaited has told of one, or the time is over; whether it was
    /// shown all that came.
    private static func find(
        _ pid: Int32,
        _ owners: [String: String],
        awaiting: Set<String>,
        in live: AsyncStream<LiveEvents>,
        _ sentNs: UInt64
    ) async -> (found: [String: CanaryReport.Proof], isWhole: Bool) {
        let found = Guarded<[String: CanaryReport.Proof]>([:])
        let skipped = Guarded<UInt64>(0)
        // What was found before the time was over counts.
        _ = await Patience.value(within: canaryLimit) {
            for await events in live {
                skipped.withLock { $0 = events.skipped }
                for event in events.events {
                    guard case .string(let kind) = event["kind"], let owner = owners[kind], isOf(pid, event) else {
                        continue
                    }
                    let proof = CanaryReport.Proof.seen(kind: kind, afterNs: MonotonicClock.monotonicNs &- sentNs)
                    let count = found.withLock { found in
                        if found[owner] == nil { found[owner] = proof }
                        return found.keys.count { awaiting.contains($0) }
                    }
                    if count == awaiting.count { return }
                }
            }
        }
        return (found.withLock { $0 }, skipped.withLock { $0 } == 0)
    }

    private static func isOf(_ pid: Int32, _ event: DecodedEvent) -> Bool {
        if case .int(Int64(pid)) = event["pid"] { return true }
        // The answer may be told in the name of another.
        if case .string(Canary.name) = event["dns_name"] { return true }
        return false
    }
}
