/// How the archive's columns are called as attributes: by OpenTelemetry's semantic conventions where these have a name for
/// the very same, else `tapio.<column>`.
enum OTLPAttributes {
    /// What a column's values become.
    enum Form: Sendable, Hashable {
        /// As they are; timestamps as text (RFC 3339).
        case plain
        /// Numbers that stand for words; one without a word is left out.
        case words([Int64: String])
    }

    /// Columns that are fields of the log record, and no attributes.
    static let fields: Set<String> = ["ts", "ts_sub_ns", "kind", "priority"]

    /// By column, the name that the conventions have. Tests hold these against the conventions' own list.
    static let conventions: [String: String] = [
        "pid": "process.pid",
        "ppid": "process.parent_pid",
        "tid": "thread.id",
        "comm": "thread.name",
        "uid": "process.real_user.id",
        "cpu": "cpu.logical_number",
        "exe": "process.executable.path",
        "args": "process.command_line",
        "argc": "process.args_count",
        "cwd": "process.working_directory",
        "start_ts": "process.creation.time",
        "exit_code": "process.exit.code",
        "container_id": "container.id",
        "container_runtime": "container.runtime.name",
        "container": "k8s.container.name",
        "restart_count": "k8s.container.restart_count",
        "pod": "k8s.pod.name",
        "pod_uid": "k8s.pod.uid",
        "pod_ip": "k8s.pod.ip",
        "pod_phase": "k8s.pod.status.phase",
        "namespace": "k8s.namespace.name",
        "service": "k8s.service.name",
        "node_name": "k8s.node.name",
        "src_addr": "source.address",
        "src_port": "source.port",
        "dst_addr": "destination.address",
        "dst_port": "destination.port",
        "protocol": transport,
        "ip_version": "network.type",
        "dns_name": "dns.question.name",
        "file_path": "file.path",
        "filesystem": "system.filesystem.type",
        "error": "error.type",
    ]

    /// The protocol above IP.
    static let transport = "network.transport"

    /// The attribute of a column.
    static func name(_ column: String) -> String { conventions[column] ?? "tapio.\(column)" }

    /// What its values become.
    static func form(_ column: String) -> Form {
        column == "ip_version" ? .words([4: "ipv4", 6: "ipv6"]) : .plain
    }

    /// What the events of a kind travel over, where the kind alone says it.
    static func transport(ofKind kind: String) -> String? {
        if kind.hasPrefix("tcp_") { return "tcp" }
        return kind.hasPrefix("udp_") ? "udp" : nil
    }
}
