import Glibc

/// A client's end of an HTTP connection, byte by byte: for a server that must bear whatever comes.
public final class HTTPConnection {
    /// A response as it came.
    public struct Response: Sendable {
        /// The status code; 0 where there was no status line.
        public var status: Int
        /// Fields by name in lower case.
        public var headers: [String: String]
        /// The body.
        public var body: String
    }

    /// Where a server listens.
    public enum Place: Sendable {
        /// A port of 127.0.0.1.
        case port(UInt16)
        /// A Unix socket.
        case path(String)
    }

    private let descriptor: Int32
    private var received: [UInt8] = []

    /// Connects; nil where nobody listens.
    public init?(_ place: Place) {
        switch place {
        case .port(let port):
            descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
            var address = sockaddr_in()
            address.sin_family = sa_family_t(AF_INET)
            address.sin_port = port.bigEndian
            address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
            guard Self.connect(descriptor, &address) else { return nil }
        case .path(let path):
            descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
            var address = sockaddr_un()
            address.sun_family = sa_family_t(AF_UNIX)
            withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: Array(path.utf8)) }
            guard Self.connect(descriptor, &address) else { return nil }
        }
        setTimeout(seconds: 30)
    }

    deinit {
        Glibc.close(descriptor)
    }

    /// Bounds how long one step may wait.
    public func setTimeout(seconds: Int) {
        var time = timeval(tv_sec: seconds, tv_usec: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &time, socklen_t(MemoryLayout<timeval>.size))
        setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &time, socklen_t(MemoryLayout<timeval>.size))
    }

    /// Makes this end take in as little as it can.
    public func shrinkReceiveBuffer() {
        var bytes: Int32 = 2048
        setsockopt(descriptor, SOL_SOCKET, SO_RCVBUF, &bytes, socklen_t(MemoryLayout<Int32>.size))
    }

    /// Sends all; false where the server no longer takes it.
    @discardableResult
    public func send(_ bytes: [UInt8]) -> Bool {
        var sent = 0
        while sent < bytes.count {
            let count = bytes.withUnsafeBytes {
                Glibc.send(descriptor, $0.baseAddress! + sent, bytes.count - sent, Int32(MSG_NOSIGNAL))
            }
            if count <= 0 { return false }
            sent += count
        }
        return true
    }

    /// Sends text.
    @discardableResult
    public func send(_ text: String) -> Bool { send(Array(text.utf8)) }

    /// Says that no more will be sent.
    public func finish() { shutdown(descriptor, Int32(SHUT_WR)) }

    /// Everything until the server closes; nil where it does not within the timeout.
    public func receiveAll() -> [UInt8]? {
        while true {
            guard let count = receiveMore() else { return nil }
            if count == 0 { return received }
        }
    }

    /// The next response. A body's length is that of `content-length`, or nothing where `isHead`.
    public func response(isHead: Bool = false) -> Response? {
        let end = Array("\r\n\r\n".utf8)
        var headEnd: Int?
        while headEnd == nil {
            headEnd = received.indices.first { received[$0...].starts(with: end) }
            if headEnd == nil, (receiveMore() ?? 0) <= 0 { return nil }
        }
        var lines = String(decoding: received[..<headEnd!], as: UTF8.self).split(separator: "\r\n")[...]
        let status = Int(lines.popFirst()?.split(separator: " ").dropFirst().first ?? "") ?? 0
        var headers: [String: String] = [:]
        for line in lines {
            let parts = line.split(separator: ":", maxSplits: 1)
            headers[parts[0].lowercased()] = parts.count > 1 ? String(parts[1].drop { $0 == " " }) : ""
        }
        let start = headEnd! + end.count
        let length = isHead ? 0 : Int(headers["content-length"] ?? "0") ?? 0
        while received.count < start + length {
            if (receiveMore() ?? 0) <= 0 { return nil }
        }
        let body = String(decoding: received[start..<start + length], as: UTF8.self)
        received.removeFirst(start + length)
        return Response(status: status, headers: headers, body: body)
    }

    /// One GET on a connection of its own.
    public static func get(_ place: Place, _ path: String, accept: String? = nil) -> Response? {
        guard let connection = HTTPConnection(place) else { return nil }
        let accepting = accept.map { "Accept: \($0)\r\n" } ?? ""
        connection.send("GET \(path) HTTP/1.1\r\nHost: localhost\r\n\(accepting)Connection: close\r\n\r\n")
        return connection.response()
    }

    /// How many bytes came; 0 at the end, or where the server reset the connection; nil after a timeout.
    private func receiveMore() -> Int? {
        var buffer = [UInt8](repeating: 0, count: 65_536)
        let count = recv(descriptor, &buffer, buffer.count, 0)
        if count < 0 { return errno == EAGAIN || errno == EINTR ? nil : 0 }
        received += buffer[..<count]
        return count
    }

    private static func connect<Address>(_ descriptor: Int32, _ address: inout Address) -> Bool {
        let size = socklen_t(MemoryLayout<Address>.size)
        return withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { Glibc.connect(descriptor, $0, size) == 0 }
        }
    }
}
