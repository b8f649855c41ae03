import Glibc
import TapioArchive
import Testing

/// A batch as an encoder gets it: 131,072 rows of mixed kinds, sorted by kind, cgroup and pid, 70 columns.
///
/// 13 columns are always filled, 6 enrichment strings mostly, 12 payload columns for some kinds, the rest never.
struct ParquetBenchmarkBatch {
    struct Numbers {
        let values: [Int64]
        let validity: [UInt64]?
    }
    struct Texts {
        let values: [[UInt8]]
        let validity: [UInt64]?
    }

    static let rowCount = 131_072
    let schema: ParquetSchema
    let wide: [(Int, Numbers)]
    let narrow: [(Int, [Int64])]
    let texts: [(Int, Texts)]

    private struct Process {
        let pid: Int64
        let cgroup: Int
        let comm: Int
    }
    private struct Row {
        var kind: Int
        var process: Process
        var ts: Int64
        var seq: Int64
    }

    init(seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        var columns: [ParquetColumn] = []
        var wideColumns: [(Int, Numbers)] = []
        var narrowColumns: [(Int, [Int64])] = []
        var textColumns: [(Int, Texts)] = []
        let processes = (0..<400).map { index in
            Process(pid: 1000 + Int64(generator.next() % 60_000), cgroup: index / 6, comm: Int(generator.next() % 80))
        }
        var now: Int64 = 1_700_000_000_000_000
        var rows = (0..<Self.rowCount).map { seq -> Row in
            now += Int64(generator.next() % 5)
            let process = processes[Int(generator.next() % 400) * Int(generator.next() % 400) / 400]
            return Row(kind: Int(generator.next() % 12), process: process, ts: now, seq: Int64(seq))
        }
        rows.sort {
            ($0.kind, $0.process.cgroup, $0.process.pid, $0.seq) < ($1.kind, $1.process.cgroup, $1.process.pid, $1.seq)
        }
        func declare(_ name: String, _ type: ParquetType, required: Bool) -> Int {
            columns.append(ParquetColumn(name: name, type: type, isRequired: required, fieldID: Int32(columns.count)))
            return columns.count - 1
        }
        func long(_ name: String, _ type: ParquetType = .int64, _ value: (Row) -> Int64) {
            wideColumns.append((declare(name, type, required: true), Numbers(values: rows.map(value), validity: nil)))
        }
        func short(_ name: String, _ value: (Row) -> Int32) {
            narrowColumns.append((declare(name, .int32, required: true), rows.map { Int64(value($0)) }))
        }
        func text(_ name: String, required: Bool, _ value: (Row) -> String?) {
            let all = rows.map(value)
            textColumns.append(
                (
                    declare(name, .string, required: required),
                    Texts(
                        values: all.compactMap { $0.map { Array($0.utf8) } },
                        validity: required ? nil : ParquetTestColumn.bitmap(all)
                    )
                )
            )
        }
        let kinds = [
            "exec", "exit", "fork", "tcp_state", "tcp_retransmit", "open", "read", "write", "dns", "signal",
            "block_io", "sched_delay",
        ]
        long("ts", .timestampMicros) { $0.ts }
        short("ts_sub_ns") { _ in Int32(generator.next() % 1000) }
        text("kind", required: true) { kinds[$0.kind] }
        short("cpu") { Int32($0.seq * 7 % 8) }
        long("seq") { $0.seq }
        short("pid") { Int32($0.process.pid) }
        short("tid") { Int32($0.process.pid) + Int32(generator.next() % 4) }
        short("ppid") { Int32($0.process.pid / 3) }
        short("uid") { Int32($0.process.cgroup % 3 * 1000) }
        long("cgroup_id") { Int64($0.process.cgroup) * 4096 + 1_000_000 }
        short("priority") { Int32($0.kind % 4) }
        text("comm", required: true) { "comm-\($0.process.comm)" }
        for name in ["container_id", "pod", "namespace", "service", "node_role", "image"] {
            text(name, required: false) {
                $0.process.cgroup % 9 == 0 ? nil : "\(name)-\($0.process.cgroup)-0123456789abcdef"
            }
        }
        func sparse(_ name: String, _ chosen: Set<Int>, _ value: (Row) -> Int64) {
            let all = rows.map { chosen.contains($0.kind) ? value($0) : nil }
            wideColumns.append(
                (
                    declare(name, .int64, required: false),
                    Numbers(values: all.compactMap { $0 }, validity: ParquetTestColumn.bitmap(all))
                )
            )
        }
        sparse("duration_ns", [1, 5, 6, 7, 8, 10, 11]) { _ in Int64(generator.next() % 1000 * (generator.next() % 5000))
        }
        sparse("bytes", [6, 7, 10]) { _ in Int64([512, 4096, 8192, 100].randomElement(using: &generator)!) }
        sparse("errno", [5, 6, 7]) { _ in generator.next() % 20 == 0 ? 2 : 0 }
        sparse("exit_code", [1]) { _ in Int64(generator.next() % 2) }
        sparse("src_port", [3, 4, 8]) { _ in Int64(32_768 + generator.next() % 28_000) }
        sparse("dst_port", [3, 4, 8]) { _ in [80, 443, 53, 5432].randomElement(using: &generator)! }
        sparse("signal", [9]) { _ in Int64(generator.next() % 15) }
        sparse("sector", [10]) { _ in Int64(generator.next() % 500_000_000) }
        sparse("rtt_us", [3, 4]) { _ in Int64(generator.next() % 3000) }
        text("path", required: false) { $0.kind == 5 ? "/var/lib/app/\(generator.next() % 3000)/data" : nil }
        text("dst_addr", required: false) {
            (3...4).contains($0.kind) ? "10.0.\(generator.next() % 16).\(generator.next() % 250)" : nil
        }
        text("question", required: false) {
            $0.kind == 8 ? "svc-\(generator.next() % 200).default.svc.cluster.local" : nil
        }
        _ = declare("weight", .double, required: true)
        for index in 0..<38 { _ = declare("unused_\(index)", ParquetType.allCases[index % 5], required: false) }
        schema = ParquetSchema(columns: columns)
        wide = wideColumns
        narrow = narrowColumns
        texts = textColumns
    }

