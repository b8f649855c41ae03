import TapioBPF
import TapioEvents

extension KubernetesTracker.Row {
    /// As a record. Its texts are within their bounds, so that it is within its own.
    var record: [UInt8] {
        switch self {
        case .pod(let pod, let change): Self.record(pod, change)
        case .container(let container, let pod, let change): Self.record(container, of: pod, change)
        case .node(let node, let change): Self.record(node, change)
        case .event(let event, let node): Self.record(event, node)
        }
    }

    private static func time(_ microseconds: Int64?) -> UInt64 { microseconds.map { UInt64(bitPattern: $0) } ?? .max }

    private static func record(_ pod: KubernetesPodState, _ change: KubernetesTracker.Change) -> [UInt8] {
        var fixed = tapio_k8s_pod()
        fixed.header = tapio_header(cgroupID: 0)
        fixed.created_us = time(pod.createdUs)
        fixed.started_us = time(pod.startedUs)
        fixed.deletion_us = time(pod.deletionUs)
        fixed.message_bytes = UInt32(clamping: pod.messageBytes)
        fixed.change = change.rawValue
        fixed.ready = pod.ready.rawValue
        var builder = RecordBuilder(fixed, EventKind(Int(TAPIO_KIND_K8S_POD)), .high)
        builder.add(pod.name, at: offset(\tapio_k8s_pod.pod))
        builder.add(pod.namespace, at: offset(\tapio_k8s_pod.pod_namespace))
        builder.add(pod.uid, at: offset(\tapio_k8s_pod.uid))
        builder.add(pod.workload, at: offset(\tapio_k8s_pod.workload))
        builder.add(pod.node, at: offset(\tapio_k8s_pod.node))
        builder.add(pod.phase, at: offset(\tapio_k8s_pod.phase))
        builder.add(pod.reason, at: offset(\tapio_k8s_pod.reason))
        builder.add(pod.message, at: offset(\tapio_k8s_pod.message))
        builder.add(pod.conditions, at: offset(\tapio_k8s_pod.conditions))
        builder.add(pod.address, at: offset(\tapio_k8s_pod.address))
        return builder.bytes
    }

    private static func record(
        _ container: KubernetesContainerState,
        of pod: KubernetesPodState,
        _ change: KubernetesTracker.Change
    ) -> [UInt8] {
        var fixed = tapio_k8s_container()
        fixed.header = tapio_header(cgroupID: 0)
        fixed.started_us = time(container.end?.startedUs ?? container.startedUs)
        fixed.finished_us = time(container.end?.finishedUs)
        fixed.last_started_us = time(container.lastEnd?.startedUs)
        fixed.last_finished_us = time(container.lastEnd?.finishedUs)
        fixed.restarts = container.restarts
        fixed.exit_code = container.end.map { UInt32(bitPattern: $0.exitCode) } ?? .max
        fixed.last_exit_code = container.lastEnd.map { UInt32(bitPattern: $0.exitCode) } ?? .max
        fixed.signal = container.end?.signal ?? 0
        fixed.last_signal = container.lastEnd?.signal ?? 0
        fixed.message_bytes = UInt32(clamping: container.messageBytes)
        fixed.change = change.rawValue
        fixed.state = container.activity.rawValue
        fixed.ready = container.ready.rawValue
        fixed.role = container.role.rawValue
        var builder = RecordBuilder(fixed, EventKind(Int(TAPIO_KIND_K8S_CONTAINER)), .high)
        builder.add(pod.name, at: offset(\tapio_k8s_container.pod))
        builder.add(pod.namespace, at: offset(\tapio_k8s_container.pod_namespace))
        builder.add(pod.uid, at: offset(\tapio_k8s_container.uid))
        builder.add(pod.workload, at: offset(\tapio_k8s_container.workload))
        builder.add(pod.node, at: offset(\tapio_k8s_container.node))
        builder.add(container.name, at: offset(\tapio_k8s_container.container))
        builder.add(container.id, at: offset(\tapio_k8s_container.container_id))
        builder.add(container.image, at: offset(\tapio_k8s_container.image))
        builder.add(container.end?.reason ?? container.reason, at: offset(\tapio_k8s_container.reason))
        builder.add(container.message, at: offset(\tapio_k8s_container.message))
        builder.add(container.lastEnd?.reason ?? "", at: offset(\tapio_k8s_container.last_reason))
        builder.add(container.lastEnd?.containerID ?? "", at: offset(\tapio_k8s_container.last_container_id))
        return builder.bytes
    }

