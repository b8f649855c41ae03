import Glibc
import Testing

@testable import TapioArchive

/// The archive against a model that only remembers which batches were acknowledged, on a disk that fails and crashes.
@Suite("Archive: model under faults and crashes")
struct ArchiveModelTests {
    /// What must be true after a restart.
    private struct Model {
        /// Batches whose append returned.
        var acknowledged: Set<Int> = []
        /// Of those, the ones that a sync or a seal covered before the last crash.
        var durable: Set<Int> = []
        /// Batches that were given to append at all.
        var attempted: Set<Int> = []
    }

    @Test(
        "random appends, rotations, faults and crashes: nothing durable is lost, nothing appears from nowhere",
        arguments: 0..<60
    )
    func model(seed: Int) throws {
        var generator = SeededGenerator(seed: UInt64(seed) &* 7919 &+ 1)
        var fixture = ArchiveFixture()
        fixture.options.rotation.maxGroups = 5
        fixture.options.retention.maxBytes = nil
        if seed % 3 == 0 { fixture.fileSystem.writeShort(seed: UInt64(seed)) }
        var model = Model()
        var next = 0
        for _ in 0..<4 {
            let archive = try fixture.open()
            try expectNothingLost(model.durable, fixture)
            for _ in 0..<Int.random(in: 0...25, using: &generator) {
                try step(archive, fixture, &model, &next, &generator)
            }
            fixture.fileSystem.stopFailing()
            fixture.fileSystem.capacity = nil
            switch Int.random(in: 0..<3, using: &generator) {
            case 0:
                archive.close()
                model.durable = model.acknowledged
            case 1:
                // A kill takes nothing that was acknowledged.
                model.durable = model.acknowledged
                fixture.fileSystem.kill()
            default: fixture.fileSystem.cutPower(using: &generator)
            }
            // Not durable and not seen again: lost, and may not come back later.
            model.acknowledged = model.durable
            withExtendedLifetime(archive) {}
        }
        let archive = try fixture.open()
        let seen = try ArchiveFixture.batchesSeen(fixture.fileSystem)
        #expect(Set(seen).count == seen.count, "no batch twice")
        #expect(Set(seen).isSuperset(of: model.durable))
        #expect(Set(seen).isSubset(of: model.attempted))
        #expect(!fixture.fileSystem.paths.contains { $0.hasSuffix(".part") || $0.hasSuffix(".parquet.tmp") })
        let verifier = SegmentVerifier(fileSystem: fixture.fileSystem)
        for path in fixture.fileSystem.paths where path.hasSuffix(".parquet") {
            #expect(try verifier.verify(path).state == .sealed)
        }
        withExtendedLifetime(archive) {}
    }

    private func step(
        _ archive: Archive,
        _ fixture: ArchiveFixture,
        _ model: inout Model,
        _ next: inout Int,
        _ generator: inout SeededGenerator
    ) throws {
        switch Int.random(in: 0..<20, using: &generator) {
        case 0..<12:
            model.attempted.insert(next)
            let time = ArchiveFixture.noonNs + Int64(next) * ArchiveFixture.secondNs * 30
            let rows = Int.random(in: 1...20, using: &generator)
            do throws(ArchiveWriteError) {
                try archive.append(ArchiveFixture.batch(next, rows: rows, timeNs: time))
                model.acknowledged.insert(next)
            } catch {
                #expect(error.rows == rows)
            }
            next += 1
        case 12, 13:
            if archive.sync(), archive.openPath != nil || archive.counters.segmentsLeftOpen == 0 {
                noteDurable(archive, &model)
            }
        case 14: fixture.clock.advance(seconds: 400); archive.maintain()
        case 15:
            let call = ["pwritev", "fdatasync", "open", "rename", "fsync", "mkdir"].randomElement(using: &generator)!
            fixture.fileSystem.fail(
                call,
                with: [ENOSPC, EIO].randomElement(using: &generator)!,
                after: Int.random(in: 0...2, using: &generator)
            )
        case 16:
            let used = fixture.fileSystem.paths.reduce(0) { $0 + fixture.fileSystem.bytes($1)!.count }
            fixture.fileSystem.capacity = used + Int.random(in: 0...3000, using: &generator)
        case 17:
            fixture.fileSystem.capacity = nil
            fixture.fileSystem.stopFailing()
        default: fixture.clock.advance(seconds: 2)
        }
    }

    /// What the sealed segments and the open one hold is durable now; what a failure left open may not be.
    private func noteDurable(_ archive: Archive, _ model: inout Model) {
        if archive.counters.segmentsLeftOpen == 0 { model.durable = model.acknowledged }
    }

    private func expectNothingLost(_ durable: Set<Int>, _ fixture: ArchiveFixture) throws {
        let seen = try ArchiveFixture.batchesSeen(fixture.fileSystem)
        #expect(Set(seen).isSuperset(of: durable), "\(durable.subtracting(seen).sorted()) missing")
    }

    @Test("killed at any byte of a write: recovery keeps exactly the whole row groups")
    func everyPrefix() throws {
        let fixture = ArchiveFixture()
        let archive = try fixture.open()
        for number in 0..<3 { try archive.append(ArchiveFixture.batch(number, rows: 2 + number)) }
        let path = try #require(archive.openPath)
        let bytes = try #require(fixture.fileSystem.bytes(path))
        let scan = try FrameScanner.scan(try fixture.fileSystem.open(path), depth: .everything)
        for cut in 0...bytes.count {
            let after = ArchiveFixture()
            after.fileSystem.put(Array(bytes[..<cut]), at: path)
            let reopened = try after.open()
            let whole = scan.groups.filter { $0.frameEnd <= Int64(cut) }
            #expect(try ArchiveFixture.batchesSeen(after.fileSystem) == Array(0..<whole.count), "cut at \(cut)")
            let orphan = try #require(reopened.recovery.orphans.first)
            #expect(orphan.rowsRecovered == whole.reduce(0) { $0 + Int64($1.header.rows) })
            #expect(!after.fileSystem.paths.contains(path))
            // The row count of a torn group is known as soon as its header is.
            let torn = scan.groups.first {
                Int64(cut) >= $0.frameOffset + Int64(ArchiveFormat.headerLength) && Int64(cut) < $0.frameEnd
            }
            #expect(orphan.rowsLost == Int64(torn?.header.rows ?? 0), "cut at \(cut)")
            withExtendedLifetime(reopened) {}
        }
    }
}
