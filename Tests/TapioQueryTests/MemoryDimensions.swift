import Synchronization
import TapioEvents

@testable import TapioQuery

/// Tables beside an archive, in memory.
final class MemoryDimensions: DimensionSource {
    let name: String
    /// By table, its files, each with its rows in the order in which they were written.
    let files: [String: [MemoryGroup]]
    let damage: [Damage]
    private let asked = Mutex<[String]>([])

    init(_ files: [String: [MemoryGroup]], damage: [Damage] = [], name: String = "node") {
        self.name = name
        self.files = files
        self.damage = damage
    }

    /// The tables that were read so far, in that order.
    var reads: [String] { asked.withLock { $0 } }

    func has(_ table: String) -> Bool { files[table] != nil }

    func parts(of table: String) -> (parts: [any RowGroupSource], damage: [Damage]) {
        asked.withLock { $0.append(table) }
        return (files[table] ?? [], damage)
    }

    /// A file of a table, with the columns that its name says.
    static func file(_ table: String, _ rows: [Row], without missing: Set<String> = []) -> MemoryGroup {
        MemoryArchive.group(
            rows,
            columns: columns(of: table).filter { !missing.contains($0.name) },
            name: "\(table).pq"
        )
    }

    /// As the agent writes them.
    static func columns(of table: String) -> [Column] {
        let integers: Set = ["cgroup_id", "pid", "ppid", "uid", "netns"]
        let texts: [String]
        switch table {
        case "container":
            texts = [
                "boot_id", "cgroup_id", "cgroup_path", "container_id", "container_runtime", "container", "pod_uid",
                "pod", "namespace", "workload", "service", "unit",
            ]
        case "process":
            texts = [
                "boot_id", "pid", "start_ts", "ppid", "comm", "exe", "args", "cwd", "uid", "cgroup_id", "ancestry",
            ]
        case "pod":
            texts = ["pod_uid", "pod", "namespace", "node", "workload", "service", "pod_ip", "phase"]
        case "service": texts = ["address", "port", "protocol", "service", "namespace", "kind", "pod"]
        default: texts = ["boot_id", "netns", "address", "name"]
        }
        let columns = texts.map { name in
            Column(
                0,
                name,
                integers.contains(name) ? .int64 : name == "port" ? .int32 : name == "start_ts" ? .timestamp : .string,
                ""
            )
        }
        return [Column(0, "valid_from", .timestamp, isRequired: true, ""), Column(0, "valid_to", .timestamp, "")]
            + columns
    }
}
