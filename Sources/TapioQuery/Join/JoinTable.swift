import TapioEvents

/// A table beside the archive: which of its rows belongs to a row of the archive, and what that fills in.
struct JoinTable: Sendable, Hashable {
    /// What a part of the key is compared with.
    enum KeySource: Sendable, Hashable {
        /// A column of the archive.
        case column(String)
        /// The boot in which the row was written.
        case bootID
        /// `tcp` or `udp`, as the row's kind begins.
        case protocolOfKind
    }

    /// A part of the key: at most one number and two texts make a key.
    struct KeyPart: Sendable, Hashable {
        var column: String
        var isText: Bool
        var source: KeySource

        static func number(_ column: String, _ source: KeySource) -> KeyPart {
            KeyPart(column: column, isText: false, source: source)
        }

        static func text(_ column: String, _ source: KeySource) -> KeyPart {
            KeyPart(column: column, isText: true, source: source)
        }
    }

    /// As its directory is called.
    let name: String
    let key: [KeyPart]
    /// By the column of the archive, the table's that fills it in.
    let targets: [String: String]

    private init(_ name: String, key: [KeyPart], targets: [String: String]) {
        self.name = name
        self.key = key
        self.targets = targets
    }

    private static func same(_ names: String...) -> [String: String] {
        Dictionary(uniqueKeysWithValues: names.map { ($0, $0) })
    }

    static let container = JoinTable(
        "container",
        key: [.text("boot_id", .bootID), .number("cgroup_id", .column("cgroup_id"))],
        targets: same(
            "container_id",
            "container_runtime",
            "container",
            "pod_uid",
            "pod",
            "namespace",
            "workload",
            "service",
            "unit"
        )
    )
    static let pod = JoinTable(
        "pod",
        key: [.text("pod_uid", .column("pod_uid"))],
        targets: same("pod", "namespace", "workload", "service")
    )
    static let process = JoinTable(
        "process",
        key: [.text("boot_id", .bootID), .number("pid", .column("pid"))],
        targets: same("exe", "args", "cwd", "ancestry")
    )
    static let service = JoinTable(
        "service",
        key: [
            .text("address", .column("dst_addr")), .number("port", .column("dst_port")),
            .text("protocol", .protocolOfKind),
        ],
        targets: ["dst_service": "service"]
    )
    static let dns = JoinTable(
        "dns",
        key: [
            .text("boot_id", .bootID), .number("netns", .column("netns")), .text("address", .column("dst_addr")),
        ],
        targets: ["dst_name": "name"]
    )

    /// In the order in which they fill in: what one has filled in, the next can go by, and leaves as it is.
    static let all = [container, pod, process, service, dns]

    /// The columns of the archive that some table fills in.
    static let targets = Set(all.flatMap(\.targets.keys))

    /// The columns of `used` that are filled in, and those that their keys need filled in.
    static func joined(for used: Set<String>) -> Set<String> {
        var joined = used.intersection(targets)
        for table in all where !joined.isDisjoint(with: table.targets.keys) {
            for part in table.key {
                if case .column(let name) = part.source, targets.contains(name) { joined.insert(name) }
            }
        }
        return joined
    }
}

extension QuerySchema {
    /// The schema with the fields that come from the tables beside the archive, where it has them not itself.
    public func addingJoins() -> QuerySchema {
        adding(
            columns: [
                Column(0, "exe", .string, "Path of the program."),
                Column(0, "args", .string, "The arguments as one command line."),
                Column(0, "cwd", .string, "The directory in which the process was."),
                Column(0, "ancestry", .string, "The processes from which it descends."),
                Column(0, "dst_service", .string, "Service at the other end."),
                Column(0, "dst_name", .string, "Name that was resolved to the other end's address."),
            ],
            kinds: []
        )
    }
}
