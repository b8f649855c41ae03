import TapioBPF
import TapioEvents

extension KubernetesCollector {
    static let pod = EventSchema(
        EventKind(Int(TAPIO_KIND_K8S_POD)),
        "k8s_pod",
        collector: name,
        priority: .high,
        record: tapio_k8s_pod.self,
        "A pod of this node is there, or something about it changed.",
        fields: [
            changeField(at: offset(\tapio_k8s_pod.change)),
            text(EnrichmentColumn.pod.column, \tapio_k8s_pod.pod),
            text(EnrichmentColumn.namespace.column, \tapio_k8s_pod.pod_namespace),
            text(EnrichmentColumn.podUID.column, \tapio_k8s_pod.uid),
            text(EnrichmentColumn.workload.column, \tapio_k8s_pod.workload),
            text(nodeName, \tapio_k8s_pod.node),
            text(
                Column(2434, "pod_phase", .string, "Pending, Running, Succeeded, Failed or Unknown."),
                \tapio_k8s_pod.phase
            ),
            truth(ready, at: offset(\tapio_k8s_pod.ready)),
            text(conditions, \tapio_k8s_pod.conditions),
            text(reason, \tapio_k8s_pod.reason),
            text(message, \tapio_k8s_pod.message),
            Field(messageBytes, .uint32(at: offset(\tapio_k8s_pod.message_bytes)), absent: .zero),
            text(
                Column(2439, "pod_ip", .string, "Address of the pod; the node's where it shares that."),
                \tapio_k8s_pod.address
            ),
            time(created, \tapio_k8s_pod.created_us),
            time(started, \tapio_k8s_pod.started_us),
            time(
                Column(
                    2442,
                    "deletion_ts",
                    .timestamp,
                    "When it is to be gone at the latest: somebody has deleted it."
                ),
                \tapio_k8s_pod.deletion_us
            ),
        ]
    )

    static let container = EventSchema(
        EventKind(Int(TAPIO_KIND_K8S_CONTAINER)),
        "k8s_container",
        collector: name,
        priority: .high,
        record: tapio_k8s_container.self,
        "A container of a pod of this node is there, or something about it changed. It goes with its pod.",
        fields: [
            changeField(at: offset(\tapio_k8s_container.change)),
            text(EnrichmentColumn.pod.column, \tapio_k8s_container.pod),
            text(EnrichmentColumn.namespace.column, \tapio_k8s_container.pod_namespace),
            text(EnrichmentColumn.podUID.column, \tapio_k8s_container.uid),
            text(EnrichmentColumn.workload.column, \tapio_k8s_container.workload),
            text(EnrichmentColumn.container.column, \tapio_k8s_container.container),
            text(EnrichmentColumn.containerID.column, \tapio_k8s_container.container_id),
            text(nodeName, \tapio_k8s_container.node),
            Field(
                Column(
                    2443,
                    "container_role",
                    .string,
                    "main, init (before the main ones, or beside them) or ephemeral (to debug)."
                ),
                .symbol(at: offset(\tapio_k8s_container.role), names: ["main", "init", "ephemeral"])
            ),
            Field(
                Column(2444, "container_state", .string, "waiting, running or terminated."),
                .symbol(at: offset(\tapio_k8s_container.state), names: ["", "waiting", "running", "terminated"])
            ),
            truth(ready, at: offset(\tapio_k8s_container.ready)),
            text(reason, \tapio_k8s_container.reason),
            text(message, \tapio_k8s_container.message),
            Field(messageBytes, .uint32(at: offset(\tapio_k8s_container.message_bytes)), absent: .zero),
            Field(.exitCode, .uint32(at: offset(\tapio_k8s_container.exit_code)), absent: .allOnes),
            Field(.signal, .uint32(at: offset(\tapio_k8s_container.signal)), absent: .zero),
            time(started, \tapio_k8s_container.started_us),
            time(
                Column(2445, "finished_ts", .timestamp, "When it ended, as Kubernetes says."),
                \tapio_k8s_container.finished_us
            ),
            Field(
                Column(2446, "restart_count", .int32, unit: .count, "How often it was started again."),
                .uint32(at: offset(\tapio_k8s_container.restarts))
            ),
            text(Column(2447, "image", .string, "The container's image."), \tapio_k8s_container.image),
            text(
                Column(
                    2448,
                    "last_reason",
                    .string,
                    "Why the same container ended before it was started again, such as OOMKilled."
                ),
                \tapio_k8s_container.last_reason
            ),
            Field(
                Column(2449, "last_exit_code", .int32, "What it returned then."),
                .uint32(at: offset(\tapio_k8s_container.last_exit_code)),
                absent: .allOnes
            ),
            Field(
                Column(2450, "last_signal", .int32, "The signal that ended it then."),
                .uint32(at: offset(\tapio_k8s_container.last_signal)),
                absent: .zero
            ),
            time(
                Column(2451, "last_started_ts", .timestamp, "When it had been started then."),
                \tapio_k8s_container.last_started_us
            ),
            time(
                Column(2452, "last_finished_ts", .timestamp, "When it ended then."),
                \tapio_k8s_container.last_finished_us
            ),
            text(
                Column(2453, "last_container_id", .string, "Id of the container that it was then."),
                \tapio_k8s_container.last_container_id
            ),
        ]
    )

