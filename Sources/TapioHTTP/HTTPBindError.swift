import Glibc

/// Why a server cannot listen.
public struct HTTPBindError: Error, Sendable, CustomStringConvertible {
    /// Where it was to listen.
    public let address: HTTPAddress
    /// The error number; 0 where it was no system call that failed.
    public let errno: Int32
    private let reason: String?

    init(_ address: HTTPAddress, errno: Int32) {
        self.address = address
        self.errno = errno
        reason = nil
    }

    init(_ address: HTTPAddress, _ reason: String) {
        self.address = address
        errno = 0
        self.reason = reason
    }

    /// One line: where, why, and what would help.
    public var description: String {
        if let reason { return "cannot listen on \(address): \(reason)" }
        let text = unsafe String(cString: strerror(errno))
        let remedy =
            switch (errno, address) {
            case (EADDRINUSE, _): "another program listens there: stop it, or name another address"
            case (EADDRNOTAVAIL, _): "this machine has no such address: name one of its own"
            case (EACCES, .tcp), (EPERM, .tcp): "a port below 1024 needs CAP_NET_BIND_SERVICE: name a higher one"
            case (ENOENT, .unix): "its directory does not exist: make it"
            case (EACCES, .unix), (EPERM, .unix), (EROFS, .unix):
                "its directory cannot be written: name another one, or let this user write there"
            default: "name another address"
            }
        return "cannot listen on \(address) (\(text)); \(remedy)"
    }
}
