import Glibc
import TapioArchive
import TapioEvents
import TapioTestSupport
import Testing

@testable import TapioAgent

@Suite("The exporter on a disk that fails", .timeLimit(.minutes(1)))
struct ArchiveExporterTests {
    private static let second: Int64 = 1_000_000_000
    private let rows = UInt64(ExportFixture.rows)

    private func expectClosed(_ fixture: ExportFixture, at place: SourceLocation = #_sourceLocation) {
        let kept = Int64(fixture.exporter.status.keptBatches * ExportFixture.rows)
        #expect(fixture.inFlight == kept, "in flight is what is kept, no more and no less", sourceLocation: place)
    }

    @Test(
        "urgent batches are kept and written first when it has passed, bulk ones are given up at once; told once",
        arguments: [(ENOSPC, "noSpace"), (EIO, "inputOutput"), (EROFS, "readOnly"), (EMFILE, "other")]
    )
    func passes(code: Int32, reason: String) async throws {
        let fixture = try ExportFixture()
        await fixture.write(ExportFixture.exit, atNs: 1000)
        fixture.disk.failWriting(with: code)
        for step in 1...20 {
            let atNs = Int64(step) * 1_000_000
            await fixture.write(ExportFixture.exit, atNs: atNs)
            await fixture.write(ExportFixture.fork, atNs: atNs)
            await fixture.write(ExportFixture.critical, atNs: atNs)
            expectClosed(fixture)
            fixture.time.advance(seconds: 0.4)
            await fixture.exporter.maintain()
            await fixture.exporter.writeLedger()
        }
        #expect(fixture.entry(ExportFixture.fork).failed == 20 * rows)
        #expect(fixture.entry(ExportFixture.exit).failed == 0 && fixture.entry(ExportFixture.critical).failed == 0)
        #expect(fixture.exporter.status.keptBatches == 40)
        #expect(fixture.exporter.status.trouble?.rawValue == reason)
        #expect(fixture.lines.count { $0.contains("cannot be written (\(reason)") } == 1, "\(fixture.lines)")

        fixture.disk.stopFailing()
        fixture.time.advance(seconds: 1.1)
        await fixture.exporter.maintain()
        #expect(fixture.exporter.status.keptBatches == 0 && fixture.exporter.status.keptBytes == 0)
        await fixture.write(ExportFixture.exit, atNs: 100_000_000)
        fixture.time.advance(seconds: 6)
        await fixture.exporter.maintain()
        #expect(fixture.exporter.status.trouble == nil)
        await fixture.finish()

        expectClosed(fixture)
        #expect(fixture.entry(ExportFixture.exit).archived == 22 * rows)
        #expect(fixture.entry(ExportFixture.critical).archived == 20 * rows)
        let exits = try fixture.sequences("process_exit")
        #expect(exits == exits.sorted() && exits.count == 220)
        #expect(try fixture.sequences("test_critical").count == 200)
        #expect(try fixture.sequences("process_fork").isEmpty)
        let gap = ExportFixture.Gap(
            kind: "process_fork",
            reason: reason,
            count: 200,
            fromNs: 1_000_000,
            toNs: 20_000_000
        )
        #expect(try fixture.gaps() == [gap])
        #expect(try fixture.interval("process_fork", "ledger_failed") == 200)
        #expect(try fixture.interval("process_exit", "ledger_archived") == 220)
        #expect(fixture.lines.count { $0.contains("can be written again") } == 1, "\(fixture.lines)")
        let end = fixture.lines.first { $0.contains("can be written again") } ?? ""
        #expect(end.contains("200 rows in 20 batches were lost"), "\(end)")
        #expect(end.contains("400 rows in 40 batches were kept and written"), "\(end)")
    }

