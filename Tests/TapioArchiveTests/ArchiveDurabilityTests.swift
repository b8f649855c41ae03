import Glibc
import Synchronization
import TapioRings
import Testing

@testable import TapioArchive

@Suite("Archive: when row groups become durable")
struct ArchiveDurabilityTests {
    private final class Heard: Sendable {
        private let all = Mutex<[(minNs: Int64, atNs: Int64)]>([])

        func add(_ group: DurableGroup, _ atNs: Int64) { all.withLock { $0.append((group.minTimestampNs, atNs)) } }

        /// Seconds after noon: of each group's time, and of the moment when it was durable.
        var seconds: [[Int64]] {
            all.withLock { all in
                all.map { [$0.minNs, $0.atNs].map { ($0 - ArchiveFixture.noonNs) / ArchiveFixture.secondNs } }
            }
        }
    }

    private func fixture(_ sync: SyncPolicy) -> (ArchiveFixture, Heard) {
        let heard = Heard()
        var fixture = ArchiveFixture()
        fixture.options.sync = sync
        fixture.options.onDurable = { heard.add($0, $1) }
        return (fixture, heard)
    }

    private func batch(_ number: Int) -> ArchiveBatch {
        ArchiveFixture.batch(number, timeNs: ArchiveFixture.noonNs + Int64(number) * ArchiveFixture.secondNs)
    }

    @Test("a sync tells of what was written before it, once, and a seal of the rest")
    func interval() throws {
        let (fixture, heard) = fixture(.interval(ns: ArchiveFixture.secondNs))
        let archive = try fixture.open()
        fixture.clock.advance(seconds: 2)
        try archive.append(batch(1))
        try archive.append(batch(2))
        #expect(heard.seconds == [])
        #expect(archive.unsyncedRows == 6)
        #expect(archive.syncIfDue())
        #expect(heard.seconds == [[1, 2], [2, 2]])
        #expect(archive.unsyncedRows == 0)
        fixture.clock.advance(seconds: 3)
        #expect(!archive.syncIfDue())
        try archive.append(batch(3))
        archive.seal()
        #expect(heard.seconds == [[1, 2], [2, 2], [3, 5]])
        archive.close()
        #expect(heard.seconds.count == 3)
    }

    @Test("a sync that fails tells of nothing")
    func failure() throws {
        let (fixture, heard) = fixture(.interval(ns: ArchiveFixture.secondNs))
        let archive = try fixture.open()
        fixture.clock.advance(seconds: 2)
        try archive.append(batch(1))
        fixture.fileSystem.fail("fdatasync", with: EIO)
        #expect(!archive.syncIfDue())
        archive.close()
        #expect(heard.seconds == [])
    }

    @Test("with policy batch each is told of at once")
    func everyBatch() throws {
        let (fixture, heard) = fixture(.batch)
        let archive = try fixture.open()
        for number in 0..<3 {
            try archive.append(batch(number))
            fixture.clock.advance(seconds: 1)
        }
        archive.close()
        #expect(heard.seconds == [[0, 0], [1, 1], [2, 2]])
    }

    @Test("a sealed copy, written where old footers are many, tells of nothing twice")
    func sealedCopy() throws {
        let (fixture, heard) = fixture(.interval(ns: ArchiveFixture.secondNs))
        let archive = try fixture.open()
        for number in 0..<40 {
            try archive.append(batch(number))
            fixture.clock.advance(seconds: 1)
            if number < 30 { archive.sync() }
        }
        archive.close()
        #expect(heard.seconds.map { $0[0] } == (0..<40).map { Int64($0) })
    }

    @Test("who waits for a sync to be due is told at once where it is, and woken by what makes it so")
    func waiting() throws {
        let (fixture, heard) = fixture(.interval(ns: ArchiveFixture.secondNs))
        let archive = try fixture.open()
        #expect(!archive.waitUntilSyncIsDue(upTo: .milliseconds(1)))
        fixture.clock.advance(seconds: 2)
        // Nothing was appended: nothing is due, however long ago the last sync was.
        #expect(!archive.waitUntilSyncIsDue(upTo: .milliseconds(1)))
        let thread = try PinnedThread(name: "sync") {
            while !archive.waitUntilSyncIsDue(upTo: .seconds(3600)) {}
            archive.syncIfDue()
        }
        try archive.append(batch(1))
        thread.join()
        #expect(heard.seconds == [[1, 2]])
        // The interval has begun anew.
        try archive.append(batch(2))
        #expect(!archive.waitUntilSyncIsDue(upTo: .milliseconds(1)))
        fixture.clock.advance(seconds: 1)
        #expect(archive.waitUntilSyncIsDue(upTo: .seconds(3600)))
    }

    @Test("what had waited for an interval before it came waits for no other")
    func waitedBefore() throws {
        let (fixture, heard) = fixture(.interval(ns: ArchiveFixture.secondNs))
        let archive = try fixture.open()
        fixture.clock.advance(seconds: 10)
        try archive.append(batch(10))
        #expect(archive.syncIfDue())
        // A young one has time, with one of 9 seconds ago behind it there is none; but many of those take turns.
        try archive.append(batch(10))
        fixture.clock.advance(seconds: 0.06)
        #expect(!archive.syncIfDue())
        try archive.append(batch(1))
        #expect(archive.syncIfDue())
        try archive.append(batch(1))
        #expect(!archive.syncIfDue())
        fixture.clock.advance(seconds: 0.04)
        #expect(!archive.syncIfDue())
        fixture.clock.advance(seconds: 0.01)
        #expect(archive.syncIfDue())
        #expect(heard.seconds.count == 4)
    }

    @Test("more groups than are kept in mind for one sync are counted, not told of")
    func bound() throws {
        var (fixture, heard) = fixture(.segment)
        fixture.options.rotation.maxGroups = 10_000
        let archive = try fixture.open()
        for _ in 0..<DurabilityBacklog.most + 5 { try archive.append(batch(0)) }
        archive.close()
        #expect(heard.seconds.count == DurabilityBacklog.most)
        #expect(archive.counters.groupsUntimed == 5)
    }
}
