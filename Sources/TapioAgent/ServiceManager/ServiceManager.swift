import Glibc
import Synchronization

/// The service manager that started this process (systemd), told how the agent is as sd_notify(3) describes it: each
/// message is a datagram to the socket that the environment names.
public final class ServiceManager: Sendable {
    /// How often it wants a sign of life, nanoseconds; nil: it wants none.
    public let watchdogNs: UInt64?
    /// The address as the kernel takes it: a path, or a zero byte and an abstract name.
    private let address: [UInt8]
    private let descriptor: Int32
    private let failed = Atomic<UInt64>(0)

    /// Longest status line that is sent, bytes.
    static let maxStatusBytes = 512
    /// How long a message may wait for a manager that does not read, seconds.
    private static let patienceSeconds = 2

    /// The manager that the environment names; nil where there is none.
    ///
    /// - Throws: where it is named in a way that cannot be served.
    public static func named(in environment: [String: String]) throws(ServiceManagerError) -> ServiceManager? {
        guard let socket = environment["NOTIFY_SOCKET"], !socket.isEmpty else { return nil }
        return try ServiceManager(
            socket: socket,
            watchdogNs: watchdog(environment["WATCHDOG_USEC"], pid: environment["WATCHDOG_PID"], own: getpid())
        )
    }

    init(socket: String, watchdogNs: UInt64? = nil) throws(ServiceManagerError) {
        var address = Array(socket.utf8)
        guard let first = address.first, first == UInt8(ascii: "/") || first == UInt8(ascii: "@") else {
            throw ServiceManagerError(socket, "is neither a path nor an abstract name")
        }
        guard address.count > 1, address.count <= UnixSocket.maxPathBytes else {
            throw ServiceManagerError(socket, "has not 2 to \(UnixSocket.maxPathBytes) bytes")
        }
        if first == UInt8(ascii: "@") { address[0] = 0 }
        let descriptor = Glibc.socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else {
            throw ServiceManagerError(socket, "cannot be used: \(unsafe String(cString: strerror(errno)))")
        }
        var patience = timeval(tv_sec: Self.patienceSeconds, tv_usec: 0)
        unsafe setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size))
        self.address = address
        self.descriptor = descriptor
        self.watchdogNs = watchdogNs
    }

    deinit { close(descriptor) }

    /// Messages that the manager did not get.
    public var failures: UInt64 { failed.load(ordering: .relaxed) }

    /// The agent serves: its collectors have been tried. Also ends what ``reloading()`` began.
    @discardableResult
    public func ready(_ status: String) -> Bool { send("READY=1", status) }

    /// The configuration is read again; ``ready(_:)`` follows.
    @discardableResult
    public func reloading() -> Bool {
        var now = timespec()
        unsafe clock_gettime(CLOCK_MONOTONIC, &now)
        let microseconds = UInt64(now.tv_sec) * 1_000_000 + UInt64(now.tv_nsec) / 1000
        return send("RELOADING=1\nMONOTONIC_USEC=\(microseconds)", "reading the configuration again")
    }

    /// The agent drains and ends.
    @discardableResult
    public func stopping() -> Bool { send("STOPPING=1", "draining, and sealing the archive") }

    /// A sign of life for the watchdog.
    @discardableResult
    public func alive() -> Bool { send("WATCHDOG=1") }

    /// How the agent is, for `systemctl status`.
    @discardableResult
    public func say(_ status: String) -> Bool { send("STATUS=\(Self.line(status))") }

    private func send(_ message: String, _ status: String) -> Bool {
        send("\(message)\nSTATUS=\(Self.line(status))")
    }

    /// One datagram, whole or not at all.
    private func send(_ message: String) -> Bool {
        let bytes = Array(message.utf8)
        var name = sockaddr_un()
        name.sun_family = sa_family_t(AF_UNIX)
        // The address fits: init checked it. An abstract name is as long as it says, without an ending zero.
        unsafe withUnsafeMutableBytes(of: &name.sun_path) { unsafe $0.copyBytes(from: address) }
        let isAbstract = address[0] == 0
        let length = MemoryLayout<sockaddr_un>.offset(of: \.sun_path)! + address.count + (isAbstract ? 0 : 1)
        while true {
            let sent = unsafe withUnsafePointer(to: &name) { pointer in
                unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
                    unsafe bytes.withUnsafeBytes {
                        unsafe sendto(
                            descriptor,
                            $0.baseAddress,
                            $0.count,
                            Int32(MSG_NOSIGNAL),
                            pointer,
                            socklen_t(length)
                        )
                    }
                }
            }
            if sent == bytes.count { return true }
            if sent < 0, errno == EINTR { continue }
            failed.add(1, ordering: .relaxed)
            return false
        }
    }

    /// A text without line breaks and other controls, of bounded length.
    static func line(_ text: String) -> String {
        var line = ""
        for scalar in text.unicodeScalars {
            let next = scalar.value < 32 || scalar.value == 127 ? " " : String(scalar)
            if line.utf8.count + next.utf8.count > maxStatusBytes { break }
            line += next
        }
        return line
    }

    /// What the manager says about its watchdog, nanoseconds; nil where it has none, or means another process.
    static func watchdog(_ microseconds: String?, pid: String?, own: Int32) -> UInt64? {
        guard let microseconds = microseconds.flatMap({ UInt64($0) }), microseconds > 0 else { return nil }
        if let pid, Int32(pid) != own { return nil }
        let (ns, overflow) = microseconds.multipliedReportingOverflow(by: 1000)
        return overflow ? nil : ns
    }
}

/// Why the service manager cannot be told anything: one line.
public struct ServiceManagerError: Error, CustomStringConvertible, Sendable {
    /// What is wrong, and what follows from it.
    public let description: String

    init(_ socket: String, _ reason: String) {
        description =
            "NOTIFY_SOCKET=\(ServiceManager.line(socket)) \(reason): the service manager is told nothing; systemd sets it with Type=notify"
    }
}
