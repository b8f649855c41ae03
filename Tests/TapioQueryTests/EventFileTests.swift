import Glibc
import TapioArchive
import TapioEvents
import TapioTestSupport
import Testing

@testable import TapioQuery

@Suite("Events as files") struct EventFileTests {
    private static let columns: [Column] = {
        let columns = MemoryArchive.schema.columns
        return columns.dropLast() + [.latency, .startTime] + columns.suffix(1)
    }()
    private static let startUs: Int64 = 1_700_000_000_000_000

    /// An event of these values, in the order of the columns.
    private static func event(_ row: Row) -> DecodedEvent {
        DecodedEvent(values: columns.compactMap { column in row[column.name].map { (column, $0) } })
    }

    private static func row(_ kind: String, pid: Int64, atUs: Int64, _ more: Row = [:]) -> Row {
        let base: Row = [
            "ts": .timestamp(startUs + atUs), "ts_sub_ns": .int(7), "kind": .string(kind), "pid": .int(pid),
            "comm": .string("c\(pid)"), "weight": .double(1),
        ]
        return base.merging(more) { $1 }
    }

    private static func file(_ format: EventFileFormat, _ events: [DecodedEvent]) -> [UInt8] {
        var writer = format.writer(columns: columns, creator: "tapio version test")
        var bytes: [UInt8] = []
        for event in events { writer.add(event, to: &bytes) }
        writer.finish(to: &bytes)
        return bytes
    }

    @Test(
        "a file's name tells its format",
        arguments: [
            ("a.ndjson", EventFileFormat.ndjson, false), ("A.NDJSON.ZST", .ndjson, true), ("x.csv.zst", .csv, true),
            ("x.arrow", .arrow, false), ("x.feather", .arrow, false), ("t.pftrace", .perfetto, false),
            ("t.perfetto-trace", .perfetto, false),
        ]
    )
    func names(path: String, format: EventFileFormat, isCompressed: Bool) throws {
        let named = try #require(EventFileFormat.named(path))
        #expect(named.format == format)
        #expect(named.isCompressed == isCompressed)
        #expect(EventFileFormat.named("events.parquet") == nil)
        #expect(EventFileFormat.named("events.zst") == nil)
    }

