import TapioCollectors
import TapioEvents
import TapioKubernetes

// What the collector shows of the API's objects.

extension KubernetesChange {
    init(_ change: ObjectChange<Pod>) {
        switch change {
        case .added(let pod), .updated(let pod): self = .pod(KubernetesPodState(pod))
        case .deleted(let key, let last): self = .podGone(uid: key.uid, last: last.map { KubernetesPodState($0) })
        case .synced: self = .podsListed
        }
    }

    init?(_ change: ObjectChange<Node>) {
        switch change {
        case .added(let node), .updated(let node): self = .node(KubernetesNodeState(node))
        case .deleted: self = .nodeGone
        case .synced: self = .nodeListed
        }
    }

    /// Nil where it is none: events expire, and of old ones nothing is told.
    init?(_ change: ObjectChange<KubernetesEvent>) {
        guard case .added(let event) = change else { return nil }
        self = .event(KubernetesEventState(event))
    }
}

extension KubernetesPodState {
    init(_ pod: Pod) {
        self.init()
        uid = pod.metadata.uid
        name = pod.metadata.name
        namespace = pod.metadata.namespace
        workload = "\(pod.workload.kind)/\(pod.workload.name)"
        node = pod.nodeName ?? ""
        phase = pod.phase.rawValue
        reason = pod.reason
        message = pod.message
        conditions = pod.conditions.text
        ready = KubernetesTruth(pod.conditions["Ready"])
        address = pod.addresses.first?.text ?? ""
        createdUs = pod.createdNs.microseconds
        startedUs = pod.startedNs.microseconds
        deletionUs = pod.deletionNs.microseconds
        containers = pod.containers.map { KubernetesContainerState($0) }
    }
}

extension KubernetesContainerState {
    init(_ container: ContainerStatus) {
        self.init()
        name = container.name
        role =
            switch container.role {
            case .main: .main
            case .initial: .initial
            case .ephemeral: .ephemeral
            }
        id = container.id ?? ""
        image = container.image
        restarts = UInt32(clamping: container.restartCount)
        ready = container.isReady.map { $0 ? .yes : .no } ?? .notSaid
        message = container.detail.message
        startedUs = container.detail.startedNs.microseconds
        switch container.state {
        case .waiting(let reason):
            activity = .waiting
            self.reason = reason
        case .running: activity = .running
        case .terminated: activity = .terminated
        case .unknown: activity = .unknown
        }
        end = End(container.state, container.detail, id: container.id)
        lastEnd = End(container.lastState, container.lastDetail, id: container.previousID)
    }
}

extension KubernetesContainerState.End {
    /// Nil where it is no end.
    fileprivate init?(_ state: ContainerStatus.State, _ detail: ContainerStatus.Detail, id: String?) {
        guard case .terminated(let reason, let exitCode) = state else { return nil }
        self.init()
        self.reason = reason
        self.exitCode = Int32(clamping: exitCode)
        signal = UInt32(clamping: detail.signal)
        startedUs = detail.startedNs.microseconds
        finishedUs = detail.finishedNs.microseconds
        containerID = id ?? ""
    }
}

extension KubernetesNodeState {
    init(_ node: Node) {
        self.init()
        name = node.name
        createdUs = node.createdNs.microseconds
        kubeletVersion = node.kubeletVersion
        isUnschedulable = node.isUnschedulable
        let ready = node.conditions["Ready"]
        self.ready = KubernetesTruth(ready)
        reason = ready?.reason ?? ""
        message = ready?.message ?? ""
        memoryPressure = KubernetesTruth(node.conditions["MemoryPressure"])
        diskPressure = KubernetesTruth(node.conditions["DiskPressure"])
        pidPressure = KubernetesTruth(node.conditions["PIDPressure"])
        networkUnavailable = KubernetesTruth(node.conditions["NetworkUnavailable"])
        conditions = node.conditions.text
    }
}

extension KubernetesEventState {
    init(_ event: KubernetesEvent) {
        self.init()
        type = event.type
        reason = event.reason
        message = event.message
        source = event.source
        host = event.host
        objectKind = event.objectKind
        objectName = event.object.name
        objectNamespace = event.object.namespace
        objectUID = event.object.uid
        // spec.containers{web}
        if let open = event.fieldPath.firstIndex(of: "{"), event.fieldPath.hasSuffix("}") {
            container = String(event.fieldPath[event.fieldPath.index(after: open)...].dropLast())
        }
        count = UInt32(clamping: event.count)
        firstSeenUs = event.firstSeenNs.microseconds
        lastSeenUs = event.lastSeenNs.microseconds
    }
}

extension KubernetesTruth {
    fileprivate init(_ condition: Condition?) {
        self =
            switch condition?.status {
            case nil: .notSaid
            case .yes: .yes
            case .no: .no
            case .unknown: .unknown
            }
    }
}

extension [Condition] {
    /// The first of that type.
    fileprivate subscript(type: String) -> Condition? { first { $0.type == type } }

    /// `Ready=False:ContainersNotReady PodScheduled=True`, by type, so that another order is no change.
    fileprivate var text: String {
        sorted { $0.type < $1.type }.map { condition in
            let reason = condition.reason.map { $0.isEmpty ? "" : ":\($0)" } ?? ""
            return "\(condition.type)=\(condition.status.rawValue)\(reason)"
        }.joined(separator: " ")
    }
}

extension Int64? {
    /// Of nanoseconds.
    fileprivate var microseconds: Int64? { map { $0 / 1000 } }
}

extension IPAddress {
    /// As all addresses in the archive are written.
    fileprivate var text: String {
        let bytes = [high, low].flatMap { half in
            stride(from: 56, through: 0, by: -8).map { UInt8(truncatingIfNeeded: half >> $0) }
        }
        return String(decoding: RecordText.ipAddress(bytes), as: UTF8.self)
    }
}
