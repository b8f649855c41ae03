import Foundation
import TapioHTTP

/// What the agent answers over HTTP.
///
/// A flood of questions costs little: they share one answer for a moment, and one set of canaries for longer.
struct AgentEndpoint: Sendable {
    /// How old a snapshot may be.
    private static let snapshotLife = Duration.milliseconds(200)
    /// How long the agent may take to show that it lives.
    private static let lifeSign = Duration.seconds(5)
    /// How old a proof of the collectors may be: a canary leaves rows in the archive.
    static let proofLife = Duration.seconds(30)
    /// How long one may be while something is not ready: it may become so at any moment.
    static let doubtLife = Duration.seconds(3)

    private let agent: Agent
    private let text: SharedAnswer<HTTPResponse>
    private let openMetrics: SharedAnswer<HTTPResponse>
    private let status: SharedAnswer<HTTPResponse>
    private let ready: SharedAnswer<HTTPResponse>

    init(_ agent: Agent) {
        self.agent = agent
        let snapshot = SharedAnswer(goodFor: Self.snapshotLife) { await agent.metrics() }
        func metrics(_ format: MetricsFormat) -> SharedAnswer<HTTPResponse> {
            SharedAnswer(goodFor: Self.snapshotLife) {
                HTTPResponse(contentType: format.contentType, body: MetricsText.write(await snapshot.value, format))
            }
        }
        text = metrics(.text)
        openMetrics = metrics(.openMetrics)
        status = SharedAnswer(goodFor: Self.snapshotLife) { Self.json(await snapshot.value.status) }
        ready = SharedAnswer(goodFor: Self.snapshotLife) {
            let report = await agent.readiness()
            return Self.json(report, status: report.isReady ? 200 : 503)
        }
    }

    /// The answer to a request.
    func answer(_ request: HTTPRequest) async -> HTTPResponse {
        switch request.path {
        case "/": HTTPResponse(text: Self.index)
        case "/metrics": await MetricsFormat(accept: request.accept) == .text ? text.value : openMetrics.value
        case "/healthz": await life()
        case "/readyz": await ready.value
        case "/status": await status.value
        default: HTTPResponse(status: 404, text: "there is no such page\n\n" + Self.index)
        }
    }

    private static let index = """
        /metrics   figures, as Prometheus text or OpenMetrics
        /healthz   whether the agent lives
        /readyz    whether each collector proves itself, the archive is written and the ledger closes
        /status    what `tapio status --json` prints

        """

    private func life() async -> HTTPResponse {
        let isAlive = await Patience.value(within: Self.lifeSign) { [agent] in await agent.isAlive }
        return isAlive == true
            ? HTTPResponse(text: "ok\n")
            : HTTPResponse(status: 503, text: "the agent does not answer\n")
    }

    private static func json(_ value: some Encodable, status: Int = 200) -> HTTPResponse {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .prettyPrinted, .withoutEscapingSlashes]
        do {
            let body = Array(try encoder.encode(value)) + [UInt8(ascii: "\n")]
            return HTTPResponse(status: status, contentType: "application/json", body: body)
        } catch {
            return HTTPResponse(status: 500, text: "the answer is no JSON: \(error)\n")
        }
    }
}
