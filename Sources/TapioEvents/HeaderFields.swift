import TapioBPF

/// The columns that every kind fills, from the record's header.
public enum HeaderFields {
    /// In the order of the archive's columns.
    public static let all: [Field] = [
        Field(
            Column(1, "ts", .timestamp, isRequired: true, "When it happened, UTC."),
            .bootTime(at: offset(\.time_ns))
        ),
        Field(
            Column(
                2,
                "ts_sub_ns",
                .int32,
                unit: .nanoseconds,
                isRequired: true,
                "Nanoseconds within the microsecond of ts, 0 to 999."
            ),
            .bootTimeSubNs(at: offset(\.time_ns))
        ),
        Field(Column(3, "kind", .string, isRequired: true, "What happened."), .kindName(at: offset(\.kind))),
        Field(
            Column(4, "cpu", .int32, isRequired: true, "The CPU on which it happened."),
            .uint16(at: offset(\.cpu))
        ),
        Field(
            Column(5, "seq", .int64, isRequired: true, "Counts the records of one CPU's lane, from the agent's start."),
            .uint64(at: offset(\.sequence))
        ),
        Field(
            Column(
                6,
                "pid",
                .int32,
                isRequired: true,
                "Process, in the initial pid namespace; 0 where nobody is known."
            ),
            .uint32(at: offset(\.pid))
        ),
        Field(Column(7, "tid", .int32, isRequired: true, "Thread."), .uint32(at: offset(\.tid))),
        Field(Column(8, "ppid", .int32, isRequired: true, "Parent process."), .uint32(at: offset(\.ppid))),
        Field(
            Column(9, "uid", .int64, isRequired: true, "Real user id, in the initial user namespace."),
            .uint32(at: offset(\.uid))
        ),
        Field(
            Column(10, "cgroup_id", .int64, isRequired: true, "Inode of the cgroup's directory."),
            .uint64(at: offset(\.cgroup_id))
        ),
        Field(
            Column(11, "priority", .string, isRequired: true, "critical, high, normal or low."),
            .symbol(at: offset(\.priority), names: Priority.allCases.map(\.name))
        ),
        Field(
            Column(
                12,
                "weight",
                .double,
                isRequired: true,
                "How many events the row stands for: the inverse of the probability with which it was kept, summed up in a summary. 0 for ledger rows."
            ),
            .weight(at: offset(\.keep))
        ),
        Field(
            Column(13, "comm", .string, isRequired: true, "Name of the thread, up to 15 bytes."),
            .paddedString(at: offset(\.comm), count: Int(TAPIO_COMM_BYTES))
        ),
    ]

    private static func offset<Value>(_ path: KeyPath<tapio_header, Value>) -> Int {
        MemoryLayout<tapio_header>.offset(of: path)!
    }
}

/// The columns of the enrichment table.
public enum EnrichmentColumn: Int, CaseIterable, Sendable {
    case containerID = 0
    case pod = 1
    case namespace = 2
    case service = 3
    case containerRuntime = 4
    case container = 5
    case podUID = 6
    case workload = 7
    case unit = 8
    case containerStatus = 9
    case podStatus = 10

    /// The archive's column.
    public var column: Column {
        switch self {
        case .containerID: Column(32, "container_id", .string, "Id of the container, as its runtime gives it.")
        case .pod: Column(33, "pod", .string, "Name of the pod.")
        case .namespace: Column(34, "namespace", .string, "Kubernetes namespace of the pod.")
        case .service: Column(35, "service", .string, "Service that the pod belongs to.")
        case .containerRuntime:
            Column(36, "container_runtime", .string, "What runs the container: docker, containerd, cri-o, podman.")
        case .container: Column(37, "container", .string, "Name of the container in its pod.")
        case .podUID: Column(38, "pod_uid", .string, "UID of the pod.")
        case .workload: Column(39, "workload", .string, "What the pod is one of, such as Deployment/web.")
        case .unit: Column(40, "unit", .string, "systemd unit, where it is no container's process.")
        case .containerStatus:
            Column(
                41,
                "container_status",
                .string,
                "Whether the container was known when the event was read: hit, late, absent (there is none), expired (its cgroup was gone); null where nobody is known."
            )
        case .podStatus:
            Column(
                42,
                "pod_status",
                .string,
                "The same of the pod's names; disabled where no API of Kubernetes is asked."
            )
        }
    }

    /// The fields that every kind has, beside the header's.
    public static let fields: [Field] = allCases.map { Field($0.column, .enrichment($0), absent: .zero) }
}
