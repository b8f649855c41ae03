import Glibc
import Synchronization
import TapioTestSupport
import Testing

@testable import TapioArchive

@Suite("Compaction of an archive that is being written") struct LiveCompactionTests {
    private let nextDayNs = ArchiveFixture.noonNs + 86_400 * ArchiveFixture.secondNs
    private let policy: Compaction.Policy = {
        var policy = Compaction.Policy()
        policy.minSegments = 3
        return policy
    }()

    /// An archive on disk that a test goes on writing to.
    private final class Written {
        let directory = TemporaryDirectory()
        let archive: Archive
        private var batches = 0

        init(runID: String = "run-1", in directory: TemporaryDirectory? = nil) throws {
            var options = ArchiveFixture.options
            options.identity.runID = runID
            options.retention.minFreeShare = nil
            options.sealing = .byCaller
            if directory != nil { batches = 1000 }
            archive = try Archive.open(root: (directory ?? self.directory).path, options: options)
        }

        var node: String { archive.directory }

        /// Appends a batch of the hour and leaves it in the open segment.
        func append(rows: Int = 50) throws {
            let timeNs = ArchiveFixture.noonNs + Int64(batches) * ArchiveFixture.secondNs
            try archive.append(ArchiveFixture.batch(batches, rows: rows, timeNs: timeNs))
            batches += 1
        }

        func seal(_ count: Int, rows: Int = 50) throws {
            for _ in 0..<count {
                for _ in 0..<3 { try append(rows: rows) }
                archive.seal()
            }
        }

        /// What every reader sees.
        func numbers() throws -> [Int64] { try ArchiveFixture.numbersSeen(root: directory.path) }
        var sequences: [UInt64] { archive.segments.map(\.name.sequence) }
    }

    private func next(_ compaction: inout LiveCompaction, atNs: Int64? = nil) -> [MergePlan.Candidate]? {
        compaction.next(policy, nowNs: atNs ?? nextDayNs, use: { _ in .free(mark: "") })
    }

    private func compact(
        _ compaction: inout LiveCompaction,
        _ group: [MergePlan.Candidate],
        isFree: Bool = true,
        pause: @escaping @Sendable () -> Bool = { true }
    ) throws -> SegmentFacts? {
        let outcome = try compaction.compact(group, policy, isFree: { isFree }, pause: pause)
        guard case .replaced(let facts) = outcome else { return nil }
        return facts
    }

    @Test("old segments become one while the archive is written; books, catalogue and the next start agree")
    func merges() throws {
        let written = try Written()
        try written.seal(6)
        try written.append()
        let rows = try written.numbers()
        let old = written.archive.segments
        var compaction = LiveCompaction(written.archive)
        let group = try #require(next(&compaction))
        #expect(group.map(\.name) == old.dropLast().map(\.name))
        let new = try #require(try compact(&compaction, group))
        #expect(try written.numbers() == rows)
        #expect(written.sequences == [1, 6])
        #expect(written.archive.segments.first == new)
        #expect(new.totals.rows == 5 * 150 && new.name.repair == 1)
        #expect(try SegmentVerifier().verify("\(written.node)/\(new.relativePath)").state == .sealed)
        #expect(!TestFile.list(written.node).contains(Replacement.fileName))
        // What was merged is left alone, and it goes on.
        #expect(next(&compaction) == nil)
        try written.append()
        try written.seal(4)
        let more = try #require(next(&compaction))
        #expect(more.map(\.name.sequence) == [6, 7, 8, 9])
        _ = try compact(&compaction, more)
        let inventory = try ArchiveInventory(written.node, fileSystem: PosixFileSystem())
        #expect(inventory.sealed == written.archive.segments && !inventory.isCatalogueStale)
        let all = try written.numbers()
        #expect(all.count == rows.count + 50 + 4 * 150 && Set(all).isSuperset(of: rows))
        written.archive.close()
        var options = ArchiveFixture.options
        options.retention.minFreeShare = nil
        let again = try Archive.open(root: written.directory.path, options: options)
        #expect(again.recovery.wasClean && again.segments == inventory.sealed)
        again.close()
    }

