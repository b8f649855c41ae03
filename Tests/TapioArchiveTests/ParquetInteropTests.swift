import Foundation
import Testing

@testable import TapioArchive

/// The Python environment with the other readers.
enum PythonEnvironment {
    static let packageRoot = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()
    static let folder =
        ProcessInfo.processInfo.environment["TAPIO_TEST_VENV"] ?? packageRoot.appending(path: ".build-venv").path
    static var python: String { folder + "/bin/python" }
    static var isThere: Bool { FileManager.default.isExecutableFile(atPath: python) }
    static var isRequired: Bool { ProcessInfo.processInfo.environment["CI"] == "true" }
    static let advice: Comment =
        "no Python environment in \(folder): run .ci/python-venv, or name one in TAPIO_TEST_VENV"

    /// Runs a script of this test target; its exit status and all it printed.
    static func run(_ script: String, _ arguments: [String]) throws -> (status: Int32, output: String) {
        let process = Process()
        process.executableURL = URL(filePath: python)
        let path = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "Interop/\(script)").path
        process.arguments = [path] + arguments
        let pipe = Pipe()
        process.standardOutput = pipe
        process.standardError = pipe
        try process.run()
        let output = pipe.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        return (process.terminationStatus, String(decoding: output, as: UTF8.self))
    }
}

@Suite("Parquet: other readers see the same values")
struct ParquetInteropTests {
    @Test(
        "pyarrow, pandas, polars, DuckDB and ClickHouse agree with what was written",
        .enabled(if: PythonEnvironment.isThere || PythonEnvironment.isRequired, PythonEnvironment.advice)
    )
    func everywhere() throws {
        try #require(PythonEnvironment.isThere, PythonEnvironment.advice)
        let folder = FileManager.default.temporaryDirectory.appending(path: "tapio-interop-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        for rowCount in [0, 1, 8, 9, 65, 1000] {
            try write(
                ParquetTestColumns.make(rowCount: rowCount, seed: UInt64(rowCount)),
                "rows-\(rowCount)",
                in: folder
            )
        }
        try write(ParquetTestColumns.make(rowCount: 333, seed: 4), "predicates", in: folder)
        try write(large(), "large", in: folder)
        let (columns, formats) = ParquetFormatTests.columns()
        try write(columns, "formats", in: folder, formats: formats)
        let (status, output) = try PythonEnvironment.run("read_everywhere.py", [folder.path])
        #expect(status == 0, "\(output)")
        print(output.prefix { $0 != "\n" })
    }

    @Test(
        "the comparison itself finds a value that differs, in each reader",
        .enabled(if: PythonEnvironment.isThere || PythonEnvironment.isRequired, PythonEnvironment.advice)
    )
    func negativeControl() throws {
        try #require(PythonEnvironment.isThere, PythonEnvironment.advice)
        let folder = FileManager.default.temporaryDirectory.appending(path: "tapio-interop-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let column = ParquetColumn(name: "n", type: .int64, isRequired: true, fieldID: 1)
        try write([ParquetTestColumn(column: column, values: .integers([1, 2, 3]))], "control", in: folder)
        try Data("n\tint64\t1\t1,2,3,1,2,4".utf8).write(to: folder.appending(path: "control.expected"))
        let (status, output) = try PythonEnvironment.run("read_everywhere.py", [folder.path])
        #expect(status == 1)
        #expect(output.contains("5 differences"), "\(output)")
    }

    /// Two groups with the same rows, in different orders of encoding.
    private func write(
        _ columns: [ParquetTestColumn],
        _ name: String,
        in folder: URL,
        formats: [Int: ColumnFormat] = [:]
    ) throws {
        let schema = ParquetSchema(columns: columns.map(\.column))
        let rowCount =
            switch columns[0].values {
            case .integers(let values): values.count
            case .doubles(let values): values.count
            case .strings(let values): values.count
            }
        let encoder = RowGroupEncoder(schema: schema)
        for (column, format) in formats { encoder.formats.choose(format, for: column) }
        let first = ParquetTestFile.encode(columns, rowCount: rowCount, with: encoder)
        var interner = BytesInterner()
        encoder.begin(rowCount: rowCount)
        for (index, column) in columns.enumerated().reversed() {
            column.encode(at: index, into: encoder, interner: &interner)
        }
        let file = ParquetTestFile.assemble(
            schema: schema,
            groups: [first, encoder.finish()],
            keyValues: [("tapio.schema", "1"), ("tapio.node", "ä")]
        )
        try Data(file).write(to: folder.appending(path: name + ".parquet"))
        let lines = columns.map { column -> String in
            let line = column.expectation
            guard rowCount > 0, let tab = line.lastIndex(of: "\t") else { return line }
            return line + "," + line[line.index(after: tab)...]
        }
        try Data(lines.joined(separator: "\n").utf8).write(to: folder.appending(path: name + ".expected"))
    }

    /// More than 60,000 distinct values, long delta runs, huge texts.
    private func large() -> [ParquetTestColumn] {
        let rows = 125_001
        func column(_ name: String, _ type: ParquetType, _ values: ParquetTestColumn.Values) -> ParquetTestColumn {
            ParquetTestColumn(
                column: ParquetColumn(name: name, type: type, isRequired: false, fieldID: 9),
                values: values
            )
        }
        return [
            column("distinct", .string, .strings((0..<rows).map { Array("v\($0 % 62_000)".utf8) })),
            column("seq", .int64, .integers((0..<rows).map { $0 % 7 == 0 ? nil : Int64($0) * 5 })),
            column("narrow", .int32, .integers((0..<rows).map { Int64(($0 * 7919) % 1_000_003) })),
            column("ts", .timestampMicros, .integers((0..<rows).map { 1_700_000_000_000_000 + Int64($0 * $0 % 997) })),
            column("ratio", .double, .doubles((0..<rows).map { $0 % 2 == 0 ? nil : Double($0) / 3 })),
            column(
                "huge",
                .string,
                .strings(
                    (0..<rows).map { $0 == 70 ? [UInt8](repeating: 0x68, count: 1 << 20) : $0 % 9 == 0 ? [] : nil }
                )
            ),
        ]
    }
}
