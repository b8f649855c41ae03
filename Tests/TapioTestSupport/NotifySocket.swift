import Glibc

/// A socket as a service manager has it, on which a program says how it is (sd_notify(3)).
public final class NotifySocket {
    /// What NOTIFY_SOCKET is set to.
    public let name: String
    private let descriptor: Int32

    /// Listens on a path, or, where the name begins with @, on an abstract one.
    public init(_ name: String) {
        self.name = name
        descriptor = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        var bytes = Array(name.utf8)
        let isAbstract = bytes[0] == UInt8(ascii: "@")
        if isAbstract { bytes[0] = 0 }
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: bytes) }
        let length = socklen_t(MemoryLayout<sa_family_t>.size + bytes.count + (isAbstract ? 0 : 1))
        let code = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { bind(descriptor, $0, length) }
        }
        precondition(code == 0, "cannot listen on \(name): \(String(cString: strerror(errno)))")
    }

    deinit { close(descriptor) }

    /// The next message, taken apart; nil where none comes in that time.
    public func next(seconds: Double = 30) -> [String: String]? {
        var wanted = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        guard poll(&wanted, 1, Int32(seconds * 1000)) == 1 else { return nil }
        var buffer = [UInt8](repeating: 0, count: 65_536)
        let count = recv(descriptor, &buffer, buffer.count, 0)
        guard count >= 0 else { return nil }
        var fields: [String: String] = [:]
        for line in String(decoding: buffer[..<count], as: UTF8.self).split(separator: "\n") {
            let parts = line.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            fields[String(parts[0])] = parts.count == 2 ? String(parts[1]) : ""
        }
        return fields
    }

    /// The next message that has this field; others before it are passed over.
    public func next(with field: String, seconds: Double = 30) -> [String: String]? {
        let deadline = Deadline(seconds: seconds)
        while !deadline.isOver {
            if let message = next(seconds: 1), message[field] != nil { return message }
        }
        return nil
    }
}
