import TapioArchive
import TapioEvents

/// Keeps in the table `container` whose each cgroup is, as that becomes known: so that events that were `late` have it too.
struct ContainerFacts: Sendable {
    /// Cgroups whose last row is remembered, so that a row is written only where something changed.
    private static let mostRemembered = 20_000

    private var table: DimensionTable
    private let bootID: String
    private let startedUs: Int64
    private let nowUs: @Sendable () -> Int64
    private var last: [UInt64: Belonging] = [:]
    private var paths: [UInt64: String] = [:]
    private var problem: String?

    /// Facts of one run of the agent.
    ///
    /// - Parameters:
    ///   - startedUs: When it began, UTC microseconds since 1970: from then on the first row of a cgroup holds, since the kernel
    ///     gives no cgroup's id again.
    ///   - nowUs: The time, likewise.
    init(
        root: String,
        node: String,
        bootID: String,
        run: String,
        createdBy: String,
        startedUs: Int64,
        nowUs: @escaping @Sendable () -> Int64
    ) {
        self.bootID = bootID
        self.startedUs = startedUs
        self.nowUs = nowUs
        table = DimensionTable(
            root: root,
            name: "container",
            columns: Self.columns,
            node: node,
            run: run,
            createdBy: createdBy
        )
    }

    /// The table's columns; the numbers are its own.
    private static let columns = [
        ParquetColumn(name: "valid_from", type: .timestampMicros, isRequired: true, fieldID: 1),
        ParquetColumn(name: "boot_id", type: .string, isRequired: true, fieldID: 2),
        ParquetColumn(name: "cgroup_id", type: .int64, isRequired: true, fieldID: 3),
        ParquetColumn(name: "cgroup_path", type: .string, isRequired: false, fieldID: 4),
        ParquetColumn(name: "container_id", type: .string, isRequired: false, fieldID: 5),
        ParquetColumn(name: "container_runtime", type: .string, isRequired: false, fieldID: 6),
        ParquetColumn(name: "container", type: .string, isRequired: false, fieldID: 7),
        ParquetColumn(name: "pod_uid", type: .string, isRequired: false, fieldID: 8),
        ParquetColumn(name: "pod", type: .string, isRequired: false, fieldID: 9),
        ParquetColumn(name: "namespace", type: .string, isRequired: false, fieldID: 10),
        ParquetColumn(name: "workload", type: .string, isRequired: false, fieldID: 11),
        ParquetColumn(name: "service", type: .string, isRequired: false, fieldID: 12),
        ParquetColumn(name: "unit", type: .string, isRequired: false, fieldID: 13),
        ParquetColumn(name: "valid_to", type: .timestampMicros, isRequired: false, fieldID: 14),
    ]

    /// Remembers where a cgroup is, for its rows.
    mutating func notePath(_ path: String, of cgroup: UInt64) { paths[cgroup] = path }

    /// Adds a row where this is something new.
    mutating func note(_ belonging: Belonging, of cgroup: UInt64) {
        guard last[cgroup] != belonging else { return }
        if last.count >= Self.mostRemembered {
            last = [:]
            paths = paths.filter { $0.key == cgroup }
        }
        let now = nowUs()
        let from = last[cgroup] == nil ? startedUs : now
        last[cgroup] = belonging
        func text(_ text: String) -> DimensionValue { text.isEmpty ? .null : .text(text) }
        let row: [DimensionValue] = [
            .integer(from), .text(bootID), .integer(Int64(bitPattern: cgroup)), text(paths[cgroup] ?? ""),
            text(belonging.containerID), text(belonging.runtime), text(belonging.container), text(belonging.podUID),
            text(belonging.pod), text(belonging.namespace), text(belonging.workload), text(belonging.service),
            text(belonging.unit), .null,
        ]
        attempt { (table) throws(FileError) in try table.add(row, atMicroseconds: now) }
    }

    /// Writes what is new; nil where that went well, else what is wrong, said once.
    mutating func flush() -> String? {
        let before = problem
        problem = nil
        attempt { (table) throws(FileError) in try table.flush() }
        return problem == before ? nil : problem
    }

    private mutating func attempt(_ work: (inout DimensionTable) throws(FileError) -> Void) {
        do throws(FileError) {
            try work(&table)
        } catch {
            problem = "what is found out about containers cannot be kept: \(error)"
        }
    }
}