    /// Interns the strings of a batch; with `interner.dictionary` that is what the encoder wants.
    func intern(with interner: inout BytesInterner) -> [[UInt32]] {
        interner.reset()
        return texts.map { $0.1.values.map { interner.intern($0.span.bytes) } }
    }

    func encode(
        with encoder: RowGroupEncoder,
        indices: [[UInt32]],
        interner: borrowing BytesInterner
    ) -> EncodedRowGroup {
        encoder.begin(rowCount: Self.rowCount)
        for (column, numbers) in wide {
            let bits = numbers.validity ?? []
            encoder.integers(column, values: numbers.values.span, validity: bits.isEmpty ? nil : bits.span)
        }
        for (column, values) in narrow { encoder.integers(column, values: values.span) }
        for (place, (column, texts)) in texts.enumerated() {
            let bits = texts.validity ?? []
            let places = indices[place]
            encoder.strings(
                column,
                indices: places.span,
                dictionary: interner.dictionary,
                validity: bits.isEmpty ? nil : bits.span
            )
        }
        encoder.constant(schema.index(of: "weight")!, double: 1)
        return encoder.finish()
    }
}

@Suite("Parquet: speed")
struct ParquetBenchmark {
    /// `TAPIO_BENCH=1 swift test -c release -Xswiftc -enable-testing --filter ParquetBenchmark`. Asserts no time.
    @Test("rows per second of one encoder", .enabled(if: getenv("TAPIO_BENCH") != nil, "set TAPIO_BENCH=1, in release"))
    func encode() {
        let batch = ParquetBenchmarkBatch(seed: 1)
        let encoder = RowGroupEncoder(schema: batch.schema)
        var interner = BytesInterner()
        var interning: [ParquetStopwatch.Lap] = []
        var encoding: [ParquetStopwatch.Lap] = []
        var size = 0
        for _ in 0..<101 {
            let start = ParquetStopwatch.now()
            let indices = batch.intern(with: &interner)
            let middle = ParquetStopwatch.now()
            size = batch.encode(with: encoder, indices: indices, interner: interner).bytes.count
            encoding.append(ParquetStopwatch.now() - middle)
            interning.append(middle - start)
        }
        let rows = Double(ParquetBenchmarkBatch.rowCount)
        for (name, laps) in [("intern", interning), ("encode", encoding)] {
            let wall = laps.map(\.wall).sorted()
            let cpu = laps.map(\.cpu).sorted()
            print(
                "\(name): median \(wall[50] * 1e3) ms wall, \(cpu[50] * 1e3) ms CPU",
                "(\(rows / cpu[50] / 1e6) M rows/s), fastest \(wall[0] * 1e3) ms, slowest \(wall[100] * 1e3) ms"
            )
        }
        print("\(Double(size) / rows) bytes/row")
    }
}

/// Wall and thread CPU time, in seconds.
enum ParquetStopwatch {
    struct Lap {
        let wall: Double
        let cpu: Double

        static func - (left: Lap, right: Lap) -> Lap { Lap(wall: left.wall - right.wall, cpu: left.cpu - right.cpu) }
    }

    static func now() -> Lap { Lap(wall: read(CLOCK_MONOTONIC), cpu: read(CLOCK_THREAD_CPUTIME_ID)) }

    private static func read(_ clock: clockid_t) -> Double {
        var time = timespec()
        clock_gettime(clock, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) * 1e-9
    }
}
