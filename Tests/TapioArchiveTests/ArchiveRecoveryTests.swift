import Glibc
import Testing

@testable import TapioArchive

@Suite("Archive: recovery, catalogue, lock")
struct ArchiveRecoveryTests {
    /// An archive that was killed with two sealed segments and an open one of `rows` rows.
    private func killed() throws -> (fixture: ArchiveFixture, openPath: String) {
        let fixture = ArchiveFixture()
        let archive = try fixture.open()
        for number in 0..<2 {
            try archive.append(ArchiveFixture.batch(number))
            archive.seal()
        }
        try archive.append(ArchiveFixture.batch(2, rows: 5))
        let path = try #require(archive.openPath)
        fixture.fileSystem.kill()
        withExtendedLifetime(archive) {}
        return (fixture, path)
    }

    @Test("an orphan becomes a sealed segment that says it was recovered, and the report gives the gap")
    func orphan() throws {
        let (fixture, openPath) = try killed()
        fixture.clock.advance(seconds: 60)
        let archive = try fixture.open()
        let sealedPath = String(openPath.dropLast(5))
        #expect(!archive.recovery.wasClean)
        #expect(archive.recovery.orphans.map(\.outcome) == [.saved(path: sealedPath)])
        #expect(archive.recovery.rowsRecovered == 5 && archive.recovery.bytesLost == 0)
        #expect(archive.recovery.lastTimestampNs == ArchiveFixture.noonNs + 5000)
        #expect(archive.recovery.recoveredAtNs == ArchiveFixture.noonNs + 60 * ArchiveFixture.secondNs)
        #expect(fixture.fileSystem.bytes(openPath) == nil)
        #expect(archive.segments.map(\.isRecovered) == [false, false, true])
        #expect(try ArchiveFixture.batchesSeen(fixture.fileSystem) == [0, 1, 2])
        try archive.append(ArchiveFixture.batch(3))
        #expect(try #require(archive.openPath).hasSuffix("-000004.parquet.part"), "numbers go on")
        archive.close()
        #expect(try fixture.open().recovery.wasClean)
    }

    @Test("a crash during recovery, after the copy was named: the orphan is recognised and removed")
    func crashAfterCopy() throws {
        let (fixture, openPath) = try killed()
        let orphan = try #require(fixture.fileSystem.bytes(openPath))
        _ = try fixture.open()
        fixture.fileSystem.put(orphan, at: openPath)
        let again = try fixture.open()
        #expect(again.recovery.orphans.map(\.outcome) == [.alreadySealed])
        #expect(try ArchiveFixture.batchesSeen(fixture.fileSystem) == [0, 1, 2])
    }

    @Test("a crash between two segments is told as well, though it left nothing open")
    func betweenSegments() throws {
        let fixture = ArchiveFixture()
        let archive = try fixture.open()
        try archive.append(ArchiveFixture.batch(0))
        archive.seal()
        fixture.fileSystem.kill()
        withExtendedLifetime(archive) {}
        let next = try fixture.open()
        #expect(next.recovery.wasNeverClosed && !next.recovery.wasClean)
        #expect(next.recovery.orphans.isEmpty && next.recovery.foreign.isEmpty)
        next.close()
        #expect(try fixture.open().recovery.wasClean)
    }

    @Test("an unfinished copy is made anew; one without an original is kept for a person")
    func temporaryFiles() throws {
        let (fixture, openPath) = try killed()
        let orphan = try #require(fixture.fileSystem.bytes(openPath))
        fixture.fileSystem.put(Array(orphan.prefix(100)), at: String(openPath.dropLast(5)) + ".tmp")
        let lonely = "\(ArchiveFixture.noonHour)/1772366400000000-0a1b2c3d-000099.parquet.tmp"
        fixture.fileSystem.put(orphan, at: lonely)
        let archive = try fixture.open()
        #expect(try ArchiveFixture.batchesSeen(fixture.fileSystem) == [0, 1, 2])
        #expect(!fixture.fileSystem.paths.contains { $0.hasSuffix(".tmp") })
        #expect(fixture.fileSystem.bytes(lonely + ".corrupt") == orphan)
        withExtendedLifetime(archive) {}
    }

