import Glibc
import Logging
import Synchronization
import TapioArchive
import TapioBPF
import TapioCollectors
import TapioEvents
import TapioKernel
import TapioTestSupport

@testable import TapioAgent
@testable import TapioPipeline

/// An exporter with an archive on a disk that fails on demand, a clock that is turned by hand, and a ledger whose kernel
/// side is what the agent received.
final class ExportFixture {
    static let exit = EventKind(Int(TAPIO_KIND_PROCESS_EXIT))
    static let fork = EventKind(Int(TAPIO_KIND_PROCESS_FORK))
    static let critical = EventKind(250)
    /// Rows of each batch.
    static let rows = 10

    let disk = FaultyFileSystem()
    let time = ManualTime()
    let ledger = Ledger()
    let archive: Archive
    let exporter: ArchiveExporter
    let registry: SchemaRegistry
    private let place = TemporaryDirectory()
    private let log = LogLines()
    private let encoder: BatchEncoder
    private var sequence: UInt64 = 0
    private var clock = ClockOffset(utcMinusBootNs: 1_790_000_000_000_000_000)

    /// The log's lines of warning and above, and what ended well.
    var lines: [String] { log.lines }
    var path: String { place.path }

    init(
        retryBytes: Int = 8 << 20,
        sync: SyncPolicy = .segment,
        onRemoved: @escaping @Sendable (SegmentFacts) -> Void = { _ in }
    ) throws {
        let critical = EventSchema(
            Self.critical,
            "test_critical",
            collector: "test",
            priority: .critical,
            record: tapio_process_fork.self,
            "What must not be lost.",
            fields: []
        )
        registry = SchemaRegistry(CollectorRegistry.schemas.schemas.filter { $0.kind != .ledger } + [critical])
        encoder = BatchEncoder(registry: registry)
        var options = ArchiveOptions(
            schema: registry.parquetSchema,
            identity: ArchiveIdentity(
                node: "test",
                bootID: "0a1b2c3d-0000-0000-0000-000000000000",
                runID: "run",
                clockOffsetNs: clock.utcMinusBootNs,
                schemaVersion: "1",
                configHash: "0",
                createdBy: "tapio version 0"
            )
        )
        options.fileSystem = disk
        options.clock = time
        options.sync = sync
        options.sealing = .byCaller
        options.retention.minFreeShare = nil
        archive = try Archive.open(root: place.path, options: options)
        let settings = AgentLogHandler.Settings()
        settings.level = .notice
        let logger = Logger(label: "test") { _ in AgentLogHandler(settings: settings) }
        let (ledger, registry, time) = (ledger, registry, time)
        exporter = try ArchiveExporter(
            archive: archive,
            registry: registry,
            ledger: ledger,
            clock: clock,
            logger: logger,
            retryBytes: retryBytes,
            time: ExportClock(monotonicNs: { time.monotonicNs() }, sleep: { time.advance(nanoseconds: Int64($0)) }),
            onRemoved: onRemoved,
            readLedger: { Self.reading(ledger, registry, atNs: time.bootNs) }
        )
        settings.sink = { [log] line in log.append(line) }
    }

    private static func reading(_ ledger: Ledger, _ registry: SchemaRegistry, atNs: Int64) -> LedgerReading {
        var entries: [EventKind: LedgerEntry] = [:]
        for schema in registry.schemas where schema.kind != .ledger {
            var entry = LedgerEntry()
            ledger.read(into: &entry, schema.kind)
            entry.attempted = entry.received
            entry.submitted = entry.received
            if !entry.isEmpty { entries[schema.kind] = entry }
        }
        return LedgerReading(snapshot: LedgerSnapshot(takenAtNs: atNs, entries: entries))
    }

    /// Hands over a batch with ``rows`` events of a kind, a nanosecond apart from `atNs` on, and waits until it is settled.
    @discardableResult
    func write(_ kind: EventKind, atNs: Int64) async -> ArchiveBatch {
        let batch = encoded(kind, atNs: atNs)
        await Self.hand(batch, to: exporter)
        return batch
    }

    /// Hands over one batch, and waits until it is settled.
    static func hand(_ batch: ArchiveBatch, to exporter: ArchiveExporter) async {
        let (stream, continuation) = AsyncStream<EncodedBatch>.makeStream()
        continuation.yield(EncodedBatch(batch) {})
        continuation.finish()
        await exporter.consume(EncodedBatches(stream))
    }

    func encoded(_ kind: EventKind, atNs: Int64) -> ArchiveBatch {
        let batch = RowBatch(limits: RowBatch.Limits(rows: Self.rows, bytes: 65_536))
        batch.lane = kind == Self.fork ? .bulk : .urgent
        batch.sequence = sequence
        for row in 0..<Self.rows {
            let timeNs = UInt64(atNs + Int64(row))
            if kind == Self.exit {
                var record = tapio_process_exit()
                fill(&record.header, kind, timeNs)
                withUnsafeBytes(of: record) { _ = batch.append(Array($0).span.bytes) }
            } else {
                var record = tapio_process_fork()
                fill(&record.header, kind, timeNs)
                withUnsafeBytes(of: record) { _ = batch.append(Array($0).span.bytes) }
            }
        }
        sequence += 1
        ledger.add(.received, kind, UInt64(Self.rows))
        return encoder.encode(batch, clock: clock)
    }

