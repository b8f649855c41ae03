import Synchronization
import TapioEvents

/// A row group as a question sees it whose nulls are filled in from the tables beside the archive.
struct JoinedRowGroup: RowGroupSource {
    let columns: [SourceColumn]
    fileprivate let base: any RowGroupSource
    fileprivate let tables: JoinedTables
    fileprivate let joins: [String: [JoinTable]]

    /// - Parameters:
    ///   - joins: By name of a column that is filled in, the tables that do, in their order.
    ///   - tables: Where they are.
    init(_ base: any RowGroupSource, joins: [String: [JoinTable]], tables: JoinedTables) {
        self.base = base
        self.joins = joins
        self.tables = tables
        let names = Set(base.columns.map(\.name))
        columns =
            base.columns
            + joins.keys.sorted().filter { !names.contains($0) }.map { SourceColumn(name: $0, type: .string) }
    }

    var name: String { base.name }
    var rowCount: Int { base.rowCount }
    var byteCount: Int { base.byteCount }
    var bootID: String? { base.bootID }

    func bounds(_ column: Int) -> ColumnBounds {
        guard base.columns.indices.contains(column) else { return ColumnBounds() }
        let bounds = base.bounds(column)
        // Where a row has null, the table's value may lie anywhere.
        return joins[columns[column].name] == nil || bounds.nullCount == 0 ? bounds : ColumnBounds()
    }

    func read(_ column: Int) throws -> ColumnVector { try JoinedColumns(self).read(column) }

    func place(of name: String) -> Int? {
        base.place(of: name) ?? columns[base.columns.count...].firstIndex { $0.name == name }
    }

    func finished() { base.finished() }

    func reading() -> any RowGroupSource { JoinedColumns(self) }
}

/// The columns of such a row group that were read, filled in; for as long as somebody reads.
private final class JoinedColumns: RowGroupSource {
    private let group: JoinedRowGroup
    private let known = Mutex(Known())

    private struct Known {
        var columns: [Int: ColumnVector] = [:]
        var matches: [String: [Int32]] = [:]
    }

    init(_ group: JoinedRowGroup) {
        self.group = group
    }

    var name: String { group.name }
    var rowCount: Int { group.rowCount }
    var columns: [SourceColumn] { group.columns }
    var byteCount: Int { group.byteCount }
    var bootID: String? { group.bootID }

    func bounds(_ column: Int) -> ColumnBounds { group.bounds(column) }

    func place(of name: String) -> Int? { group.place(of: name) }

    func read(_ column: Int) throws -> ColumnVector {
        if let known = known.withLock({ $0.columns[column] }) { return known }
        let name = columns[column].name
        let isWritten = column < group.base.columns.count
        var vector = isWritten ? try group.base.read(column) : ColumnVector.noTexts(count: rowCount)
        for table in group.joins[name] ?? [] where !vector.isWhole {
            guard let source = table.targets[name] else { continue }
            let loaded = group.tables.loaded(table)
            guard loaded.valued.contains(source) else { continue }
            vector = vector.filled(try matches(table, loaded), from: loaded, column: source)
        }
        known.withLock { $0.columns[column] = vector }
        return vector
    }

    private func matches(_ table: JoinTable, _ loaded: LoadedTable) throws -> [Int32] {
        if let known = known.withLock({ $0.matches[table.name] }) { return known }
        let matches = try JoinMatch(table, loaded).rows(count: rowCount, bootID: bootID) { name in
            try columns.firstIndex { $0.name == name }.map { try read($0) }
        }
        known.withLock { $0.matches[table.name] = matches }
        return matches
    }
}
