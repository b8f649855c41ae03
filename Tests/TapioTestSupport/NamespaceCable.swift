import Glibc

/// A cable from this network namespace into one of its own, gone with the object. Its network is 10.213.9.0/24, and
/// fd00:213:9::/64: there may be one at a time.
public final class NamespaceCable {
    /// The interface in this namespace.
    public let interface: String
    /// The namespace at the other end, for `ip netns exec`; the interface there is "cable".
    public let namespace: String
    /// Address of this end.
    public let ipv4 = "10.213.9.1"
    /// Address of the other end.
    public let peerIPv4 = "10.213.9.2"
    /// Index of the interface in this namespace.
    public let index: UInt32

    /// Needs root and the `ip` command.
    public init() throws {
        let number = String(UInt32.random(in: 0x1000_0000...(.max)), radix: 16)
        (interface, namespace) = ("tap\(number)", "tapio-\(number)")
        try Self.ip("netns add \(namespace)")
        do {
            try Self.ip("link add \(interface) type veth peer name cable netns \(namespace)")
            index = if_nametoindex(interface)
            try Self.ip("addr add \(ipv4)/24 dev \(interface)")
            try Self.ip("link set \(interface) up")
            try Self.ip("-n \(namespace) addr add \(peerIPv4)/24 dev cable")
            try Self.ip("-n \(namespace) link set cable up")
        } catch {
            _ = try? Self.ip("netns del \(namespace)")
            throw error
        }
    }

    deinit {
        _ = try? Self.ip("link del \(interface)")
        _ = try? Self.ip("netns del \(namespace)")
    }

    /// The hardware address of this end.
    public var hardwareAddress: [UInt8] {
        let text = String(decoding: TestFile.read("/sys/class/net/\(interface)/address") ?? [], as: UTF8.self)
        return text.split(whereSeparator: { $0 == ":" || $0.isNewline }).compactMap { UInt8($0, radix: 16) }
    }

    /// Sends frames as they are from the other end, each so many times.
    public func send(_ frames: [(bytes: [UInt8], count: Int)]) throws {
        let script = """
            import socket, sys
            s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
            s.bind(("cable", 0))
            for word in sys.argv[1:]:
                frame, count = word.split(":")
                for i in range(int(count)): s.send(bytes.fromhex(frame))
            """
        let words = frames.map { frame in
            frame.bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined() + ":\(frame.count)"
        }
        try run(["python3", "-I", "-S", "-c", script] + words)
    }

    /// Runs a command at the other end; throws what it printed if it fails.
    public func run(_ arguments: [String]) throws {
        try InteractiveProcess.run(["ip", "netns", "exec", namespace] + arguments)
    }

    @discardableResult
    private static func ip(_ arguments: String) throws -> String {
        try InteractiveProcess.run(["ip"] + arguments.split(separator: " ").map(String.init))
    }
}
