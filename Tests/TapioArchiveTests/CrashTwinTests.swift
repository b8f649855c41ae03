import Glibc
import Testing

@testable import TapioArchive

/// A crash while a segment is sealed, saved or merged may leave its rows in two files: an open one beside the sealed one, or
/// originals beside what they became.
@Suite("Archive: files that a crash leaves twice") struct CrashTwinTests {
    private let nowNs = ArchiveFixture.noonNs + 86_400 * ArchiveFixture.secondNs
    /// More calls than any work here makes.
    private static let mostChanges = 400

    /// An archive with segments 1 and 2, and an open third one that is copied without its old footers when it is sealed.
    private func archive() throws -> (fixture: ArchiveFixture, archive: Archive, openPath: String) {
        var fixture = ArchiveFixture()
        fixture.options.sealing = .byCaller
        let archive = try fixture.open()
        try seal(archive, 0..<2)
        for batch in Self.large {
            try archive.append(batch)
            let path = try #require(archive.openPath)
            let scan = try FrameScanner.scan(try fixture.fileSystem.open(path), depth: .facts)
            let footers = scan.footers.reduce(0) { $0 + $1.header.frameLength }
            if footers * 10 > scan.fileSize { return (fixture, archive, path) }
        }
        throw TwinError.neverCopied
    }

    /// The same, sealed by a disk that would not remove the open file, with segments 4 to 6 behind it.
    private func archiveWithTwin() throws -> (fixture: ArchiveFixture, archive: Archive, openPath: String) {
        let (fixture, archive, openPath) = try archive()
        fixture.fileSystem.fail("unlink", with: EIO)
        archive.seal()
        fixture.fileSystem.stopFailing()
        try seal(archive, 200..<203)
        try #require(fixture.fileSystem.bytes(openPath) != nil)
        try #require(fixture.fileSystem.bytes(sealedPath(openPath)) != nil)
        return (fixture, archive, openPath)
    }

    private enum TwinError: Error { case neverCopied }

    private static func batch(_ number: Int, rows: Int) -> ArchiveBatch {
        let timeNs = ArchiveFixture.noonNs + Int64(number) * ArchiveFixture.secondNs
        return ArchiveFixture.batch(number, rows: rows, timeNs: timeNs, randomColumn: true)
    }

    /// More than enough for old footers to exceed a tenth once. Encoded once, as a segment is made anew for each crash.
    private static let large = (100..<160).map { Self.batch($0, rows: 1000) }

    private func seal(_ archive: Archive, _ numbers: Range<Int>) throws {
        for number in numbers {
            try archive.append(Self.batch(number, rows: 20))
            archive.seal()
        }
    }

    private func sealedPath(_ openPath: String) -> String { String(openPath.dropLast(".part".count)) }

    /// What `tapio compact` does before the agent starts again; it may end after so many changes.
    private func compact(_ files: MemoryFileSystem, endingAfter changes: Int? = nil) throws -> Compaction.Report {
        let compaction = try Compaction(
            directory: ArchiveFixture.directory,
            policy: Compaction.Policy(),
            fileSystem: files
        )
        let plan = try compaction.plan(nowNs: nowNs) { _ in .free(mark: "") }
        if let changes { files.end(afterChanges: changes) }
        return compaction.run(plan, budget: CPUBudget(share: 1))
    }

    /// Whatever comes after the crash, and in whatever order, a reader sees each row once.
    private func expectOnce(_ rows: [Int64], _ fixture: ArchiveFixture, _ what: String) throws {
        let files = fixture.fileSystem
        #expect(try ArchiveFixture.numbersSeen(files) == rows, "\(what): read at once")
        // Those who read all files are told which to leave out.
        let reader = try ArchiveReader(path: "/a", fileSystem: files)
        let present = Set(files.paths.filter { $0.hasSuffix(".parquet") || $0.hasSuffix(".part") })
        #expect(present.subtracting(reader.segments.map(\.path)) == Set(reader.duplicates.keys), "\(what)")
        #expect(try compact(files).problems == [], "\(what)")
        #expect(try ArchiveFixture.numbersSeen(files) == rows, "\(what): after a compaction")
        let next = try fixture.open()
        #expect(try ArchiveFixture.numbersSeen(files) == rows, "\(what): after the next start")
        #expect(next.segments.reduce(0) { $0 + $1.totals.rows } == Int64(rows.count), "\(what)")
        #expect(!files.paths.contains { $0.hasSuffix(".part") || $0.hasSuffix(".parquet.tmp") }, "\(what)")
        next.close()
        #expect(try compact(files).problems == [], "\(what)")
        #expect(try ArchiveFixture.numbersSeen(files) == rows, "\(what): compacted after the next start")
    }

