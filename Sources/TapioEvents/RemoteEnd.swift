/// Where a kind's records say who the other end is, so that its DNS name and its service can be found. Offsets are from the
/// record's start.
public struct RemoteEnd: Sendable, Hashable {
    /// The protocol that the port is of.
    public enum Transport: Sendable, Hashable {
        /// Always this one: the number that IP has for it.
        case always(UInt8)
        /// A byte with that number.
        case byte(at: Int)
    }

    /// Sixteen bytes: an IPv6 address, or an IPv4 one mapped into it.
    public var address: Int
    /// Two bytes in host order.
    public var port: Int
    /// Four bytes: inode of the network namespace, 0 where not known.
    public var networkNamespace: Int
    /// The port's protocol.
    public var transport: Transport
    /// A byte that is `TAPIO_DIRECTION_INBOUND` where the other end is a client, whose port is no service's; nil: it never is.
    public var direction: Int?

    /// Where what is.
    public init(address: Int, port: Int, networkNamespace: Int, transport: Transport, direction: Int? = nil) {
        self.address = address
        self.port = port
        self.networkNamespace = networkNamespace
        self.transport = transport
        self.direction = direction
    }
}

/// Where a kind's records hold an answer that gives names to addresses.
public struct NameAnswer: Sendable, Hashable {
    /// A `tapio_string` of a DNS message.
    public var message: Int
    /// Four bytes: inode of the network namespace that asked, 0 where not known.
    public var networkNamespace: Int

    /// Where what is.
    public init(message: Int, networkNamespace: Int) {
        self.message = message
        self.networkNamespace = networkNamespace
    }
}

/// The columns of kinds that have a ``RemoteEnd``.
public enum RemoteColumn: Int, CaseIterable, Sendable {
    case name = 0
    case service = 1
    case nameStatus = 2
    case serviceStatus = 3

    /// The archive's column.
    public var column: Column {
        switch self {
        case .name:
            Column(
                48,
                "dst_name",
                .string,
                "Name of the other end: the last that a DNS answer gave its address in the same network namespace, escaped as in zone files."
            )
        case .service:
            Column(
                49,
                "dst_service",
                .string,
                "Kubernetes service at the other end, as namespace/name: by its cluster address, or by an endpoint's."
            )
        case .nameStatus:
            Column(
                50,
                "dst_name_status",
                .string,
                "Whether that name was known: hit, late, absent (no answer gave one), expired (its time to live was over), disabled (collector dns is off); null where the network namespace is not known."
            )
        case .serviceStatus:
            Column(
                51,
                "dst_service_status",
                .string,
                "The same of the service: hit, late, absent, disabled where no API of Kubernetes is asked; null for incoming connections."
            )
        }
    }

    /// The fields that such kinds have.
    public static let fields: [Field] = allCases.map { Field($0.column, .remote($0), absent: .zero) }
}
