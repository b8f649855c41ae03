/// The messages that everything else in OTLP is made of: `KeyValue`, `AnyValue`, `Resource`, `InstrumentationScope`.
///
/// Field numbers here and beside are those of opentelemetry-proto 1.x.
enum OTLPValue {
    /// Field `attributes` of a log record.
    static let recordAttributes: UInt64 = 6

    /// A `KeyValue` with text.
    static func pair(_ key: String, _ text: String) -> [UInt8] {
        var writer = ProtobufWriter()
        writer.field(1, text: key)
        writer.field(2) { $0.field(1, text: text) }
        return writer.bytes
    }

    /// Whose telemetry it is: a `Resource`. Empty values are left out.
    static func resource(_ attributes: [(String, String)]) -> [UInt8] {
        var writer = ProtobufWriter()
        for (key, value) in attributes where !value.isEmpty { writer.field(1, bytes: pair(key, value)) }
        return writer.bytes
    }

    /// Who made it: an `InstrumentationScope`.
    static func scope(version: String) -> [UInt8] {
        var writer = ProtobufWriter()
        writer.field(1, text: "tapio")
        if !version.isEmpty { writer.field(2, text: version) }
        return writer.bytes
    }
}

/// Who sends: the attributes of a `Resource`.
public struct OTLPIdentity: Sendable, Hashable {
    /// The node's name.
    public var node: String
    /// One for each start of the agent.
    public var runID: String
    /// The kernel's boot id.
    public var bootID: String
    /// The agent's version.
    public var version: String
    /// Whether the node is one of Kubernetes, and its name that of the cluster.
    public var isKubernetes: Bool

    /// An identity.
    public init(node: String, runID: String, bootID: String, version: String, isKubernetes: Bool) {
        self.node = node
        self.runID = runID
        self.bootID = bootID
        self.version = version
        self.isKubernetes = isKubernetes
    }

    /// Whether this process runs in a pod: Kubernetes sets the variable in each.
    public static func isPod(_ environment: [String: String]) -> Bool {
        environment["KUBERNETES_SERVICE_HOST"]?.isEmpty == false
    }

    var resource: [UInt8] {
        OTLPValue.resource([
            ("service.name", "tapio"), ("service.version", version), ("service.instance.id", runID),
            ("host.name", node), ("k8s.node.name", isKubernetes ? node : ""), ("tapio.boot_id", bootID),
        ])
    }
}