    @Test("a crash at any call while a segment is sealed leaves each row once")
    func sealing() throws {
        var twins = 0
        for changes in 0..<Self.mostChanges {
            let (fixture, archive, openPath) = try archive()
            let files = fixture.fileSystem
            let rows = try ArchiveFixture.numbersSeen(files)
            files.end(afterChanges: changes)
            archive.seal()
            let isComplete = !files.isEnded
            files.kill()
            if files.bytes(openPath) != nil, files.bytes(sealedPath(openPath)) != nil { twins += 1 }
            try expectOnce(rows, fixture, "sealing, \(changes) calls")
            withExtendedLifetime(archive) {}
            if isComplete { break }
        }
        #expect(twins > 0)
    }

    @Test("a crash at any call of recovery leaves each row once")
    func recovering() throws {
        var twins = 0
        for changes in 0..<Self.mostChanges {
            let (fixture, archive, openPath) = try archive()
            let files = fixture.fileSystem
            let rows = try ArchiveFixture.numbersSeen(files)
            files.kill()
            files.end(afterChanges: changes)
            let next = try? fixture.open()
            let isComplete = !files.isEnded
            files.kill()
            if files.bytes(openPath) != nil, files.bytes(sealedPath(openPath)) != nil { twins += 1 }
            try expectOnce(rows, fixture, "recovery, \(changes) calls")
            withExtendedLifetime(archive) {}
            withExtendedLifetime(next) {}
            if isComplete { break }
        }
        #expect(twins > 0)
    }

    @Test("a crash at any call of a compaction that meets an open twin leaves each row once, and that segment alone")
    func compacting() throws {
        var halves = 0
        for changes in 0..<Self.mostChanges {
            let (fixture, archive, openPath) = try archiveWithTwin()
            let files = fixture.fileSystem
            let rows = try ArchiveFixture.numbersSeen(files, scope: .sealed)
            files.kill()
            _ = try compact(files, endingAfter: changes)
            let isComplete = !files.isEnded
            files.kill()
            #expect(files.bytes(sealedPath(openPath)) != nil)
            if files.paths.contains(where: { $0.hasSuffix(Replacement.fileName) }) { halves += 1 }
            try expectOnce(rows, fixture, "compaction, \(changes) calls")
            withExtendedLifetime(archive) {}
            if isComplete { break }
        }
        #expect(halves > 2)
    }

    @Test("the agent's own compaction leaves a segment alone whose open file the disk would not remove")
    func compactingLive() throws {
        let (fixture, archive, openPath) = try archiveWithTwin()
        let files = fixture.fileSystem
        let rows = try ArchiveFixture.numbersSeen(files, scope: .sealed)
        let policy = Compaction.Policy()
        var compaction = LiveCompaction(archive)
        for _ in archive.segments {
            guard let group = compaction.next(policy, nowNs: nowNs, use: { _ in .free(mark: "") }) else { break }
            _ = try compaction.compact(group, policy, isFree: { true }, pause: { true })
        }
        #expect(archive.segments.map(\.name.sequence) == [1, 3, 4, 6])
        #expect(archive.segments.map(\.name.repair) == [1, 0, 1, 0])
        #expect(files.bytes(openPath) != nil)
        files.kill()
        try expectOnce(rows, fixture, "compacted by the agent")
        withExtendedLifetime(archive) {}
        withExtendedLifetime(compaction) {}
    }

    @Test("the open file of a segment that was merged counts for nothing, and recovery does not save its rows again")
    func mergedTwin() throws {
        let (fixture, archive, openPath) = try archive()
        let files = fixture.fileSystem
        let bytes = try #require(files.bytes(openPath))
        archive.seal()
        try seal(archive, 200..<202)
        archive.close()
        let rows = try ArchiveFixture.numbersSeen(files)
        #expect(try compact(files).replaced == 4)
        files.put(bytes, at: openPath)
        #expect(try ArchiveFixture.numbersSeen(files) == rows)
        let merged = try #require(files.paths.first { $0.hasSuffix("-r1.parquet") })
        #expect(try ArchiveReader(path: "/a", fileSystem: files).duplicates == [openPath: merged])
        let next = try fixture.open()
        #expect(next.recovery.orphans.map(\.outcome) == [.alreadySealed])
        #expect(next.recovery.rowsRecovered == 0 && files.bytes(openPath) == nil)
        #expect(try ArchiveFixture.numbersSeen(files) == rows)
        #expect(next.segments.count == 2)
        next.close()
    }

