/// The protocols that ports of services have.
public enum TransportProtocol: String, Sendable, Hashable, Decodable {
    /// TCP, which it is where nothing else is said.
    case tcp = "TCP"
    /// UDP.
    case udp = "UDP"
    /// SCTP.
    case sctp = "SCTP"
}

/// Where something listens.
public struct SocketAddress: Sendable, Hashable {
    /// The address.
    public var address: IPAddress
    /// 1 to 65535; 0 where any port is meant.
    public var port: UInt16
    /// The protocol.
    public var transport: TransportProtocol

    /// A port of an address.
    public init(_ address: IPAddress, port: UInt16, transport: TransportProtocol = .tcp) {
        self.address = address
        self.port = port
        self.transport = transport
    }
}
