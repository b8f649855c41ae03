import TapioHTTP
import TapioTestSupport

/// A server on a free port of the loopback, or on a Unix socket.
struct TestServer {
    let server: HTTPServer
    let statistics = HTTPServerStatistics()
    let place: HTTPConnection.Place

    /// - Parameter change: Narrows the limits.
    init(
        _ address: String = "127.0.0.1:0",
        _ change: (inout HTTPServerLimits) -> Void = { _ in },
        answer: @escaping @Sendable (HTTPRequest) async -> HTTPResponse = TestServer.echo
    ) async throws {
        var limits = HTTPServerLimits()
        change(&limits)
        server = try await HTTPServer.start(
            try HTTPAddress(address),
            limits: limits,
            statistics: statistics,
            answer: answer
        )
        switch server.address {
        case .tcp(_, let port): place = .port(port)
        case .unix(let path): place = .path(path)
        }
    }

    /// Gives path and accepted types back.
    @Sendable static func echo(_ request: HTTPRequest) async -> HTTPResponse {
        HTTPResponse(text: "\(request.path) \(request.accept)")
    }

    func get(_ path: String) -> HTTPConnection.Response? { HTTPConnection.get(place, path) }

    /// Waits until the counts are as wanted.
    func wait(_ condition: (HTTPServerStatistics.Snapshot) -> Bool) async -> Bool {
        let deadline = Deadline(seconds: 20)
        while !deadline.isOver {
            if condition(statistics.snapshot) { return true }
            try? await Task.sleep(for: .milliseconds(10))
        }
        return false
    }
}
