import Glibc
import Logging
import Synchronization
import TapioArchive
import TapioExport
import TapioTestSupport
import Testing

@testable import TapioAgent

/// A thread that has used as much more each time one looks, and that rests without waiting.
private final class SteppingThread: Sendable {
    private static let stepNs: UInt64 = 5_000_000
    private let time = Mutex<(usedNs: UInt64, restedNs: UInt64)>((0, 0))

    var meter: CPUMeter {
        CPUMeter(
            usedNs: {
                self.time.withLock { time in
                    time.usedNs += Self.stepNs
                    return time.usedNs
                }
            },
            rest: { nanoseconds in self.time.withLock { $0.restedNs += nanoseconds } }
        )
    }

    var usedNs: UInt64 { time.withLock { $0.usedNs } }
    var restedNs: UInt64 { time.withLock { $0.restedNs } }
}

@Suite("Compaction in the background: its share of a CPU") struct BackgroundCompactorTests {
    /// 2020-01-01 00:00 UTC.
    private static let firstHourNs: Int64 = 1_577_836_800_000_000_000
    private static let hourNs: Int64 = 3_600_000_000_000
    private static let hours = 8

    /// An archive with three segments in each of some hours.
    private func archive(in root: String) throws -> Archive {
        let schema = ParquetSchema(columns: [
            ParquetColumn(name: "ts", type: .timestampMicros, isRequired: true, fieldID: 1),
            ParquetColumn(name: "seq", type: .int64, isRequired: true, fieldID: 2),
        ])
        let identity = ArchiveIdentity(
            node: "n1",
            bootID: "0a1b2c3d-0000-0000-0000-000000000000",
            runID: "run-1",
            clockOffsetNs: 0,
            schemaVersion: "1",
            configHash: "0",
            createdBy: "tapio version 0"
        )
        var options = ArchiveOptions(schema: schema, identity: identity)
        options.retention.minFreeShare = nil
        options.sealing = .byCaller
        let archive = try Archive.open(root: root, options: options)
        for segment in 0..<Self.hours * 3 {
            let timeNs = Self.firstHourNs + Int64(segment / 3) * Self.hourNs + Int64(segment % 3) * 1_000_000_000
            let encoder = RowGroupEncoder(schema: schema)
            encoder.begin(rowCount: 10)
            let times = (0..<10).map { timeNs / 1000 + Int64($0) }
            let numbers = (0..<10).map { Int64(segment * 10 + $0) }
            encoder.integers(0, values: times.span)
            encoder.integers(1, values: numbers.span)
            try archive.append(
                ArchiveBatch(
                    group: encoder.finish(),
                    sequence: UInt64(segment),
                    lane: 1,
                    minTimestampNs: timeNs,
                    maxTimestampNs: timeNs + 9000,
                    kinds: [KindTotal(kind: 7, name: "exec", rows: 10, weight: 10)]
                )
            )
            archive.seal()
        }
        return archive
    }

    @Test(
        "all that it does is within the configured share: it rests for the search, the merges and the proofs",
        arguments: [0.05, 0.25]
    )
    func share(_ share: Double) async throws {
        let place = TemporaryDirectory()
        let archive = try archive(in: place.path)
        let log = AgentLogHandler.Settings()
        log.sink = { _ in }
        let logger = Logger(label: "test") { _ in AgentLogHandler(settings: log) }
        let desk = ExportDesk(ExportSource(archive), environment: [:], logger: logger)
        await desk.apply(ExportSettings())
        var settings = BackgroundCompactor.Settings()
        settings.cpuBudget = share
        let thread = SteppingThread()
        let compactor = BackgroundCompactor(
            archive,
            exports: desk,
            settings: settings,
            logger: logger,
            meter: thread.meter
        )
        try compactor.start()
        let deadline = Deadline(seconds: 60)
        while compactor.status.runs < UInt64(Self.hours), !deadline.isOver { usleep(1000) }
        compactor.stop()
        #expect(compactor.status.runs == UInt64(Self.hours), "\(compactor.status)")
        #expect(archive.segments.count == Self.hours + 1)
        // Of what it used, a rest that the end cut short and the first look at the meter are not rested for.
        let whole = Double(thread.usedNs) * (1 / share - 1)
        #expect(Double(thread.restedNs) <= whole)
        #expect(Double(thread.restedNs) >= 0.95 * whole)
        await desk.stop(within: .zero)
        archive.close()
        withExtendedLifetime(place) {}
    }
}
