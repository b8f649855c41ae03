import Synchronization
import TapioArchive
import TapioRings

/// Writes the tables beside the archive; it may wait for the disk as long as it takes, since nobody else is held up.
actor FactTables {
    private let executor = BlockingExecutor(label: "tapio.facts")
    nonisolated var unownedExecutor: UnownedSerialExecutor { unsafe executor.asUnownedSerialExecutor() }

    private var tables: [FactTable: DimensionTable] = [:]
    private let nowUs: @Sendable () -> Int64
    private var problem: String?
    /// Of this call.
    private var errors: [FactTable: FileError] = [:]
    private let shownRefused = Atomic<UInt64>(0)

    /// Tables of one run of the agent, under the archive's root. Nothing is written yet.
    init(root: String, node: String, run: String, createdBy: String, nowUs: @escaping @Sendable () -> Int64) {
        self.nowUs = nowUs
        for table in FactTable.allCases {
            tables[table] = DimensionTable(
                root: root,
                name: table.rawValue,
                columns: table.columns,
                node: node,
                run: run,
                createdBy: createdBy
            )
        }
    }

    /// Rows that found no place since nothing could be written. Never waits for the disk.
    nonisolated var refused: UInt64 { shownRefused.load(ordering: .relaxed) }

    /// Writes rows, and what an earlier call could not; nil where that went well, else what is wrong, said once.
    func write(_ rows: [FactRow]) -> String? {
        let before = problem
        let now = nowUs()
        errors = [:]
        // Once for each: what cannot be written takes as much time to try.
        for (name, table) in tables where table.isBlocked { flush(name) }
        for row in rows {
            attempt(row.table) { (table) throws(FileError) in try table.add(row.values, atMicroseconds: now) }
        }
        for (name, table) in tables where !table.isBlocked { flush(name) }
        // Of several the same each time, so that it is said once.
        problem = FactTable.allCases.lazy.compactMap { self.errors[$0] }.first.map {
            "what is found out about containers, processes, names, services and pods cannot be kept: \($0)"
        }
        shownRefused.store(tables.values.reduce(0) { $0 + $1.refused }, ordering: .relaxed)
        return problem == before ? nil : problem
    }

    private func flush(_ name: FactTable) {
        attempt(name) { (table) throws(FileError) in try table.flush() }
    }

    private func attempt(_ name: FactTable, _ work: (inout DimensionTable) throws(FileError) -> Void) {
        guard var table = tables.removeValue(forKey: name) else { return }
        do throws(FileError) {
            try work(&table)
        } catch {
            errors[name] = error
        }
        tables[name] = table
    }
}