    @Test("where the sealed file of the two was cut off since, the open one counts, and recovery saves it")
    func cutOffTwin() throws {
        let (fixture, archive, openPath) = try archiveWithTwin()
        let files = fixture.fileSystem
        let rows = try ArchiveFixture.numbersSeen(files, scope: .sealed)
        files.kill()
        let sealed = sealedPath(openPath)
        let bytes = try #require(files.bytes(sealed))
        files.put(Array(bytes.prefix(bytes.count / 2)), at: sealed)
        #expect(try ArchiveFixture.numbersSeen(files) == rows)
        #expect(try ArchiveReader(path: "/a", fileSystem: files).duplicates == [sealed: openPath])
        let next = try fixture.open()
        #expect(next.recovery.orphans.map(\.outcome) == [.saved(path: sealed)])
        #expect(files.bytes(openPath) == nil && files.bytes(sealed + ".corrupt") != nil)
        #expect(try ArchiveFixture.numbersSeen(files) == rows)
        next.close()
        withExtendedLifetime(archive) {}
    }

    @Test("a repair of the cut-off one of the two leaves a copy that has less than the open one, and gives way to it")
    func repairedTwin() throws {
        let (fixture, archive, openPath) = try archiveWithTwin()
        let files = fixture.fileSystem
        let rows = try ArchiveFixture.numbersSeen(files, scope: .sealed)
        files.kill()
        let sealed = sealedPath(openPath)
        let bytes = try #require(files.bytes(sealed))
        files.put(Array(bytes.prefix(bytes.count / 2)), at: sealed)
        let copy = try #require(try SegmentRepair(fileSystem: files).repair(sealed).repairedPath)
        #expect(try ArchiveFixture.numbersSeen(files) == rows)
        #expect(try ArchiveReader(path: "/a", fileSystem: files).duplicates == [copy: openPath])
        let next = try fixture.open()
        #expect(next.recovery.orphans.map(\.outcome) == [.saved(path: sealed)])
        #expect(files.bytes(openPath) == nil && files.bytes(copy) == nil && files.bytes(copy + ".corrupt") != nil)
        #expect(try ArchiveFixture.numbersSeen(files) == rows)
        next.close()
        withExtendedLifetime(archive) {}
    }

    @Test("retention deletes the open file with its sealed segment, and no crash between them brings a row back")
    func retention() throws {
        var halves = 0
        for changes in 0..<Self.mostChanges {
            let (fixture, archive, openPath) = try archiveWithTwin()
            let files = fixture.fileSystem
            let openBytes = try #require(files.bytes(openPath)).count
            let bytes = archive.segments.reduce(UInt64(openBytes)) { $0 + UInt64($1.bytes) }
            files.end(afterChanges: changes)
            archive.withState { state in
                state.options.retention.maxBytes = 1
                state.enforceRetention()
            }
            let isComplete = !files.isEnded
            files.kill()
            let what = "\(changes) calls"
            let isOpenGone = files.bytes(openPath) == nil
            #expect(isOpenGone || files.bytes(sealedPath(openPath)) != nil, "\(what)")
            if isOpenGone, files.bytes(sealedPath(openPath)) != nil { halves += 1 }
            let rows = try ArchiveFixture.numbersSeen(files)
            let next = try fixture.open()
            #expect(try ArchiveFixture.numbersSeen(files) == rows, "\(what)")
            #expect(next.recovery.rowsRecovered == 0, "\(what)")
            next.close()
            if isComplete {
                #expect(rows.isEmpty && archive.segments.isEmpty)
                #expect(archive.counters.segmentsDeleted == 6 && archive.counters.bytesDeleted == bytes)
                let twins = archive.takeEvents().compactMap { event -> Int64? in
                    if case .deleted(let deletion) = event { deletion.twinBytes } else { nil }
                }
                #expect(twins == [0, 0, Int64(openBytes), 0, 0, 0])
            }
            withExtendedLifetime(archive) {}
            if isComplete { break }
        }
        #expect(halves > 0)
    }

    @Test("retention deletes the open file of a segment that was merged with the merged one")
    func retentionOfMerged() throws {
        let (fixture, archive, openPath) = try archive()
        let files = fixture.fileSystem
        let bytes = try #require(files.bytes(openPath))
        archive.seal()
        try seal(archive, 200..<202)
        archive.close()
        #expect(try compact(files).replaced == 4)
        let next = try fixture.open()
        // As if the disk had refused to remove it at that start.
        files.put(bytes, at: openPath)
        next.withState { state in
            state.options.retention.maxBytes = 1
            state.enforceRetention()
        }
        #expect(next.segments.isEmpty && files.bytes(openPath) == nil)
        next.close()
        let last = try fixture.open()
        #expect(last.recovery.rowsRecovered == 0 && last.segments.isEmpty)
        last.close()
    }
}