    @Test("NDJSON is what cat --json writes; CSV has a header also without an event")
    func text() {
        let event = Self.event(Self.row("process_exec", pid: 4, atUs: 1, ["exe": .string("/bin/\"x\"\n")]))
        #expect(
            Self.file(.ndjson, [event, event])
                == Array((JSONText.line(event) + "\n" + JSONText.line(event) + "\n").utf8)
        )
        let csv = String(decoding: Self.file(.csv, [event]), as: UTF8.self)
        let lines = csv.split(separator: "\r\n")
        #expect(lines.count == 2)
        #expect(lines[0].hasPrefix("ts,ts_sub_ns,kind"))
        #expect(lines[1].hasSuffix("\"/bin/\"\"x\"\"\n\""))
        #expect(String(decoding: Self.file(.csv, []), as: UTF8.self) == QueryOutput.csvHeader(Self.columns))
    }

    private static let python: String = {
        var parts = #filePath.split(separator: "/")
        parts.removeLast(3)
        let root = "/" + parts.joined(separator: "/")
        return (getenv("TAPIO_TEST_VENV").map { String(cString: $0) } ?? root + "/.build-venv") + "/bin/python"
    }()
    private static let hasPython = access(python, X_OK) == 0
    private static let isRequired = getenv("CI").map { String(cString: $0) == "true" } ?? false

    /// Prints rows, schema and sums as Arrow's own reader has them.
    private static let readArrow = #"""
        import sys, pyarrow.ipc, pyarrow.compute as pc
        reader = pyarrow.ipc.open_file(sys.argv[1])
        table = reader.read_all()
        table.validate(full=True)
        print(reader.num_record_batches, table.num_rows)
        for name in ['ts', 'pid', 'bytes_sent', 'ratio', 'exe']:
            print(name, table.schema.field(name).type, table.column(name).null_count)
        print(pc.sum(table.column('pid')), pc.sum(table.column('bytes_sent')), pc.sum(table.column('ratio')))
        print(pc.sum(pc.binary_length(table.column('exe'))), table.column('exe')[4].as_py())
        print(table.column('ts')[0].as_py().isoformat())
        print(table.schema.metadata[b'created_by'].decode())
        """#

    @Test(
        "an Arrow file of several batches is valid to Arrow's own reader, and has the same values",
        .enabled(if: hasPython || isRequired, "no Python environment: run .ci/python-venv, or set TAPIO_TEST_VENV")
    )
    func arrow() throws {
        try #require(Self.hasPython, "run .ci/python-venv, or set TAPIO_TEST_VENV")
        let count: Int64 = 40_000
        var sums = (pid: Int64(0), sent: Int64(0), ratio: 0.0, text: 0, nulls: 0)
        let events = (0..<count).map { index in
            var more: Row = ["ratio": .double(Double(index % 4) / 4)]
            // Some rows have neither, the first among them.
            if index % 3 == 1 {
                more["bytes_sent"] = .int(index << 20)
                more["exe"] = .string("/bin/é\(index)")
                sums.sent += index << 20
                sums.text += "/bin/é\(index)".utf8.count
            } else {
                sums.nulls += 1
            }
            sums.pid += index
            sums.ratio += Double(index % 4) / 4
            return Self.event(Self.row("process_exec", pid: index, atUs: index, more))
        }
        let directory = TemporaryDirectory()
        TestFile.write(directory.file("x.arrow"), Self.file(.arrow, events))
        let told = try InteractiveProcess.run([Self.python, "-c", Self.readArrow, directory.file("x.arrow")])
        let expected = [
            "3 \(count)", "ts timestamp[us, tz=UTC] 0", "pid int32 0", "bytes_sent int64 \(sums.nulls)",
            "ratio double 0", "exe string \(sums.nulls)", "\(sums.pid) \(sums.sent) \(sums.ratio)",
            "\(sums.text) /bin/é4", "2023-11-14T22:13:20+00:00", "tapio version test",
        ]
        #expect(told.split(separator: "\n").map(String.init) == expected)

        TestFile.write(directory.file("none.arrow"), Self.file(.arrow, []))
        let none =
            #"import sys, pyarrow.ipc as i; r = i.open_file(sys.argv[1]); print(r.num_record_batches, len(r.schema))"#
        let empty = try InteractiveProcess.run([Self.python, "-c", none, directory.file("none.arrow")])
        #expect(empty.split(separator: "\n").map(String.init) == ["0 \(Self.columns.count)"])
    }

    @Test("compressed whole, a file is one zstd frame however it was cut into pieces")
    func zstd() throws {
        let text = Array(String(repeating: "tapio tapio tapio\n", count: 20_000).utf8)
        let encoder = ZstdEncoder(level: 3)
        var frame: [UInt8] = []
        for start in stride(from: 0, to: text.count, by: 7_001) {
            encoder.append(Array(text[start..<min(start + 7_001, text.count)]), to: &frame)
        }
        encoder.append([], isLast: true, to: &frame)
        #expect(frame.count < text.count / 50)
        let directory = TemporaryDirectory()
        TestFile.write(directory.file("x.zst"), frame + encoder.frame(of: [1, 2, 3]))
        let told = try InteractiveProcess.run(["/bin/sh", "-c", "zstd -dc \(directory.file("x.zst")) | wc -c"])
        #expect(told.filter { $0.isNumber } == "\(text.count + 3)")
    }

    // MARK: Perfetto

    @Test("a timeline has a process's life, its latencies side by side, points, and rates")
    func timeline() throws {
        let second: Int64 = 1_000_000
        let connect: Row = ["latency_ns": .int(5_000_000)]
        let events = [
            Self.row("process_exec", pid: 7, atUs: 0, ["start_ts": .timestamp(Self.startUs - second)]),
            // Two that overlap, and one that begins when the first has ended.
            Self.row("tcp_connect", pid: 7, atUs: 6_000, connect),
            Self.row("tcp_connect", pid: 7, atUs: 8_000, connect),
            Self.row("tcp_connect", pid: 7, atUs: 20_000, connect),
            Self.row("process_exec", pid: 9, atUs: 3 * second, ["start_ts": .timestamp(Self.startUs + 2 * second)]),
            Self.row("process_exit", pid: 7, atUs: 4 * second, ["duration_ns": .int(5_000_000_000)]),
        ].map(Self.event)
        let trace = try PerfettoTrace(Self.file(.perfetto, events))

        #expect(trace.processes.map(\.pid).sorted() == [7, 9])
        let process = try #require(trace.processes.first { $0.pid == 7 })
        #expect(process.name == "c7")
        let startNs = Self.startUs * 1000 + 7
        // It began before the file: shown from the first event on.
        #expect(trace.slices(on: process.track) == [.init(name: "c7", from: startNs, to: startNs + 4_000_000_000)])
        let lanes = trace.tracks.filter { $0.parent == process.track }.map(\.id)
        #expect(lanes.count == 2)
        let slices = lanes.flatMap { trace.slices(on: $0) }
        #expect(slices.count == 3)
        #expect(slices.allSatisfy { $0.to.map { $0 - 5_000_000 } == $0.from && $0.name == "tcp_connect" })
        #expect(trace.instants.map(\.name) == ["process_exec", "process_exec"])
        // One that lives on is a slice without an end.
        let other = try #require(trace.processes.first { $0.pid == 9 })
        #expect(trace.slices(on: other.track) == [.init(name: "c9", from: startNs - 7 + 2_000_000_000, to: nil)])
        let connects = try #require(trace.counters["tcp_connect per second"])
        #expect(connects.map(\.value) == [3, 0])
        #expect(connects.map(\.ns) == [startNs - 7, startNs - 7 + 1_000_000_000])
        let execs = try #require(trace.counters["process_exec per second"])
        #expect(execs.map(\.value) == [1, 0, 1, 0])
    }

    @Test("what overlaps beyond the bound becomes points, and a note says so")
    func lanes() throws {
        let events = (0..<40).map { index in
            Self.event(Self.row("tcp_connect", pid: 7, atUs: 1_000 + Int64(index), ["latency_ns": .int(1_000_000)]))
        }
        var writer = PerfettoWriter()
        var bytes: [UInt8] = []
        for event in events { writer.add(event, to: &bytes) }
        writer.finish(to: &bytes)
        let trace = try PerfettoTrace(bytes)
        // The first, which began before the file, is over when the second begins.
        #expect(trace.instants.count == 7)
        #expect(writer.notes.count == 1)
        #expect(writer.notes.first?.hasPrefix("7 events") == true)
    }
}
