import TapioArchive
import TapioEvents
import Testing

@testable import TapioAgent
@testable import TapioQuery

@Suite("The tables beside an archive, as tapio sql declares them")
struct SQLTableColumnsTests {
    @Test("each has a view, with the columns and numbers that agents write", arguments: FactTable.allCases)
    func columns(table: FactTable) throws {
        let joined = try #require(JoinTable.all.first { $0.name == table.rawValue })
        let declared = SQLTableColumns.all(joined)
        #expect(declared.map(\.name) == table.columns.map(\.name))
        #expect(declared.map(\.type) == table.columns.map { ColumnType($0.type) })
        #expect(declared.map(\.id) == table.columns.map(\.fieldID))
    }
}
