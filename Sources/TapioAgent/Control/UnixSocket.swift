import Glibc

/// A stream socket of the Unix domain, owned: closed when it goes away.
struct UnixSocket: ~Copyable {
    let descriptor: Int32

    init(adopting descriptor: Int32) {
        self.descriptor = descriptor
    }

    deinit {
        close(descriptor)
    }

    /// Longest path, without the ending NUL (`sun_path` of unix(7)).
    static let maxPathBytes = 107

    static func listen(path: String, backlog: Int32) throws(ControlSocketError) -> UnixSocket {
        let made = try UnixSocket.make(path)
        let bound = unsafe withAddress(path) { unsafe bind(made.descriptor, $0, $1) }
        // Only the owner may connect; before the listen(2) below nobody can. The umask is that of all threads.
        guard bound == 0, unsafe chmod(path, 0o600) == 0 else {
            throw ControlSocketError(.listen, path: path, errno: errno)
        }
        guard Glibc.listen(made.descriptor, backlog) == 0 else {
            throw ControlSocketError(.listen, path: path, errno: errno)
        }
        return made
    }

    static func connect(path: String) throws(ControlSocketError) -> UnixSocket {
        let made = try UnixSocket.make(path)
        let result = unsafe withAddress(path) { unsafe Glibc.connect(made.descriptor, $0, $1) }
        guard result == 0 else { throw ControlSocketError(.connect, path: path, errno: errno) }
        return made
    }

    private static func make(_ path: String) throws(ControlSocketError) -> UnixSocket {
        guard path.utf8.count <= maxPathBytes && !path.isEmpty else {
            throw ControlSocketError(.path, path: path, errno: ENAMETOOLONG)
        }
        let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { throw ControlSocketError(.connect, path: path, errno: errno) }
        return UnixSocket(adopting: descriptor)
    }

    private static func withAddress(_ path: String, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Int32) -> Int32 {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        // The path fits: `make` checked it.
        unsafe withUnsafeMutableBytes(of: &address.sun_path) { unsafe $0.copyBytes(from: Array(path.utf8)) }
        return unsafe withUnsafePointer(to: &address) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                unsafe body($0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
    }

    /// Sends all of it; false where the peer is gone or did not read for `timeoutSeconds`.
    borrowing func send(_ bytes: [UInt8]) -> Bool {
        var sent = 0
        while sent < bytes.count {
            let result = unsafe bytes.withUnsafeBytes {
                unsafe Glibc.send(descriptor, $0.baseAddress! + sent, bytes.count - sent, Int32(MSG_NOSIGNAL))
            }
            if result > 0 {
                sent += result
            } else if result < 0 && errno == EINTR {
                continue
            } else {
                return false
            }
        }
        return true
    }

    /// Whatever is there, at most `limit` bytes; empty at the end, nil on an error or after a timeout.
    borrowing func receive(limit: Int) -> [UInt8]? {
        var buffer = [UInt8](repeating: 0, count: limit)
        while true {
            let count = unsafe buffer.withUnsafeMutableBytes { unsafe recv(descriptor, $0.baseAddress!, limit, 0) }
            if count >= 0 { return Array(buffer[..<count]) }
            if errno != EINTR { return nil }
        }
    }

    /// Bounds how long one `send` or `receive` may wait.
    borrowing func setTimeout(seconds: Int) {
        var time = timeval(tv_sec: seconds, tv_usec: 0)
        let size = socklen_t(MemoryLayout<timeval>.size)
        unsafe setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &time, size)
        unsafe setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &time, size)
    }
}

/// Why the control socket could not be had.
public struct ControlSocketError: Error, CustomStringConvertible, Sendable {
    /// What was tried.
    public enum Step: Sendable {
        case path, listen, connect, talk
    }

    /// What was tried.
    public let step: Step
    /// The socket's path.
    public let path: String
    /// The error number of the call that failed.
    public let errno: Int32

    init(_ step: Step, path: String, errno: Int32) {
        self.step = step
        self.path = path
        self.errno = errno
    }

    /// One line: what failed, where, and what to do.
    public var description: String {
        let reason = unsafe String(cString: strerror(errno))
        switch step {
        case .path:
            return
                "control socket \(path): a path has 1 to \(UnixSocket.maxPathBytes) bytes; set control.socket to a shorter one"
        case .listen:
            return
                "control socket \(path): cannot listen (\(reason)); does its directory exist and may this user write there?"
        case .connect where errno == ENOENT || errno == ECONNREFUSED:
            return "no agent listens on \(path): start one with `tapio run`, or name its socket with --socket"
        case .connect:
            return "control socket \(path): cannot connect (\(reason)); run this as the user that runs the agent"
        case .talk where errno == EAGAIN:
            return
                "control socket \(path): the agent did not answer within \(ControlClient.timeoutSeconds) s; is it stopped, or the machine overloaded?"
        case .talk:
            return "control socket \(path): the agent closed the connection (\(reason))"
        }
    }
}