    @Test("an orphan without rows goes, one of which nothing can be saved is set aside, one that is not ours stays")
    func hopeless() throws {
        let (fixture, openPath) = try killed()
        let orphan = try #require(fixture.fileSystem.bytes(openPath))
        let firstGroup = try #require(
            FrameScanner.scan(try fixture.fileSystem.open(openPath), depth: .everything).groups.first
        )
        func path(_ number: Int) -> String {
            "\(ArchiveFixture.noonHour)/1772366400000000-0a1b2c3d-00001\(number).parquet.part"
        }
        fixture.fileSystem.put(Array(orphan.prefix(Int(firstGroup.frameOffset))), at: path(1))
        fixture.fileSystem.put([], at: path(2))
        fixture.fileSystem.put(Array(orphan.prefix(Int(firstGroup.frameOffset) + 60)), at: path(3))
        fixture.fileSystem.put(Array("somebody's".utf8), at: path(4))
        let archive = try fixture.open()
        let outcomes = Dictionary(uniqueKeysWithValues: archive.recovery.orphans.map { ($0.path, $0) })
        #expect(outcomes[path(1)]?.outcome == .removedEmpty)
        #expect(outcomes[path(2)]?.outcome == .removedEmpty)
        #expect(outcomes[path(3)]?.outcome == .setAside(path: path(3) + ".corrupt"))
        #expect(outcomes[path(3)]?.rowsLost == 5)
        #expect(outcomes[path(4)]?.outcome == .leftAlone)
        #expect(fixture.fileSystem.bytes(path(4)) == Array("somebody's".utf8))
        #expect(archive.takeEvents().contains { if case .foreignFile = $0 { true } else { false } })
    }

    @Test("damage in the middle of an orphan: groups behind it are saved, and the original is kept")
    func damagedOrphan() throws {
        let fixture = ArchiveFixture()
        let archive = try fixture.open()
        for number in 0..<3 { try archive.append(ArchiveFixture.batch(number)) }
        let path = try #require(archive.openPath)
        fixture.fileSystem.kill()
        let scan = try FrameScanner.scan(try fixture.fileSystem.open(path), depth: .everything)
        var bytes = try #require(fixture.fileSystem.bytes(path))
        bytes[Int(scan.groups[1].frameOffset) + 60] ^= 1
        fixture.fileSystem.put(bytes, at: path)
        let reopened = try fixture.open()
        let orphan = try #require(reopened.recovery.orphans.first)
        #expect(orphan.rowsRecovered == 6 && orphan.rowsLost == 3 && orphan.isRowsLostExact)
        #expect(orphan.corruptPath == path + ".corrupt")
        #expect(try ArchiveFixture.batchesSeen(fixture.fileSystem) == [0, 2])
        withExtendedLifetime(archive) {}
    }

    @Test("a full disk at the start: retention makes room, and recovery is tried again")
    func fullAtStart() throws {
        var (fixture, _) = try killed()
        fixture.options.retention.maxBytes = 1500
        fixture.fileSystem.fail("pwritev", with: ENOSPC)
        let archive = try fixture.open()
        #expect(archive.recovery.rowsRecovered == 5)
        #expect(archive.counters.segmentsDeleted > 0)
    }

    @Test("a missing or damaged catalogue is made anew from the segments, and the same comes out")
    func catalogue() throws {
        let fixture = ArchiveFixture()
        let path = "\(ArchiveFixture.directory)/\(Catalogue.fileName)"
        var archive: Archive? = try fixture.open()
        for number in 0..<3 {
            try archive?.append(ArchiveFixture.batch(number, kind: "odd\tname%\n\(number)"))
            archive?.seal()
        }
        let segments = try #require(archive?.segments)
        let good = try #require(fixture.fileSystem.bytes(path))
        #expect(Catalogue.decode(good).map { Set($0.values) } == Set(segments))
        archive = nil
        archive = try fixture.open()
        #expect(archive?.recovery.isCatalogueRebuilt == false && archive?.segments == segments)
        archive = nil
        for offset in 0..<good.count {
            var bad = good
            bad[offset] ^= 4
            #expect(Catalogue.decode(bad) == nil, "flip at \(offset)")
            #expect(Catalogue.decode(Array(good[..<offset])) == nil, "cut at \(offset)")
        }
        try fixture.fileSystem.remove(path)
        archive = try fixture.open()
        #expect(archive?.recovery.isCatalogueRebuilt == true && archive?.segments == segments)
        #expect(fixture.fileSystem.bytes(path) == good)
    }

    @Test("a second writer is refused with the first one's process id")
    func lock() throws {
        try withTemporaryDirectory { root in
            let first = try Archive.open(root: root, options: ArchiveFixture.options)
            let error = #expect(throws: ArchiveOpenError.self) {
                _ = try Archive.open(root: root, options: ArchiveFixture.options)
            }
            #expect(error == .locked(path: "\(root)/node=n1/.lock", pid: getpid()))
            #expect("\(error!)".contains("process \(getpid())"))
            first.close()
            _ = try Archive.open(root: root, options: ArchiveFixture.options)
        }
    }

    @Test("a node's name must be a directory's", arguments: ["", "a/b", "a\0b"])
    func nodeName(node: String) {
        var options = ArchiveFixture.options
        options.identity.node = node
        #expect(throws: ArchiveOpenError.invalidNode(node)) { _ = try Archive.open(root: "/nowhere", options: options) }
    }
}
