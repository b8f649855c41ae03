import TapioEvents
import TapioKernel

/// Measures what the collectors cost on this machine as it is now.
public struct CostMeasurement: Sendable {
    /// For how long.
    public let duration: Duration

    /// A measurement over so long a time.
    public init(for duration: Duration) {
        self.duration = duration
    }

    /// What a running agent costs. Throws what the client throws, and a ``KernelError`` where the kernel does not count.
    public func measure(_ client: ControlClient) async throws -> CostReport {
        let accounting = try ProgramAccounting()
        defer { withExtendedLifetime(accounting) {} }
        return try await measure(isOfRunningAgent: true) { try client.status() }
    }

    /// What an agent with this configuration costs: one that is started for it. Its archive is removed.
    public func measureOwn(_ sources: ConfigurationSources) async throws -> CostReport {
        let accounting = try ProgramAccounting()
        defer { withExtendedLifetime(accounting) {} }
        let place = try AgentPlace(in: "/tmp", for: "cost")
        defer { place.remove() }
        let agent = try place.makeAgent(sources)
        try await agent.start()
        let serving = Task { await agent.serve(AsyncStream { _ in }) }
        let result = await Result { try await measure(isOfRunningAgent: false) { await agent.status() } }
        serving.cancel()
        await serving.value
        await agent.stop()
        return try result.get()
    }

    private func measure(
        isOfRunningAgent: Bool,
        _ status: () async throws -> StatusReport
    ) async throws -> CostReport {
        let before = try await status()
        let begin = ClockOffset.bootNow()
        try await Task.sleep(for: duration)
        let after = try await status()
        return CostReport(
            before,
            after,
            elapsedNs: ClockOffset.bootNow() - begin,
            isOfRunningAgent: isOfRunningAgent
        )
    }
}

extension Result where Failure == any Error {
    /// What an asynchronous body gives or throws.
    fileprivate init(_ body: () async throws -> Success) async {
        do {
            self = .success(try await body())
        } catch {
            self = .failure(error)
        }
    }
}
