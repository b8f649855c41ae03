import Foundation
import Glibc
import Synchronization
import TapioRings

/// Who answers the requests. Called on the connection's own thread, which it may block.
protocol ControlHandler: Sendable {
    /// A snapshot of the agent.
    func status() -> StatusReport
    /// Whether the agent does its work.
    func readiness() -> ReadinessReport
    /// Its metrics as Prometheus reads them.
    func metrics() -> [UInt8]
    /// Sends lines until `send` returns false (the client is gone) or the agent stops.
    func stream(_ request: ControlRequest.EventStream, send: ([UInt8]) -> Bool)
    /// Hands over a reading at each interval until `send` or `wait`, which waits for so many milliseconds, returns false (the
    /// client is gone) or the agent stops.
    func top(_ request: ControlRequest.Top, send: (TopReading) -> Bool, wait: (Int) -> Bool)
}

/// Listens on the control socket (mode 0600). A thread accepts; each connection has a thread of its own, of which there
/// are at most `maxConnections`: a slow client holds up nobody but itself.
final class ControlServer: Sendable {
    /// More clients than this are refused with a line that says so.
    static let maxConnections = 16
    /// Bytes that one request may have.
    static let maxRequestBytes = 65_536
    /// Bytes that one answer may have.
    static let maxAnswerBytes = 64 << 20
    /// How long a client may take to ask, or to read an answer.
    static let timeoutSeconds = 10

    let path: String
    private let handler: any ControlHandler
    private let listener: Int32
    private let isStopping = Atomic<Bool>(false)
    private let connections = Atomic<Int>(0)
    private let thread = Mutex<PinnedThread?>(nil)

    /// Listens at once. A socket that a dead agent left behind is replaced; a living one's is not.
    init(path: String, handler: any ControlHandler) throws {
        self.path = path
        self.handler = handler
        if unsafe access(path, F_OK) == 0 {
            var status = stat()
            guard unsafe lstat(path, &status) == 0, status.st_mode & S_IFMT == S_IFSOCK else {
                throw ControlRefusal(error: "control.socket \(path) exists and is not a socket: name another path")
            }
            if (try? UnixSocket.connect(path: path)) != nil {
                throw ControlRefusal(
                    error: "another agent listens on control.socket \(path): stop it, or name another path"
                )
            }
            unsafe unlink(path)
        }
        let directory = String(path[..<(path.lastIndex(of: "/") ?? path.startIndex)])
        if !directory.isEmpty { unsafe mkdir(directory, 0o750) }
        let socket = try UnixSocket.listen(path: path, backlog: 16)
        listener = fcntl(socket.descriptor, F_DUPFD_CLOEXEC, 0)
        guard listener >= 0 else { throw ControlSocketError(.listen, path: path, errno: errno) }
        let accepting = try PinnedThread(name: "tapio-control") { [self] in accept() }
        thread.withLock { $0 = accepting }
    }

    /// Stops accepting, removes the socket, and waits for the accepting thread; connections end by themselves.
    func stop() {
        guard !isStopping.exchange(true, ordering: .sequentiallyConsistent) else { return }
        shutdown(listener, Int32(SHUT_RDWR))
        thread.withLock { $0?.join() }
        close(listener)
        unsafe unlink(path)
    }

    private func accept() {
        while !isStopping.load(ordering: .sequentiallyConsistent) {
            let descriptor = Glibc.accept(listener, nil, nil)
            if descriptor < 0 {
                if errno == EINTR || errno == ECONNABORTED { continue }
                // EMFILE and the like pass; a shut-down listener ends the loop.
                if isStopping.load(ordering: .sequentiallyConsistent) { return }
                usleep(100_000)
                continue
            }
            _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
            let connection = Connection(descriptor)
            guard connections.add(1, ordering: .relaxed).newValue <= ControlServer.maxConnections else {
                connections.subtract(1, ordering: .relaxed)
                connection.answer(
                    ControlRefusal(error: "the agent already serves \(ControlServer.maxConnections) clients")
                )
                continue
            }
            do {
                _ = try PinnedThread(name: "tapio-client") { [self] in
                    serve(connection)
                    connections.subtract(1, ordering: .relaxed)
                }
            } catch {
                connections.subtract(1, ordering: .relaxed)
                connection.answer(ControlRefusal(error: "\(error)"))
            }
        }
    }

    private func serve(_ connection: Connection) {
        guard let line = connection.requestLine() else { return }
        do {
            switch try JSONDecoder().decode(ControlRequest.self, from: Data(line)) {
            case .status: connection.answer(handler.status())
            case .readiness: connection.answer(handler.readiness())
            case .metrics: _ = connection.socket.send(handler.metrics())
            case .events(let request): handler.stream(request) { connection.socket.send($0) }
            case .top(let request): handler.top(request.bounded, send: connection.answer, wait: connection.wait)
            }
        } catch {
            connection.answer(ControlRefusal(error: "not a request that this agent (\(TapioVersion.current)) knows"))
        }
    }
}

/// A client's connection, shared with its thread.
private final class Connection: Sendable {
    let socket: UnixSocket

    init(_ descriptor: Int32) {
        socket = UnixSocket(adopting: descriptor)
        socket.setTimeout(seconds: ControlServer.timeoutSeconds)
    }

    /// The request without its line feed; nil where the client sent none, or an endless one.
    func requestLine() -> [UInt8]? {
        var line: [UInt8] = []
        while line.count <= ControlServer.maxRequestBytes {
            guard let more = socket.receive(limit: 4096), !more.isEmpty else { return nil }
            line += more
            if let end = line.firstIndex(of: UInt8(ascii: "\n")) { return Array(line[..<end]) }
        }
        return nil
    }

    /// Whether it was sent.
    @discardableResult
    func answer(_ value: some Encodable) -> Bool {
        do {
            return socket.send(Array(try JSONEncoder().encode(value)) + [UInt8(ascii: "\n")])
        } catch {
            // A refusal is text alone, and can always be written.
            let refusal = ControlRefusal(error: "the answer is no JSON: \(error)")
            _ = socket.send(Array((try? JSONEncoder().encode(refusal)) ?? Data()) + [UInt8(ascii: "\n")])
            return false
        }
    }

    /// Waits; false where the client went away, or sends what nobody asked for.
    func wait(milliseconds: Int) -> Bool {
        var entry = pollfd(fd: socket.descriptor, events: Int16(POLLIN), revents: 0)
        let result = unsafe poll(&entry, 1, Int32(clamping: milliseconds))
        return result == 0 || (result < 0 && errno == EINTR)
    }
}