    static let node = EventSchema(
        EventKind(Int(TAPIO_KIND_K8S_NODE)),
        "k8s_node",
        collector: name,
        priority: .high,
        record: tapio_k8s_node.self,
        "This node is known to its cluster, or something about it changed.",
        fields: [
            changeField(at: offset(\tapio_k8s_node.change)),
            text(nodeName, \tapio_k8s_node.node),
            truth(ready, at: offset(\tapio_k8s_node.ready)),
            truth(
                Column(2454, "memory_pressure", .string, "Whether memory runs short: True, False or Unknown."),
                at: offset(\tapio_k8s_node.memory_pressure)
            ),
            truth(
                Column(2455, "disk_pressure", .string, "Whether room on disks runs short: True, False or Unknown."),
                at: offset(\tapio_k8s_node.disk_pressure)
            ),
            truth(
                Column(2456, "pid_pressure", .string, "Whether process ids run short: True, False or Unknown."),
                at: offset(\tapio_k8s_node.pid_pressure)
            ),
            truth(
                Column(
                    2457,
                    "network_unavailable",
                    .string,
                    "Whether its network is not set up: True, False or Unknown."
                ),
                at: offset(\tapio_k8s_node.network_unavailable)
            ),
            Field(
                Column(2458, "unschedulable", .int32, "1 where it is cordoned: it gets no more pods."),
                .uint8(at: offset(\tapio_k8s_node.unschedulable))
            ),
            text(conditions, \tapio_k8s_node.conditions),
            text(reason, \tapio_k8s_node.reason),
            text(message, \tapio_k8s_node.message),
            Field(messageBytes, .uint32(at: offset(\tapio_k8s_node.message_bytes)), absent: .zero),
            time(created, \tapio_k8s_node.created_us),
            text(Column(2459, "kubelet_version", .string, "Version of its kubelet."), \tapio_k8s_node.kubelet_version),
        ]
    )

    static let event = EventSchema(
        EventKind(Int(TAPIO_KIND_K8S_EVENT)),
        "k8s_event",
        collector: name,
        priority: .normal,
        record: tapio_k8s_event.self,
        "A part of Kubernetes says that something happened to this node or to one of its pods; said again, it is a row again.",
        fields: [
            text(Column(2460, "event_type", .string, "Normal or Warning."), \tapio_k8s_event.type),
            text(reason, \tapio_k8s_event.reason),
            text(message, \tapio_k8s_event.message),
            Field(messageBytes, .uint32(at: offset(\tapio_k8s_event.message_bytes)), absent: .zero),
            Field(
                Column(2461, "event_count", .int32, unit: .count, "How often it has happened, from first_seen_ts on."),
                .uint32(at: offset(\tapio_k8s_event.count))
            ),
            time(Column(2462, "first_seen_ts", .timestamp, "When it first happened."), \tapio_k8s_event.first_seen_us),
            time(Column(2463, "last_seen_ts", .timestamp, "When it last happened."), \tapio_k8s_event.last_seen_us),
            text(Column(2464, "event_source", .string, "Who says so, such as kubelet."), \tapio_k8s_event.source),
            text(
                Column(2465, "object_kind", .string, "Kind of the object that it happened to: Pod or Node."),
                \tapio_k8s_event.object_kind
            ),
            text(Column(2466, "object_name", .string, "Name of that object."), \tapio_k8s_event.object),
            text(
                Column(2467, "object_namespace", .string, "Namespace of that object."),
                \tapio_k8s_event.object_namespace
            ),
            text(
                Column(2468, "object_uid", .string, "UID of that object; of a node, its name, where kubelet says it."),
                \tapio_k8s_event.object_uid
            ),
            text(EnrichmentColumn.pod.column, \tapio_k8s_event.pod),
            text(EnrichmentColumn.namespace.column, \tapio_k8s_event.pod_namespace),
            text(EnrichmentColumn.podUID.column, \tapio_k8s_event.uid),
            text(EnrichmentColumn.container.column, \tapio_k8s_event.container),
            text(nodeName, \tapio_k8s_event.node),
        ]
    )

    // MARK: Columns that several of them share

    private static let nodeName = Column(2433, "node_name", .string, "The node, as its cluster calls it.")
    private static let ready = Column(2435, "ready", .string, "Whether it is ready: True, False or Unknown.")
    private static let conditions = Column(
        2436,
        "conditions",
        .string,
        "Its conditions, and why those are so that say why: Ready=False:ContainersNotReady PodScheduled=True."
    )
    private static let reason = Column(
        2437,
        "reason",
        .string,
        "Why, in a word of Kubernetes', such as CrashLoopBackOff."
    )
    private static let message = Column(
        2438,
        "message",
        .string,
        "Why, for people; cut at 1024 bytes, with … at its end then."
    )
    private static let messageBytes = Column(
        2469,
        "message_bytes",
        .int32,
        unit: .bytes,
        "Bytes of the message as it was."
    )
    private static let created = Column(2440, "created_ts", .timestamp, "When it was made, as Kubernetes says.")
    private static let started = Column(2441, "started_ts", .timestamp, "When it was started, as Kubernetes says.")

    private static func changeField(at place: Int) -> Field {
        Field(
            Column(
                2432,
                "change",
                .string,
                "existing (it was there when the collector began), added, modified or deleted."
            ),
            .symbol(at: place, names: ["existing", "added", "modified", "deleted"])
        )
    }

    private static func text<Record>(_ column: Column, _ path: KeyPath<Record, tapio_string>) -> Field {
        Field(column, .string(at: offset(path)), absent: .zero)
    }

    private static func time<Record>(_ column: Column, _ path: KeyPath<Record, UInt64>) -> Field {
        Field(column, .uint64(at: offset(path)), absent: .allOnes)
    }

    private static func truth(_ column: Column, at place: Int) -> Field {
        Field(column, .symbol(at: place, names: ["", "True", "False", "Unknown"]))
    }
}
