import Glibc
import Testing

@testable import TapioArchive

@Suite("Archive: failing disks")
struct ArchiveFailureTests {
    @Test("a full disk fails the batch with its reason, seals what is whole, waits, and goes on in a new segment")
    func noSpace() throws {
        let fixture = ArchiveFixture()
        let archive = try fixture.open()
        try archive.append(ArchiveFixture.batch(0))
        try archive.append(ArchiveFixture.batch(1))
        fixture.fileSystem.fail("pwritev", with: ENOSPC)
        let error = #expect(throws: ArchiveWriteError.self) { try archive.append(ArchiveFixture.batch(2)) }
        #expect(error?.reason == .noSpace && error?.rows == 3 && error?.isRepeated == false)
        #expect(archive.openPath == nil)
        #expect(archive.segments.map(\.totals.rows) == [6])
        #expect(archive.counters.segmentsSealed == [.failure: 1])

        let calls = fixture.fileSystem.count(of: "pwritev")
        let again = #expect(throws: ArchiveWriteError.self) { try archive.append(ArchiveFixture.batch(3)) }
        #expect(again?.isRepeated == true && again?.reason == .noSpace)
        #expect(fixture.fileSystem.count(of: "pwritev") == calls, "a full disk is not hammered")

        fixture.clock.advance(seconds: 1.1)
        try archive.append(ArchiveFixture.batch(4))
        archive.close()
        #expect(try ArchiveFixture.batchesSeen(fixture.fileSystem) == [0, 1, 4])
        #expect(archive.counters.rowsFailed == [.noSpace: 6])
        #expect(archive.counters.batchesFailed == [.noSpace: 2])
    }

    @Test("the remains of a write that failed halfway become padding, whatever their length")
    func partialWrites() throws {
        for room in stride(from: 0, to: 500, by: 7) {
            let fixture = ArchiveFixture()
            let archive = try fixture.open()
            try archive.append(ArchiveFixture.batch(0))
            let path = try #require(archive.openPath)
            let used = fixture.fileSystem.paths.reduce(0) { $0 + fixture.fileSystem.bytes($1)!.count }
            fixture.fileSystem.capacity = used + room
            #expect(throws: ArchiveWriteError.self) {
                try archive.append(ArchiveFixture.batch(1, rows: 500, randomColumn: true))
            }
            #expect(fixture.fileSystem.bytes(path) != nil, "the footer found no room either: the file waits")
            fixture.fileSystem.capacity = nil
            fixture.clock.advance(seconds: 2)
            try archive.append(ArchiveFixture.batch(2))
            archive.close()
            #expect(try ArchiveFixture.batchesSeen(fixture.fileSystem) == [0, 2])
            for path in fixture.fileSystem.paths where path.hasSuffix(".parquet") {
                let verdict = try SegmentVerifier(fileSystem: fixture.fileSystem).verify(path)
                #expect(verdict.state == .sealed, "room \(room): \(verdict)")
            }
        }
    }

    @Test("EIO and EROFS have reasons of their own")
    func reasons() throws {
        for (code, reason) in [
            (EIO, ArchiveWriteError.Reason.inputOutput), (EROFS, .readOnly), (EDQUOT, .noSpace), (EPERM, .other),
        ] {
            let fixture = ArchiveFixture()
            let archive = try fixture.open()
            fixture.fileSystem.fail("open", with: code)
            let error = #expect(throws: ArchiveWriteError.self) { try archive.append(ArchiveFixture.batch(0)) }
            #expect(error?.reason == reason)
            #expect(error?.cause?.code == code)
        }
    }

    @Test("after a failed sync the segment is left to recovery, which writes it anew")
    func failedSync() throws {
        let fixture = ArchiveFixture()
        do {
            let archive = try fixture.open()
            try archive.append(ArchiveFixture.batch(0))
            fixture.clock.advance(seconds: 1.5)
            fixture.fileSystem.fail("fdatasync", with: EIO)
            #expect(!archive.syncIfDue())
            #expect(archive.openPath == nil)
            #expect(archive.counters.syncFailures == 1)
            fixture.clock.advance(seconds: 1.5)
            try archive.append(ArchiveFixture.batch(1))
            archive.close()
            #expect(try ArchiveFixture.batchesSeen(fixture.fileSystem) == [1])
        }
        let reopened = try fixture.open()
        #expect(reopened.recovery.rowsRecovered == 3)
        #expect(try ArchiveFixture.batchesSeen(fixture.fileSystem).sorted() == [0, 1])
    }

    @Test("an interval's sync is due once in it, and only if something was written")
    func syncPolicy() throws {
        let fixture = ArchiveFixture()
        let archive = try fixture.open()
        fixture.clock.advance(seconds: 5)
        #expect(!archive.syncIfDue())
        try archive.append(ArchiveFixture.batch(0))
        #expect(archive.syncIfDue())
        try archive.append(ArchiveFixture.batch(1))
        #expect(!archive.syncIfDue())
        fixture.clock.advance(seconds: 1)
        #expect(archive.syncIfDue())
        #expect(!archive.syncIfDue())
        #expect(archive.counters.syncs == 2)
    }

    @Test("with policy batch, what append acknowledged survives any power cut")
    func batchPolicy() throws {
        for seed in 0..<20 {
            var fixture = ArchiveFixture()
            fixture.options.sync = .batch
            var generator = SeededGenerator(seed: UInt64(seed))
            let archive = try fixture.open()
            for number in 0...(seed % 5) { try archive.append(ArchiveFixture.batch(number)) }
            fixture.fileSystem.cutPower(using: &generator)
            let reopened = try fixture.open()
            #expect(try ArchiveFixture.batchesSeen(fixture.fileSystem) == Array(0...(seed % 5)))
            withExtendedLifetime((archive, reopened)) {}
        }
    }

    @Test("a closed archive refuses, and says so")
    func closed() throws {
        let fixture = ArchiveFixture()
        let archive = try fixture.open()
        archive.close()
        let error = #expect(throws: ArchiveWriteError.self) { try archive.append(ArchiveFixture.batch(0)) }
        #expect(error?.reason == .closed)
    }
}