    private static func record(_ node: KubernetesNodeState, _ change: KubernetesTracker.Change) -> [UInt8] {
        var fixed = tapio_k8s_node()
        fixed.header = tapio_header(cgroupID: 0)
        fixed.created_us = time(node.createdUs)
        fixed.message_bytes = UInt32(clamping: node.messageBytes)
        fixed.change = change.rawValue
        fixed.ready = node.ready.rawValue
        fixed.memory_pressure = node.memoryPressure.rawValue
        fixed.disk_pressure = node.diskPressure.rawValue
        fixed.pid_pressure = node.pidPressure.rawValue
        fixed.network_unavailable = node.networkUnavailable.rawValue
        fixed.unschedulable = node.isUnschedulable ? 1 : 0
        var builder = RecordBuilder(fixed, EventKind(Int(TAPIO_KIND_K8S_NODE)), .high)
        builder.add(node.name, at: offset(\tapio_k8s_node.node))
        builder.add(node.reason, at: offset(\tapio_k8s_node.reason))
        builder.add(node.message, at: offset(\tapio_k8s_node.message))
        builder.add(node.conditions, at: offset(\tapio_k8s_node.conditions))
        builder.add(node.kubeletVersion, at: offset(\tapio_k8s_node.kubelet_version))
        return builder.bytes
    }

    private static func record(_ event: KubernetesEventState, _ node: String) -> [UInt8] {
        var fixed = tapio_k8s_event()
        fixed.header = tapio_header(cgroupID: 0)
        fixed.first_seen_us = time(event.firstSeenUs)
        fixed.last_seen_us = time(event.lastSeenUs)
        fixed.count = event.count
        fixed.message_bytes = UInt32(clamping: event.messageBytes)
        var builder = RecordBuilder(fixed, EventKind(Int(TAPIO_KIND_K8S_EVENT)), .normal)
        builder.add(node, at: offset(\tapio_k8s_event.node))
        builder.add(event.type, at: offset(\tapio_k8s_event.type))
        builder.add(event.reason, at: offset(\tapio_k8s_event.reason))
        builder.add(event.message, at: offset(\tapio_k8s_event.message))
        builder.add(event.source, at: offset(\tapio_k8s_event.source))
        builder.add(event.objectKind, at: offset(\tapio_k8s_event.object_kind))
        builder.add(event.objectName, at: offset(\tapio_k8s_event.object))
        builder.add(event.objectNamespace, at: offset(\tapio_k8s_event.object_namespace))
        builder.add(event.objectUID, at: offset(\tapio_k8s_event.object_uid))
        if event.isAboutPod {
            builder.repeat(offset(\tapio_k8s_event.object), at: offset(\tapio_k8s_event.pod))
            builder.repeat(offset(\tapio_k8s_event.object_namespace), at: offset(\tapio_k8s_event.pod_namespace))
            builder.repeat(offset(\tapio_k8s_event.object_uid), at: offset(\tapio_k8s_event.uid))
            builder.add(event.container, at: offset(\tapio_k8s_event.container))
        }
        return builder.bytes
    }
}

extension RecordBuilder {
    /// Appends a text that ``KubernetesTextBound`` has bounded.
    fileprivate mutating func add(_ text: String, at offset: Int) {
        append(text.utf8, at: offset, most: Int(TAPIO_K8S_TEXT_BYTES))
    }
}
