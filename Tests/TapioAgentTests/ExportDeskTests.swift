import Logging
import Synchronization
import TapioArchive
import TapioEvents
import TapioTestSupport
import Testing

@testable import TapioAgent
@testable import TapioExport

@Suite("Export: which exporters there are")
struct ExportDeskTests {
    private func s3(port: Int = 1) -> S3Settings {
        var settings = S3Settings(bucket: "events")
        // Nobody listens there.
        settings.endpoint = "http://127.0.0.1:\(port)"
        return settings
    }

    private func desk(_ archive: Archive, _ lines: Lines) -> ExportDesk {
        let settings = AgentLogHandler.Settings()
        settings.level = .notice
        settings.sink = { lines.append($0) }
        return ExportDesk(
            ExportSource(archive),
            environment: ["AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b"],
            logger: Logger(label: "test") { _ in AgentLogHandler(settings: settings) }
        )
    }

    @Test("an exporter starts anew only when its own settings change")
    func changes() async throws {
        let fixture = try ExportFixture()
        let lines = Lines()
        let desk = desk(fixture.archive, lines)
        var settings = ExportSettings()
        await desk.apply(settings)
        #expect(desk.status.isEmpty)
        settings.s3 = s3()
        settings.clickHouse = ClickHouseSettings(url: "http://127.0.0.1:1")
        await desk.apply(settings)
        await desk.apply(settings)
        #expect(lines.count(of: "started") == 2)
        settings.s3 = s3(port: 2)
        await desk.apply(settings)
        #expect(lines.count(of: "started") == 3 && lines.count(of: "export s3: started") == 2)
        settings.clickHouse = nil
        await desk.apply(settings)
        #expect(desk.status.map(\.name) == ["s3"] && lines.count(of: "export clickhouse: stopped") == 1)
        await desk.stop(within: .seconds(5))
    }

    @Test("what retention removes before it was sent becomes a row of the ledger, through the archive's exporter")
    func loss() async throws {
        let removed = Mutex<[SegmentFacts]>([])
        let fixture = try ExportFixture(onRemoved: { segment in removed.withLock { $0.append(segment) } })
        let desk = desk(fixture.archive, Lines())
        var settings = ExportSettings()
        settings.s3 = s3()
        await desk.apply(settings)
        for atNs in [1_000_000_000, 2_000_000_000] as [Int64] {
            await fixture.write(ExportFixture.exit, atNs: atNs)
            await fixture.exporter.seal(.close)
        }
        let deadline = Deadline(seconds: 30)
        while desk.status.first?.errors.isEmpty ?? true, !deadline.isOver {
            try await Task.sleep(for: .milliseconds(5))
        }
        var retention = RetentionPolicy()
        retention.maxBytes = 1
        retention.minFreeShare = nil
        fixture.archive.update(sync: .segment, rotation: RotationPolicy(), retention: retention)
        fixture.time.advance(seconds: 11)
        await fixture.exporter.maintain()
        let gone = removed.withLock { $0 }
        #expect(gone.count == 2)
        for segment in gone { desk.noteRemoved(segment) }
        while desk.status.first?.lostSegments ?? 0 < 2, !deadline.isOver { try await Task.sleep(for: .milliseconds(5)) }
        let clock = ClockOffset(utcMinusBootNs: 1_790_000_000_000_000_000)
        let rows = desk.takeLedgerRows(clock)
        #expect(rows.count == 2 && rows.allSatisfy { $0.entry == .retention && $0.stage == "export" })
        #expect(rows.allSatisfy { $0.reason == "removed_before_sent" && $0.note.hasPrefix("s3: date=") })
        #expect(rows.reduce(0) { $0 + ($1.count ?? 0) } == UInt64(gone.reduce(0) { $0 + $1.totals.rows }))
        #expect(rows.map(\.fromNs).min() == 1_000_000_000)
        #expect(desk.takeLedgerRows(clock).isEmpty)
        await desk.stop(within: .zero)
    }
}

/// What was logged.
private final class Lines: Sendable {
    private let all = Mutex<[String]>([])

    func append(_ line: String) { all.withLock { $0.append(line) } }
    func count(of text: String) -> Int { all.withLock { $0 }.count { $0.contains(text) } }
}