    private func fill(_ header: inout tapio_header, _ kind: EventKind, _ timeNs: UInt64) {
        header.time_ns = timeNs
        header.sequence = sequence
        header.kind = kind.rawValue
        header.keep = UInt32(TAPIO_KEEP_ALL)
        header.pid = UInt32(sequence)
    }

    /// Sets the clock, as the agent does when it finds it set.
    func setClock(utcMinusBootNs: Int64) async {
        clock = ClockOffset(utcMinusBootNs: utcMinusBootNs)
        let identity = ArchiveIdentity(
            node: "test",
            bootID: "0a1b2c3d-0000-0000-0000-000000000000",
            runID: "run",
            clockOffsetNs: utcMinusBootNs,
            schemaVersion: "1",
            configHash: "0",
            createdBy: "tapio version 0"
        )
        await exporter.update(clock: clock, identity: identity, atNs: time.bootNs)
    }

    func finish() async {
        await exporter.finish(LedgerRow(.stop, fromNs: time.bootNs, toNs: time.bootNs))
    }

    /// What the ledger says of a kind.
    func entry(_ kind: EventKind) -> LedgerEntry {
        var entry = LedgerEntry()
        ledger.read(into: &entry, kind)
        return entry
    }

    /// Rows that are in flight, of all kinds.
    var inFlight: Int64 {
        registry.schemas.filter { $0.kind != .ledger }.reduce(0) { $0 + entry($1.kind).inBatches }
    }

    /// The sequence numbers of a kind's batches, each as often as it has rows, in the order of the archive.
    func sequences(_ kind: String) throws -> [Int64] {
        try rows(["kind", "pid"]).filter { $0["kind"] == kind }.compactMap { $0["pid"].flatMap { Int64($0) } }
    }

    struct Gap: Equatable {
        var kind: String
        var reason: String
        var count: Int64
        var fromNs: Int64
        var toNs: Int64
    }

    /// The archive's gap rows, in its order; times are boot times by the clock in force.
    func gaps() throws -> [Gap] {
        let columns = [
            "ledger_entry", "ledger_kind", "ledger_reason", "ledger_count", "ledger_from", "ledger_to",
        ]
        return try rows(columns).filter { $0["ledger_entry"] == "gap" }.map { row in
            func number(_ column: String) -> Int64 { row[column].flatMap { Int64($0) } ?? -1 }
            return Gap(
                kind: row["ledger_kind"] ?? "",
                reason: row["ledger_reason"] ?? "",
                count: number("ledger_count"),
                fromNs: number("ledger_from") * 1000 - clock.utcMinusBootNs,
                toNs: number("ledger_to") * 1000 - clock.utcMinusBootNs
            )
        }
    }

    /// Sums of a kind's interval rows.
    func interval(_ kind: String, _ column: String) throws -> Int64 {
        try rows(["ledger_entry", "ledger_kind", column]).filter {
            $0["ledger_entry"] == "interval" && $0["ledger_kind"] == kind
        }
        .reduce(0) { $0 + ($1[column].flatMap { Int64($0) } ?? 0) }
    }

    private func rows(_ columns: [String]) throws -> [[String: String]] {
        var rows: [[String: String]] = []
        for segment in try ArchiveReader(path: place.path).segments {
            let opened = try segment.open()
            for group in opened.rowGroups {
                var found = [[String: String]](repeating: [:], count: group.rowCount)
                for (index, column) in opened.schema.columns.enumerated() where columns.contains(column.name) {
                    let data = try opened.readColumn(index, of: group)
                    for row in 0..<group.rowCount where data.isValid(row) {
                        switch data.values {
                        case .integers(let values): found[row][column.name] = String(values[row])
                        case .strings(let values): found[row][column.name] = values.text(Int(values.indices[row]))
                        default: break
                        }
                    }
                }
                rows += found
            }
        }
        return rows
    }
}

/// A clock that is turned by hand.
final class ManualTime: ArchiveClock {
    private let now = Mutex<Int64>(1_000_000_000)

    func monotonicNs() -> Int64 { now.withLock { $0 } }
    func utcNs() -> Int64 { bootNs + 1_790_000_000_000_000_000 }
    /// Boot time: the same, in tests.
    var bootNs: Int64 { now.withLock { $0 } }

    func advance(nanoseconds: Int64) { now.withLock { $0 += nanoseconds } }
    func advance(seconds: Double) { advance(nanoseconds: Int64(seconds * 1e9)) }
}

/// What was logged.
private final class LogLines: Sendable {
    private let all = Mutex<[String]>([])

    var lines: [String] { all.withLock { $0 } }

    func append(_ line: String) { all.withLock { $0.append(line) } }
}
