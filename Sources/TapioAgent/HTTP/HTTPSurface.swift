import Logging
import TapioHTTP
import TapioRings

/// Keeps the HTTP server where the configuration wants it. Where that cannot be, it says so once, goes on serving where it
/// did, and tries again: the agent's work never depends on it.
actor HTTPSurface {
    /// Time between two tries, nanoseconds.
    private static let retryNs: UInt64 = 5_000_000_000

    let statistics = HTTPServerStatistics()
    private let logger: Logger
    private var endpoint: AgentEndpoint?
    private var wanted: String?
    private var server: HTTPServer?
    private var problem: String?
    private var triedNs: UInt64 = 0
    /// Between two of the methods that change the server at most one is under way.
    private var isBusy = false

    init(logger: Logger) {
        self.logger = logger
    }

    /// Where it listens, and why not where it should.
    var status: StatusReport.HTTP {
        var status = StatusReport.HTTP()
        status.address = server.map { "\($0.address)" }
        status.problem = problem
        return status
    }

    /// Begins.
    ///
    /// - Parameter listen: An ``HTTPAddress``; nil: nowhere.
    func open(_ endpoint: AgentEndpoint, on listen: String?) async {
        self.endpoint = endpoint
        wanted = listen
        await settle()
    }

    /// Moves to another address, or to none.
    func apply(_ listen: String?) async {
        guard listen != wanted else { return }
        wanted = listen
        await settle()
    }

    /// Tries again where it failed, from time to time.
    func retry() async {
        guard problem != nil, MonotonicClock.monotonicNs &- triedNs >= Self.retryNs else { return }
        await settle()
    }

    /// Ends, and lets go of the agent.
    func close() async {
        endpoint = nil
        wanted = nil
        problem = nil
        await server?.stop()
        server = nil
    }

    private func settle() async {
        // Whoever is at work sees the newest wish: it looks again when it is done.
        guard !isBusy else { return }
        isBusy = true
        defer { isBusy = false }
        var settled: String??
        while settled != .some(wanted) {
            settled = .some(wanted)
            await move(to: wanted)
        }
    }

    private func move(to listen: String?) async {
        triedNs = MonotonicClock.monotonicNs
        guard let listen, let endpoint else {
            await server?.stop()
            server = nil
            problem = nil
            return
        }
        do {
            let address = try HTTPAddress(listen)
            let before = server
            // Two sockets cannot have one port, whatever their addresses; otherwise nobody misses a moment.
            let isInTheWay = before.map { Self.collide($0.address, address) } ?? false
            if isInTheWay {
                await before?.stop()
                server = nil
            }
            let next = try await HTTPServer.start(address, statistics: statistics) { await endpoint.answer($0) }
            // The agent stopped meanwhile.
            guard self.endpoint != nil else { return await next.stop() }
            server = next
            if !isInTheWay { await before?.stop() }
            problem = nil
            logger.info("metrics and probes are served on \(next.address)")
        } catch {
            let remains = server.map { "; still served on \($0.address)" } ?? ""
            let text = "http.listen: \(error)\(remains)"
            if text != problem { logger.error("no metrics and probes where they should be: \(text)") }
            problem = text
        }
    }

    private static func collide(_ one: HTTPAddress, _ other: HTTPAddress) -> Bool {
        one == other || (one.port != nil && one.port == other.port)
    }
}
