import NIOCore

/// Where a server listens: an address and port of TCP, or the path of a Unix socket.
///
/// Written as `127.0.0.1:19464`, `[::1]:19464`, `localhost:19464` or `unix:/run/tapio/http.sock`. Names other than
/// `localhost` are refused: what one means may change, and whom a server is open to must not.
public enum HTTPAddress: Sendable, Hashable, CustomStringConvertible {
    /// An IPv4 or IPv6 address without brackets, and a port; 0: the kernel chooses one.
    case tcp(host: String, port: UInt16)
    /// An absolute path.
    case unix(path: String)

    /// Longest path of a Unix socket, without the ending NUL (`sun_path` of unix(7)).
    public static let maxPathBytes = 107

    /// The address that `text` tells.
    public init(_ text: String) throws(HTTPAddressError) {
        // C, which reads it in the end, would see what stands before it.
        guard !text.utf8.contains(0) else { throw HTTPAddressError("it holds a NUL") }
        if text.hasPrefix("unix:") {
            let path = String(text.dropFirst("unix:".count))
            guard path.hasPrefix("/"), !path.hasSuffix("/"), path.utf8.count <= Self.maxPathBytes else {
                throw HTTPAddressError("a Unix socket has an absolute path of at most \(Self.maxPathBytes) bytes")
            }
            self = .unix(path: path)
            return
        }
        guard let colon = text.lastIndex(of: ":") else {
            throw HTTPAddressError("it has no port")
        }
        let digits = text[text.index(after: colon)...]
        guard !digits.isEmpty, digits.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let port = UInt16(digits) else {
            throw HTTPAddressError("its port is no number from 0 to 65535")
        }
        var host = text[..<colon]
        let isBracketed = host.hasPrefix("[") && host.hasSuffix("]")
        if isBracketed { host = host.dropFirst().dropLast() }
        if !isBracketed && host == "localhost" { host = "127.0.0.1" }
        // Without brackets the end of an IPv6 address would be taken for its port.
        guard host.contains(":") == isBracketed,
            let address = try? SocketAddress(ipAddress: String(host), port: Int(port)), let literal = address.ipAddress
        else {
            throw HTTPAddressError("its host is no address: IPv4, IPv6 in brackets, or localhost")
        }
        self = .tcp(host: literal, port: port)
    }

    /// As it is written.
    public var description: String {
        switch self {
        case .tcp(let host, let port): host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
        case .unix(let path): "unix:\(path)"
        }
    }

    /// Whether only this machine reaches it over TCP.
    var isLoopback: Bool {
        if case .tcp(let host, _) = self { host.hasPrefix("127.") || host == "::1" } else { false }
    }

    /// The port; nil for a Unix socket.
    public var port: UInt16? {
        if case .tcp(_, let port) = self { port } else { nil }
    }
}

/// Why a text is no ``HTTPAddress``: half a sentence about it.
public struct HTTPAddressError: Error, Sendable, CustomStringConvertible {
    /// What is wrong with it.
    public let description: String

    init(_ description: String) {
        self.description = description
    }
}
