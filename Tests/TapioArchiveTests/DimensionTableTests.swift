import Glibc
import TapioArchive
import TapioTestSupport
import Testing

@Suite("Tables beside the archive")
struct DimensionTableTests {
    private let directory = TemporaryDirectory()
    private let columns = [
        ParquetColumn(name: "valid_from", type: .timestampMicros, isRequired: true, fieldID: 1),
        ParquetColumn(name: "id", type: .int64, isRequired: true, fieldID: 2),
        ParquetColumn(name: "pod", type: .string, isRequired: false, fieldID: 3),
    ]

    private func table(_ fileSystem: any FileSystem = PosixFileSystem()) -> DimensionTable {
        DimensionTable(
            root: directory.path,
            name: "container",
            columns: columns,
            node: "n",
            run: "abc",
            createdBy: "tapio version 0",
            fileSystem: fileSystem
        )
    }

    private let hourUs: Int64 = 3_600_000_000

    @Test("nothing is written without rows; an hour's file grows, the next hour has its own")
    func hours() throws {
        var table = table()
        try table.flush()
        #expect(TestFile.list(directory.path) == [])
        let start = 490_000 * hourUs
        try table.add([.integer(start), .integer(1), .text("a")], atMicroseconds: start)
        try table.flush()
        let names = TestFile.list(table.directory)
        #expect(names == ["2025-11-24T16-abc-0000.pq"])
        let first = try #require(TestFile.read(table.directory + "/" + names[0]))
        #expect(first.prefix(4).elementsEqual("PAR1".utf8) && first.suffix(4).elementsEqual("PAR1".utf8))
        try table.flush()
        try table.add([.integer(start + 5), .integer(2), .null], atMicroseconds: start + 5)
        try table.add([.integer(start + hourUs), .integer(3), .text("ä")], atMicroseconds: start + hourUs)
        try table.flush()
        #expect(TestFile.list(table.directory) == ["2025-11-24T16-abc-0000.pq", "2025-11-24T17-abc-0000.pq"])
        let file = try ParquetFile(bytes: TestFile.read(table.directory + "/" + names[0])!)
        #expect(file.rowCount == 2 && file.schema == ParquetSchema(columns: columns))
    }

    @Test("a file holds so many rows, and the next ones have their own")
    func parts() throws {
        var table = table()
        let rows = Int64(2 * DimensionTable.mostRows + 7)
        for row in 0..<rows { try table.add([.integer(row), .integer(row), .null], atMicroseconds: row) }
        try table.flush()
        let names = TestFile.list(table.directory)
        #expect(names == (0..<3).map { "1970-01-01T00-abc-000\($0).pq" })
        let counts = try names.map { try ParquetFile(bytes: TestFile.read(table.directory + "/" + $0)!).rowCount }
        #expect(counts.map { Int($0) } == [DimensionTable.mostRows, DimensionTable.mostRows, 7])
        #expect(table.refused == 0)
    }

    @Test("the oldest files go when there are too many")
    func oldest() throws {
        var table = table()
        for hour in 0..<Int64(DimensionTable.mostFiles + 3) {
            try table.add([.integer(hour), .integer(hour), .null], atMicroseconds: hour * hourUs)
        }
        try table.flush()
        let names = TestFile.list(table.directory)
        // One more than that is the open one.
        #expect(names.count == DimensionTable.mostFiles + 1 && !names.contains("1970-01-01T00-abc-0000.pq"))
    }

    @Test("rows are refused, and counted, while a full file cannot be written")
    func refused() throws {
        TestFile.write(directory.file("_dimensions"), "in the way")
        var table = table()
        for row in 0..<Int64(DimensionTable.mostRows) {
            try table.add([.integer(row), .integer(row), .null], atMicroseconds: row)
        }
        #expect(throws: FileError.self) { try table.add([.integer(1), .integer(1), .null], atMicroseconds: 1) }
        #expect(table.refused == 1 && table.isBlocked)
        TestFile.removeTree(directory.file("_dimensions"))
        // No row is worth an attempt of its own: it would encode the whole file.
        #expect(throws: FileError.self) { try table.add([.integer(1), .integer(1), .null], atMicroseconds: 1) }
        #expect(table.refused == 2 && TestFile.list(table.directory) == [])
        try table.flush()
        #expect(!table.isBlocked)
        try table.add([.integer(1), .integer(1), .null], atMicroseconds: 1)
        #expect(table.refused == 2 && TestFile.list(table.directory).count == 1)
    }

    @Test("on a full disk each flush is one attempt, however many rows come, and leaves nothing there")
    func fullDisk() throws {
        let disk = FaultyFileSystem()
        var table = table(disk)
        disk.fail(["pwritev"], with: ENOSPC)
        for row in 0..<Int64(3 * DimensionTable.mostRows) {
            try? table.add([.integer(row), .integer(row), .null], atMicroseconds: row)
        }
        #expect(table.refused == UInt64(2 * DimensionTable.mostRows))
        #expect(disk.count(of: "pwritev") == 1)
        #expect(throws: FileError.self) { try table.flush() }
        #expect(disk.count(of: "pwritev") == 2)
        #expect(TestFile.list(table.directory) == [])
        disk.stopFailing()
        try table.flush()
        #expect(TestFile.list(table.directory).count == 1)
    }

    @Test("where nothing can be written it says so, and goes on when it can")
    func trouble() throws {
        TestFile.write(directory.file("_dimensions"), "in the way")
        var table = table()
        try table.add([.integer(1), .integer(1), .null], atMicroseconds: 1)
        #expect(throws: FileError.self) { try table.flush() }
        TestFile.removeTree(directory.file("_dimensions"))
        try table.flush()
        #expect(TestFile.list(table.directory).count == 1)
    }
}
