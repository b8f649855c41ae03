import TapioArchive
import TapioEvents
import TapioKubernetes

/// Rows of the tables `service` and `pod` that are to be written: what changed in the cluster, and when. What is gone gets a
/// row that counts for no time, so that the one before counts no more.
struct ClusterFacts {
    private var targets: [SocketAddress: ServiceTarget] = [:]
    private var pods: [String: [DimensionValue]] = [:]
    private var rows = WaitingRows<FactRow>(most: 100_000)
    private let startedUs: Int64
    private let nowUs: @Sendable () -> Int64

    /// Facts of one run of the agent.
    ///
    /// - Parameter startedUs: When it began, UTC microseconds since 1970: what is found at first has been so since then.
    init(startedUs: Int64, nowUs: @escaping @Sendable () -> Int64) {
        self.startedUs = startedUs
        self.nowUs = nowUs
    }

    /// Takes over what is known of services now.
    ///
    /// - Parameter isFirst: Whether not all had come before.
    mutating func note(_ current: [SocketAddress: ServiceTarget], isFirst: Bool) {
        let now = nowUs()
        for (place, target) in current where targets[place] != target {
            add(.service, from: isFirst ? startedUs : now, to: nil, Self.row(place, target))
        }
        for (place, target) in targets where current[place] == nil {
            add(.service, from: now, to: now, Self.row(place, target))
        }
        targets = current
    }

    /// The same of pods.
    mutating func note(_ current: some Collection<Pod>, services: [String: String], isFirst: Bool) {
        let now = nowUs()
        var values: [String: [DimensionValue]] = [:]
        for pod in current { values[pod.metadata.uid] = Self.row(pod, services[pod.metadata.uid]) }
        for (uid, row) in values where pods[uid] != row { add(.pod, from: isFirst ? startedUs : now, to: nil, row) }
        for (uid, row) in pods where values[uid] == nil { add(.pod, from: now, to: now, row) }
        pods = values
    }

    /// Rows that found no place.
    var refused: UInt64 { rows.refused }

    /// The rows since the last time.
    mutating func take() -> [FactRow] { rows.take() }

    private mutating func add(_ table: FactTable, from: Int64, to: Int64?, _ payload: [DimensionValue]) {
        rows.append(FactRow(table, from: from, to: to, payload))
    }

    private static func row(_ place: SocketAddress, _ target: ServiceTarget) -> [DimensionValue] {
        [
            .text(place.address.bytes.text), .integer(Int64(place.port)),
            .text(place.transport.rawValue.lowercased()), .text(target.name.name), .optional(target.name.namespace),
            .text(target.kind.rawValue), .optional(target.pod),
        ]
    }

    private static func row(_ pod: Pod, _ service: String?) -> [DimensionValue] {
        [
            .text(pod.metadata.uid), .text(pod.metadata.name), .optional(pod.metadata.namespace),
            .optional(pod.nodeName), .text("\(pod.workload.kind)/\(pod.workload.name)"), .optional(service),
            .optional(pod.addresses.first?.bytes.text), .text(pod.phase.rawValue),
        ]
    }
}
