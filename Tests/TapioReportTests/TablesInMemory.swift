import TapioQuery

/// Tables beside an archive, in memory.
struct TablesInMemory: DimensionSource {
    var name = "n1"
    /// By table, its files.
    let files: [String: [RowsInMemory]]
    /// By table, what of it cannot be read.
    var damage: [String: [Damage]] = [:]

    init(_ files: [String: [Row]]) {
        self.files = files.mapValues { [RowsInMemory($0)] }
    }

    func has(_ table: String) -> Bool { files[table] != nil }

    func parts(of table: String) -> (parts: [any RowGroupSource], damage: [Damage]) {
        (files[table] ?? [], damage[table] ?? [])
    }
}