    @Test(
        "an hour is merged when it has all of its segments: it is over, or another run's follow; few are not worth it"
    )
    func waits() throws {
        let written = try Written()
        try written.seal(5)
        var compaction = LiveCompaction(written.archive)
        let oldNs = ArchiveFixture.noonNs + 3000 * ArchiveFixture.secondNs
        var young = policy
        young.minAgeNs = 600 * ArchiveFixture.secondNs
        func groups(_ atNs: Int64) -> [UInt64]? {
            compaction.next(young, nowNs: atNs, use: { _ in .free(mark: "") })?.map(\.name.sequence)
        }
        #expect(groups(oldNs) == nil)
        let hourEndNs = ArchiveFixture.noonNs + 3600 * ArchiveFixture.secondNs
        #expect(groups(hourEndNs + young.minAgeNs - 1) == nil)
        #expect(groups(hourEndNs + young.minAgeNs) == [1, 2, 3, 4])
        young.minSegments = 5
        #expect(groups(nextDayNs) == nil)
        young.minSegments = 3
        written.archive.close()
        // The next run's segments follow: there will be no more of the first's.
        let second = try Written(runID: "run-2", in: written.directory)
        try second.seal(2)
        compaction = LiveCompaction(second.archive)
        #expect(groups(oldNs) == [1, 2, 3, 4, 5])
        // Not while somebody needs one of them.
        #expect(compaction.next(young, nowNs: oldNs, use: { $0.sequence == 3 ? .inUse : .free(mark: "") }) == nil)
        second.archive.close()
    }

    @Test("what is being merged is not begun by others; who has begun already keeps it")
    func holds() throws {
        let written = try Written()
        try written.seal(5)
        var compaction = LiveCompaction(written.archive)
        let group = try #require(next(&compaction))
        let archive = written.archive
        let names = group.map(\.name)
        #expect(names.allSatisfy(archive.isAvailable))
        #expect(try compact(&compaction, group, isFree: false) == nil)
        #expect(names.allSatisfy(archive.isAvailable) && archive.segments.count == 5)
        let seen = Mutex<Set<Bool>>([])
        let new = try compact(&compaction, group) {
            seen.withLock { seen in
                for name in names { seen.insert(archive.isAvailable(name)) }
            }
            return true
        }
        #expect(seen.withLock { $0 } == [false])
        #expect(new.map { archive.isAvailable($0.name) } == true)
        #expect(!names.contains(where: archive.isAvailable))
    }

    @Test("what retention removes during a merge stays removed, and a pin set meanwhile is kept")
    func overtaken() throws {
        for isPin in [false, true] {
            let written = try Written()
            try written.seal(5)
            var compaction = LiveCompaction(written.archive)
            let group = try #require(next(&compaction))
            let archive = written.archive
            let newestBytes = archive.segments.last?.bytes ?? 0
            let pin = group[1].path + ".pin"
            let new = try compact(&compaction, group) {
                if isPin {
                    TestFile.write(pin, "")
                } else {
                    var retention = RetentionPolicy()
                    retention.maxBytes = newestBytes * 5 / 2
                    retention.minFreeShare = nil
                    archive.update(sync: .segment, rotation: RotationPolicy(), retention: retention)
                    archive.withState { $0.enforceRetention() }
                }
                return true
            }
            #expect(new == nil)
            #expect(written.sequences == (isPin ? [1, 2, 3, 4, 5] : [4, 5]))
            #expect(try written.numbers().count == archive.segments.count * 150)
            #expect(TestFile.find(written.node, suffix: ".tmp") == [])
            #expect(archive.segments.allSatisfy { archive.isAvailable($0.name) })
        }
    }

    @Test("a merge that is told to stop leaves nothing, and can be made later")
    func stops() throws {
        let written = try Written()
        try written.seal(4)
        let rows = try written.numbers()
        var compaction = LiveCompaction(written.archive)
        let group = try #require(next(&compaction))
        for after in 0..<12 {
            let left = Mutex(after)
            let outcome = Result {
                try compact(&compaction, group) {
                    left.withLock { left in
                        left -= 1
                        return left >= 0
                    }
                }
            }
            guard case .failure(let error) = outcome else { break }
            #expect("\(error)" == "stopped")
            #expect(TestFile.find(written.node, suffix: ".tmp") == [])
            #expect(try written.numbers() == rows)
        }
        #expect(compaction.blockedSegments == 0)
        if written.archive.segments.count == 4 { _ = try compact(&compaction, group) }
        #expect(written.sequences == [1, 4])
        #expect(try written.numbers() == rows)
    }

