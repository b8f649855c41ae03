import Glibc

/// Two network namespaces with a cable between them, gone with the object. Addresses exist only inside of them.
public final class NetworkNamespacePair {
    /// One end of the cable.
    public struct End: Sendable {
        /// Name of the namespace, for `ip netns exec`.
        public let namespace: String
        /// IPv4 address; the network has 24 bits.
        public let ipv4: String
        /// IPv6 address; the network has 64 bits.
        public let ipv6: String
        /// The interface.
        public let interface: String
        /// Inode of the namespace.
        public let inode: UInt64
    }

    /// One end.
    public let left: End
    /// The other end.
    public let right: End

    /// Needs root and the `ip` command.
    public init() throws {
        let stem = "tapio-\(getpid())-\(UInt32.random(in: 0...0xffff))"
        left = try Self.makeEnd("\(stem)-l", host: 1)
        do {
            right = try Self.makeEnd("\(stem)-r", host: 2)
        } catch {
            Self.remove(left)
            throw error
        }
        try ip("-n \(left.namespace) link add cable type veth peer name cable netns \(right.namespace)")
        for end in [left, right] {
            try ip("-n \(end.namespace) addr add \(end.ipv4)/24 dev cable")
            try ip("-n \(end.namespace) addr add \(end.ipv6)/64 dev cable nodad")
            try ip("-n \(end.namespace) link set cable up")
            try ip("-n \(end.namespace) link set lo up")
        }
    }

    deinit {
        Self.remove(left)
        Self.remove(right)
    }

    /// An IPv4 address of the cable's network that nobody has.
    public static let nobody = "10.213.7.99"

    /// Sends what `end` has for `address` to a MAC address that nobody has: it is lost without an answer.
    public func lose(_ address: String, from end: End) throws {
        try ip("-n \(end.namespace) neigh replace \(address) lladdr 02:00:00:00:00:99 dev cable nud permanent")
    }

    /// Undoes `lose`.
    public func deliver(_ address: String, from end: End) throws {
        try ip("-n \(end.namespace) neigh del \(address) dev cable")
    }

    /// Makes what `end` sends wait in a short queue, which drops most of a burst; throws where the kernel has no such
    /// queue.
    public func throttle(_ end: End) throws {
        try InteractiveProcess.run([
            "tc", "-n", end.namespace, "qdisc", "replace", "dev", "cable", "root", "tbf", "rate", "200mbit", "burst",
            "20kb", "limit", "20kb",
        ])
    }

    /// Sets a network sysctl inside of the namespace, such as "ipv4/tcp_syn_retries".
    public func set(_ name: String, _ value: String, in end: End) throws {
        try InteractiveProcess.run([
            "ip", "netns", "exec", end.namespace, "sh", "-c", "echo \(value) > /proc/sys/net/\(name)",
        ])
    }

    private func ip(_ arguments: String) throws {
        try InteractiveProcess.run(["ip"] + arguments.split(separator: " ").map(String.init))
    }

    private static func makeEnd(_ name: String, host: Int) throws -> End {
        try InteractiveProcess.run(["ip", "netns", "add", name])
        var status = stat()
        guard stat("/run/netns/\(name)", &status) == 0 else {
            throw ProcessFailure("cannot stat namespace \(name): errno \(errno)")
        }
        return End(
            namespace: name,
            ipv4: "10.213.7.\(host)",
            ipv6: "fd00:213:7::\(host)",
            interface: "cable",
            inode: UInt64(status.st_ino)
        )
    }

    private static func remove(_ end: End) {
        _ = try? InteractiveProcess.run(["ip", "netns", "del", end.namespace])
    }
}