    @Test(
        "beyond its bound the oldest without critical rows go first, critical ones last; each loss has its true times"
    )
    func bound() async throws {
        let sample = try ExportFixture().encoded(ExportFixture.critical, atNs: 1)
        let one = RetryQueue.Entry(batch: sample, isCritical: true, fromNs: 0, toNs: 0).bytes
        // Batches differ by a few bytes: room for four and a half.
        let fixture = try ExportFixture(retryBytes: one * 9 / 2)
        fixture.disk.failWriting(with: EIO)
        let order = [
            ExportFixture.exit, ExportFixture.critical, ExportFixture.exit, ExportFixture.critical,
            ExportFixture.exit, ExportFixture.critical, ExportFixture.critical, ExportFixture.critical,
        ]
        for (step, kind) in order.enumerated() {
            await fixture.write(kind, atNs: Int64(step + 1) * 1_000_000)
            expectClosed(fixture)
            #expect(fixture.exporter.status.keptBytes <= one * 9 / 2)
        }
        // Three exits made room for critical ones; the fifth critical one took the place of the first.
        #expect(fixture.entry(ExportFixture.exit).failed == 3 * rows)
        #expect(fixture.entry(ExportFixture.critical).failed == rows)
        // Nothing but critical ones is left: another exit goes itself.
        await fixture.write(ExportFixture.exit, atNs: 9_000_000)
        #expect(fixture.entry(ExportFixture.exit).failed == 4 * rows)
        #expect(fixture.entry(ExportFixture.critical).failed == rows)

        fixture.disk.stopFailing()
        fixture.time.advance(seconds: 1.1)
        await fixture.exporter.maintain()
        await fixture.finish()
        #expect(try fixture.sequences("test_critical").count == 40)
        let gaps = try fixture.gaps()
        #expect(
            gaps.contains(
                ExportFixture.Gap(
                    kind: "process_exit",
                    reason: "inputOutput",
                    count: 40,
                    fromNs: 1_000_000,
                    toNs: 9_000_000
                )
            ),
            "\(gaps)"
        )
        #expect(
            gaps.contains(
                ExportFixture.Gap(
                    kind: "test_critical",
                    reason: "inputOutput",
                    count: 10,
                    fromNs: 2_000_000,
                    toNs: 2_000_000
                )
            ),
            "\(gaps)"
        )
    }

    @Test("a disk that is dead to the end: what was kept counts as failed, and three lines say so")
    func deadToTheEnd() async throws {
        let fixture = try ExportFixture()
        fixture.disk.failWriting(with: EIO)
        for step in 1...5 { await fixture.write(ExportFixture.critical, atNs: Int64(step) * 1_000_000) }
        #expect(fixture.inFlight == 50)
        await fixture.finish()
        #expect(fixture.inFlight == 0)
        #expect(fixture.entry(ExportFixture.critical).failed == 5 * rows)
        #expect(fixture.exporter.status.lostBatches == 5)
        #expect(fixture.lines.count == 3, "\(fixture.lines)")
        #expect(fixture.lines.last?.contains("could not be written to the end") == true)
        #expect(fixture.lines.last?.contains("50 rows in 5 batches were lost") == true)
    }

    @Test("a disk that works again within the stop's patience loses nothing")
    func healsAtTheEnd() async throws {
        let fixture = try ExportFixture()
        fixture.disk.failWriting(with: ENOSPC)
        for step in 1...5 { await fixture.write(ExportFixture.critical, atNs: Int64(step) * 1_000_000) }
        fixture.disk.stopFailing()
        // The archive still pauses; finishing waits for that.
        await fixture.finish()
        #expect(fixture.inFlight == 0)
        #expect(try fixture.sequences("test_critical").count == 50)
        #expect(try fixture.gaps().isEmpty)
    }

    @Test("a gap's times are those of the clock by which the batch was encoded, though it was set meanwhile")
    func clockSet() async throws {
        let sample = try ExportFixture().encoded(ExportFixture.exit, atNs: 1)
        let one = RetryQueue.Entry(batch: sample, isCritical: false, fromNs: 0, toNs: 0).bytes
        let fixture = try ExportFixture(retryBytes: one * 3 / 2)
        fixture.disk.failWriting(with: EIO)
        await fixture.write(ExportFixture.exit, atNs: 5_000_000)
        await fixture.setClock(utcMinusBootNs: 1_790_003_600_000_000_000)
        // It takes the place of the first.
        await fixture.write(ExportFixture.exit, atNs: 6_000_000)
        fixture.disk.stopFailing()
        await fixture.finish()
        #expect(try fixture.gaps().map { [$0.count, $0.fromNs, $0.toNs] } == [[10, 5_000_000, 5_000_000]])
    }

    @Test("a batch whose sync failed is not written twice: its rows may be in the file")
    func failedSync() async throws {
        let fixture = try ExportFixture(sync: .batch)
        await fixture.write(ExportFixture.exit, atNs: 1000)
        fixture.disk.fail(["fdatasync"], with: EIO)
        await fixture.write(ExportFixture.exit, atNs: 2000)
        #expect(fixture.exporter.status.keptBatches == 0)
        #expect(fixture.entry(ExportFixture.exit).failed == rows)
        fixture.disk.stopFailing()
        fixture.time.advance(seconds: 1.1)
        await fixture.write(ExportFixture.exit, atNs: 3000)
        await fixture.finish()
        #expect(fixture.inFlight == 0)
        let sequences = try fixture.sequences("process_exit")
        #expect(sequences.count == Set(sequences).count * ExportFixture.rows, "no batch is there twice")
    }

    @Test("a disk that fails for an hour is not told of every second")
    func quiet() async throws {
        let fixture = try ExportFixture()
        await fixture.write(ExportFixture.exit, atNs: 1000)
        fixture.disk.failWriting(with: EIO)
        for step in 0..<3600 {
            if step % 5 == 0 { await fixture.write(ExportFixture.fork, atNs: Int64(step) * Self.second) }
            fixture.time.advance(seconds: 1)
            await fixture.exporter.maintain()
        }
        #expect(fixture.lines.count < 10, "\(fixture.lines.count) lines, the last: \(fixture.lines.suffix(3))")
        #expect(fixture.disk.count(of: "open") < 4000, "tried about once a second, no more")
    }

    @Test("while a write waits for the disk, others still learn what the exporter does")
    func stalledWrite() async throws {
        let fixture = try ExportFixture()
        await fixture.write(ExportFixture.exit, atNs: 1000)
        fixture.disk.hold()
        let batch = fixture.encoded(ExportFixture.exit, atNs: 2000)
        let exporter = fixture.exporter
        async let written: Void = ExportFixture.hand(batch, to: exporter)
        while fixture.disk.held == 0 { await Task.yield() }
        #expect(fixture.exporter.status.keptBatches == 0)
        #expect(fixture.archive.counters.batchesWritten == 1)
        #expect(fixture.archive.openPath != nil && fixture.archive.segments.isEmpty)
        fixture.disk.release()
        await written
        await fixture.finish()
        #expect(try fixture.sequences("process_exit").count == 20)
    }
}
