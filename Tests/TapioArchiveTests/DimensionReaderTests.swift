import Glibc
import TapioArchive
import TapioTestSupport
import Testing

@Suite("Tables beside the archive, read")
struct DimensionReaderTests {
    private let directory = TemporaryDirectory()
    private let columns = [
        ParquetColumn(name: "valid_from", type: .timestampMicros, isRequired: true, fieldID: 1),
        ParquetColumn(name: "pid", type: .int64, isRequired: true, fieldID: 2),
        ParquetColumn(name: "exe", type: .string, isRequired: false, fieldID: 3),
    ]

    private func write(run: String, hour: Int64, exe: String?) throws {
        var table = DimensionTable(
            root: directory.path,
            name: "process",
            columns: columns,
            node: "n",
            run: run,
            createdBy: "tapio version 0"
        )
        let now = hour * 3_600_000_000
        try table.add([.integer(now), .integer(7), exe.map { .text($0) } ?? .null], atMicroseconds: now)
        try table.flush()
    }

    @Test("its files come in the order in which they were written, and hold what was written")
    func order() throws {
        let reader = DimensionReader(root: directory.path, node: "n")
        #expect(try reader.files(of: "process") == [])
        try write(run: "zzz", hour: 490_001, exe: "/bin/z")
        // A file's time moves with the kernel's tick.
        usleep(20_000)
        try write(run: "aaa", hour: 490_001, exe: nil)
        try write(run: "mmm", hour: 490_000, exe: "/bin/m")
        TestFile.write(directory.file("_dimensions/process/node=n/2025-11-24T16-x.pq.new"), "half")
        let files = try reader.files(of: "process")
        // Of one hour's files the one that was changed last is the last.
        #expect(files.map { $0.suffix(11) } == ["mmm-0000.pq", "zzz-0000.pq", "aaa-0000.pq"])
        let exes = try files.map { path -> String? in
            let file = try reader.open(path)
            #expect(file.parquet.schema.columns == columns && file.parquet.rowGroups.count == 1)
            let data = try file.readColumn(2, ofGroup: 0)
            guard data.isValid(0), case .strings(let texts) = data.values else { return nil }
            return texts.text(Int(texts.indices[0]))
        }
        #expect(exes == ["/bin/m", "/bin/z", nil])
    }

    @Test("a file that was cut off is an error that names it")
    func damaged() throws {
        try write(run: "a", hour: 490_000, exe: "/bin/a")
        let reader = DimensionReader(root: directory.path, node: "n")
        let path = try #require(try reader.files(of: "process").first)
        let bytes = try #require(TestFile.read(path))
        TestFile.write(path, Array(bytes.dropLast(3)))
        let error = #expect(throws: ArchiveReadError.self) { try reader.open(path) }
        #expect("\(try #require(error))".hasPrefix("\(path): Parquet: truncated"))
        #expect(throws: ArchiveReadError.self) { try reader.open(path + "x") }
    }

    @Test(
        "a segment's tables lie in its archive's root, wherever the path begins",
        arguments: [
            ("/a/node=n/date=d/hour=h/s.parquet", "/a", "n"), ("/node=n/date=d/hour=h/s.parquet", "/", "n"),
            ("node=n/date=d/hour=h/s.parquet", ".", "n"), ("./date=d/hour=h/s.parquet", "./..", "given"),
            ("copy/date=d/hour=h/s.parquet", "copy/..", "given"), ("date=d/hour=h/s.parquet", "..", "given"),
        ]
    )
    func place(_ path: String, _ root: String, _ node: String) throws {
        let reader = try #require(DimensionReader(besideSegment: path, node: "given"))
        #expect(reader.root == root && reader.node == node)
        #expect(DimensionReader(besideSegment: "/a/s.parquet", node: "given") == nil)
    }
}
