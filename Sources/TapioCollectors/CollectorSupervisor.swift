public import TapioKernel

/// Time and chance as the supervisor sees them, so that tests can be the ones who pass it.
public struct SupervisorClock: Sendable {
    /// Boot time now, nanoseconds.
    public var nowNs: @Sendable () -> Int64
    /// Returns after about that many nanoseconds; throws when the task is cancelled.
    public var sleep: @Sendable (_ nanoseconds: Int64) async throws -> Void
    /// A number from 0 to 1.
    public var chance: @Sendable () -> Double

    /// A clock of these functions.
    public init(
        nowNs: @escaping @Sendable () -> Int64,
        sleep: @escaping @Sendable (_ nanoseconds: Int64) async throws -> Void,
        chance: @escaping @Sendable () -> Double
    ) {
        self.nowNs = nowNs
        self.sleep = sleep
        self.chance = chance
    }
}

/// Starts, watches, restarts and stops the collectors. One that cannot run never stops the others.
///
/// Between two of its methods at most one operation is under way for each collector: `apply`, `tick` and `stopAll` wait
/// for each other.
public actor CollectorSupervisor {
    private struct Entry {
        let descriptor: CollectorDescriptor
        var lifecycle: CollectorLifecycle
        var options = CollectorOptions()
        var collector: (any Collector)?
    }

    private let plane: KernelPlane?
    private let clock: SupervisorClock
    private var entries: [Entry]
    private var isBusy = false
    private var waiting: [CheckedContinuation<Void, Never>] = []

    /// How often `run` asks running collectors for their health, nanoseconds.
    public static let healthPeriodNs: Int64 = 5_000_000_000

    /// A supervisor of these collectors, all disabled.
    ///
    /// - Parameter plane: The shared maps; nil where they could not be made, and then no collector starts.
    public init(
        _ descriptors: [CollectorDescriptor],
        plane: KernelPlane?,
        clock: SupervisorClock,
        backoff: RestartBackoff = RestartBackoff()
    ) {
        self.plane = plane
        self.clock = clock
        let now = clock.nowNs()
        entries = descriptors.map {
            Entry(descriptor: $0, lifecycle: CollectorLifecycle(nowNs: now, backoff: backoff))
        }
    }

    /// Makes exactly these collectors run, with these options: starts what is new, stops what is gone, hands changed
    /// options over; what is the same is not touched. Starts are concurrent, and all are waited for.
    ///
    /// - Returns: every error of this call; the collectors concerned are tried again later by `run`.
    @discardableResult
    public func apply(_ wanted: [String: CollectorOptions]) async -> [CollectorError] {
        await lock()
        defer { unlock() }
        var errors = wanted.keys.filter { name in !entries.contains { $0.descriptor.name == name } }.sorted()
            .map { CollectorError(collector: $0, reason: "there is no collector of that name in this build") }
        var toStart: [Int] = []
        for index in entries.indices {
            guard let options = wanted[entries[index].descriptor.name] else {
                await disable(index, finally: .disabled)
                continue
            }
            let isChanged = entries[index].options != options
            entries[index].options = options
            if entries[index].lifecycle.enable(nowNs: clock.nowNs()) == .start {
                toStart.append(index)
            } else if isChanged, let error = await reconfigure(index) {
                errors.append(error)
            }
        }
        return errors + (await start(toStart))
    }

    /// Starts what is due again and looks whether the running ones still work.
    ///
    /// - Returns: every error of this call.
    @discardableResult
    public func tick() async -> [CollectorError] {
        await lock()
        defer { unlock() }
        var errors: [CollectorError] = []
        for index in entries.indices where entries[index].lifecycle.state == .running {
            guard let collector = entries[index].collector else { continue }
            do throws(CollectorError) {
                _ = try await collector.health()
            } catch {
                await collector.stop()
                entries[index].collector = nil
                fail(index, error)
                errors.append(error)
            }
        }
        let now = clock.nowNs()
        let due = entries.indices.filter { entries[$0].lifecycle.tick(nowNs: now) == .start }
        return errors + (await start(due))
    }

    /// Restarts failed collectors when their time comes, until the task is cancelled.
    ///
    /// - Parameter report: Gets every error, as it happens.
    public func run(report: @Sendable (CollectorError) -> Void = { _ in }) async {
        while !Task.isCancelled {
            let now = clock.nowNs()
            let next = entries.compactMap(\.lifecycle.nextTickNs).min() ?? .max
            let delay = min(max(next == .max ? Self.healthPeriodNs : next - now, 0), Self.healthPeriodNs)
            do {
                try await clock.sleep(delay)
            } catch {
                return
            }
            await tick().forEach(report)
        }
    }

    /// Detaches all collectors, in the reverse order of the registry. When it returns, no program runs any more.
    public func stopAll() async {
        await lock()
        defer { unlock() }
        for index in entries.indices.reversed() {
            await disable(index, finally: .stopped)
        }
    }

    /// All collectors, in the order of the registry.
    public func status() async -> [CollectorStatus] {
        var result: [CollectorStatus] = []
        for entry in entries {
            result.append(
                CollectorStatus(
                    name: entry.descriptor.name,
                    state: entry.lifecycle.state,
                    sinceNs: entry.lifecycle.sinceNs,
                    restarts: entry.lifecycle.restarts,
                    lastError: entry.lifecycle.lastError,
                    health: (try? await entry.collector?.health()) ?? CollectorHealth()
                )
            )
        }
        return result
    }

    // MARK: - One collector

    private func start(_ wanted: [Int]) async -> [CollectorError] {
        let indices = wanted.filter { index in
            guard case .unavailable(let reason) = entries[index].descriptor.readiness() else { return true }
            entries[index].lifecycle.unavailable(reason, nowNs: clock.nowNs())
            return false
        }
        guard let plane else {
            let errors = indices.map {
                CollectorError(
                    collector: entries[$0].descriptor.name,
                    reason: "cannot start, for the agent could not make its BPF maps; see its first error"
                )
            }
            for (index, error) in zip(indices, errors) { fail(index, error) }
            return errors
        }
        let fresh = indices.map { ($0, entries[$0].descriptor.make(plane, entries[$0].options)) }
        let outcomes = await withTaskGroup(of: (Int, any Collector, CollectorError?).self) { group in
            for (index, collector) in fresh {
                group.addTask {
                    do throws(CollectorError) {
                        try await collector.start()
                        return (index, collector, nil)
                    } catch {
                        return (index, collector, error)
                    }
                }
            }
            return await group.reduce(into: []) { $0.append($1) }
        }
        var errors: [CollectorError] = []
        for (index, collector, error) in outcomes.sorted(by: { $0.0 < $1.0 }) {
            if let error {
                fail(index, error)
                errors.append(error)
            } else if entries[index].lifecycle.started(nowNs: clock.nowNs()) == .stop {
                await collector.stop()
            } else {
                entries[index].collector = collector
            }
        }
        return errors
    }

    private func reconfigure(_ index: Int) async -> CollectorError? {
        guard let collector = entries[index].collector else { return nil }
        do throws(CollectorError) {
            try await collector.reconfigure(entries[index].options)
            return nil
        } catch {
            await collector.stop()
            entries[index].collector = nil
            fail(index, error)
            return error
        }
    }

    private func disable(_ index: Int, finally: CollectorState) async {
        let action = entries[index].lifecycle.disable(nowNs: clock.nowNs(), finally: finally)
        guard action == .stop, let collector = entries[index].collector else { return }
        entries[index].collector = nil
        await collector.stop()
    }

    private func fail(_ index: Int, _ error: CollectorError) {
        entries[index].lifecycle.failed(error.reason, nowNs: clock.nowNs(), chance: clock.chance())
    }

    // MARK: - One operation at a time: an actor alone lets others in at each await

    private func lock() async {
        if !isBusy {
            isBusy = true
            return
        }
        await withCheckedContinuation { waiting.append($0) }
    }

    private func unlock() {
        if waiting.isEmpty {
            isBusy = false
        } else {
            waiting.removeFirst().resume()
        }
    }
}