    @Test("a damaged segment is left alone from then on, and the others are merged")
    func damaged() throws {
        let written = try Written()
        try written.seal(8)
        var compaction = LiveCompaction(written.archive)
        let group = try #require(next(&compaction))
        let path = group[3].path
        var bytes = try #require(TestFile.read(path))
        // In the first row group's pages.
        let place = try #require(bytes.indices.dropFirst(bytes.count / 4).first { bytes[$0] != 0 })
        for index in place..<place + 24 { bytes[index] ^= 0xA5 }
        TestFile.write(path, bytes)
        #expect(throws: MergeError.self) { try compact(&compaction, group) }
        #expect(compaction.blockedSegments == 1)
        #expect(next(&compaction)?.map(\.name.sequence) == [1, 2, 3])
        #expect(TestFile.read(path) == bytes)
    }

    @Test(
        "the disk ends it anywhere: each row is there once for readers, after it works again, and after the next start"
    )
    func faults() throws {
        var failures = 0
        var replaced = 0
        var halves = 0
        for call in ["pwritev", "open", "rename", "unlink", "fdatasync", "fsync", "pread"] {
            for after in 0..<20 {
                for isSettled in [false, true] {
                    let fixture = ArchiveFixture()
                    let files = fixture.fileSystem
                    var archive: Archive? = try fixture.open()
                    for number in 0..<5 {
                        let timeNs = ArchiveFixture.noonNs + Int64(number) * ArchiveFixture.secondNs
                        try archive?.append(ArchiveFixture.batch(number, rows: 20, timeNs: timeNs))
                        archive?.seal()
                    }
                    let rows = try ArchiveFixture.numbersSeen(files)
                    var expected = rows
                    let what = "\(call) after \(after)"
                    do {
                        var compaction = LiveCompaction(try #require(archive))
                        let group = try #require(next(&compaction))
                        files.fail(call, with: EIO, after: after, times: 1_000_000)
                        let new = try? compact(&compaction, group)
                        if new == nil { failures += 1 } else { replaced += 1 }
                        files.stopFailing()
                        #expect(try ArchiveFixture.numbersSeen(files) == rows, "\(what), read at once")
                        // Retention does not undo what is half done: it takes the fifth segment alone.
                        if archive?.withState({ $0.holds.replacing.isEmpty }) == false {
                            archive?.withState { state in
                                state.options.retention.maxBytes = 1
                                state.enforceRetention()
                                state.options.retention.maxBytes = nil
                            }
                            expected = Array(rows.prefix(80))
                            halves += 1
                        }
                        if isSettled {
                            try compaction.settle()
                            let inventory = try ArchiveInventory(ArchiveFixture.directory, fileSystem: files)
                            #expect(archive?.segments == inventory.sealed, "\(what)")
                            #expect(archive?.withState { $0.holds.merging.isEmpty } == true, "\(what)")
                        }
                        files.kill()
                    }
                    archive = nil
                    #expect(try ArchiveFixture.numbersSeen(files) == expected, "\(what)")
                    let again = try fixture.open()
                    #expect(try ArchiveFixture.numbersSeen(files) == expected, "\(what), after the next start")
                    #expect(
                        !files.paths.contains { $0.hasSuffix(Replacement.fileName) || $0.hasSuffix(".tmp") },
                        "\(what)"
                    )
                    again.close()
                }
            }
        }
        #expect(failures > 20 && replaced > 20 && halves > 5)
    }

    @Test("what the disk refuses is tried a few times and then left alone")
    func attempts() throws {
        let fixture = ArchiveFixture()
        let archive = try fixture.open()
        for number in 0..<5 {
            let timeNs = ArchiveFixture.noonNs + Int64(number) * ArchiveFixture.secondNs
            try archive.append(ArchiveFixture.batch(number, rows: 20, timeNs: timeNs))
            archive.seal()
        }
        var compaction = LiveCompaction(archive)
        for _ in 0..<LiveCompaction.mostAttempts {
            let group = try #require(next(&compaction))
            fixture.fileSystem.fail("pwritev", with: ENOSPC, times: 1_000_000)
            #expect(throws: MergeError.self) { try compact(&compaction, group) }
            fixture.fileSystem.stopFailing()
        }
        #expect(next(&compaction) == nil && compaction.blockedSegments == 4)
        #expect(archive.segments.count == 5)
    }
}
