import Foundation
import Glibc

/// Asks the running agent over its control socket. Blocking: for commands.
public struct ControlClient: Sendable {
    /// How long an answer is waited for.
    static let timeoutSeconds = 10

    /// The socket's path.
    public let path: String

    /// A client of the agent that listens on `path`.
    public init(path: String) {
        self.path = path
    }

    /// A snapshot of the agent. Throws a ``ControlSocketError``, a ``ControlRefusal`` or a `DecodingError`.
    public func status() throws -> StatusReport {
        try JSONDecoder().decode(StatusReport.self, from: Data(answer(to: .status)))
    }

    /// Whether it does its work: each collector proves itself, which may take some seconds. Throws as ``status()`` does.
    public func readiness() throws -> ReadinessReport {
        try JSONDecoder().decode(ReadinessReport.self, from: Data(answer(to: .readiness)))
    }

    /// Its metrics in Prometheus' text format. Throws a ``ControlSocketError`` or a ``ControlRefusal``.
    public func metrics() throws -> String {
        String(decoding: try answer(to: .metrics), as: UTF8.self)
    }

    private func answer(to request: ControlRequest) throws -> [UInt8] {
        let socket = try open(request)
        socket.setTimeout(seconds: ControlClient.timeoutSeconds)
        var answer: [UInt8] = []
        while true {
            guard let more = socket.receive(limit: 65_536) else {
                throw ControlSocketError(.talk, path: path, errno: errno)
            }
            if more.isEmpty { break }
            answer += more
            guard answer.count <= ControlServer.maxAnswerBytes else {
                throw ControlRefusal(error: "the answer on \(path) is not an agent's: it never ends")
            }
        }
        guard !answer.isEmpty else { throw ControlSocketError(.talk, path: path, errno: ECONNRESET) }
        if let refusal = try? JSONDecoder().decode(ControlRefusal.self, from: Data(answer)) { throw refusal }
        return answer
    }

    /// Hands over each line of a stream of events, without its line feed, until the agent stops or `body` returns false.
    public func events(_ stream: ControlRequest.EventStream, _ body: (ArraySlice<UInt8>) -> Bool) throws {
        _ = try lines(try open(.events(stream)), body)
    }

    /// Hands over a reading at each interval, the first at once, until the agent stops or `body` returns false.
    ///
    /// Throws a ``ControlSocketError``, also where the agent is silent for an interval and ten seconds, a ``ControlRefusal`` or a
    /// `DecodingError`.
    public func readings(_ request: ControlRequest.Top, _ body: (TopReading) -> Bool) throws {
        let socket = try open(.top(request))
        socket.setTimeout(seconds: ControlClient.timeoutSeconds + request.intervalMs / 1000)
        var failure: (any Error)?
        let silence = try lines(socket) { line in
            do {
                if let refusal = try? JSONDecoder().decode(ControlRefusal.self, from: Data(line)) { throw refusal }
                return body(try JSONDecoder().decode(TopReading.self, from: Data(line)))
            } catch {
                failure = error
                return false
            }
        }
        if let failure { throw failure }
        if let silence { throw ControlSocketError(.talk, path: path, errno: silence) }
    }

    /// The error number, where it ended with one.
    private func lines(
        _ socket: borrowing UnixSocket,
        _ body: (ArraySlice<UInt8>) -> Bool
    ) throws -> Int32? {
        var pending: [UInt8] = []
        while true {
            guard let more = socket.receive(limit: 65_536) else { return errno }
            if more.isEmpty { return nil }
            pending += more
            var start = 0
            while let end = pending[start...].firstIndex(of: UInt8(ascii: "\n")) {
                if !body(pending[start..<end]) { return nil }
                start = end + 1
            }
            pending.removeFirst(start)
            guard pending.count <= ControlServer.maxAnswerBytes else {
                throw ControlRefusal(error: "the answer on \(path) is not an agent's: a line never ends")
            }
        }
    }

    private func open(_ request: ControlRequest) throws -> UnixSocket {
        let socket = try UnixSocket.connect(path: path)
        let line = Array(try JSONEncoder().encode(request)) + [UInt8(ascii: "\n")]
        guard socket.send(line) else { throw ControlSocketError(.talk, path: path, errno: errno) }
        return socket
    }
}
