import Foundation

@testable import TapioAgent

/// An agent that only answers: for commands that ask one. Stops when it goes away.
final class CommandsAgent {
    let socket: String
    private let server: ControlServer

    /// - Parameter staysOpen: Streams do not end after the lines, but when the client goes.
    init(_ report: StatusReport, lines: [String] = [], staysOpen: Bool = false) throws {
        socket = "/tmp/tapio-commands-\(UUID().uuidString.prefix(8)).sock"
        server = try ControlServer(path: socket, handler: Answer(report: report, lines: lines, staysOpen: staysOpen))
    }

    deinit {
        server.stop()
    }

    private struct Answer: ControlHandler {
        let report: StatusReport
        let lines: [String]
        let staysOpen: Bool

        func status() -> StatusReport { report }

        func readiness() -> ReadinessReport { ReadinessReport(report, CanaryReport()) }

        func metrics() -> [UInt8] { MetricsText.write(MetricsSnapshot(), .text) }

        func stream(_ request: ControlRequest.EventStream, send: ([UInt8]) -> Bool) {
            for line in lines where !send(Array(line.utf8) + [UInt8(ascii: "\n")]) { return }
            while staysOpen && send([]) { Thread.sleep(forTimeInterval: 0.05) }
        }

        func top(_ request: ControlRequest.Top, send: (TopReading) -> Bool, wait: (Int) -> Bool) {
            var reading = TopReading(status: report)
            while send(reading) && wait(request.intervalMs) { reading.seconds = Double(request.intervalMs) / 1000 }
        }
    }
}
