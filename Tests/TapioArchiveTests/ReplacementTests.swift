import Glibc
import Testing

@testable import TapioArchive

/// A crash may leave the journal of a compaction. What it says counts only as far as the files bear it out.
@Suite("Compaction: what a journal says and what lies there") struct ReplacementTests {
    private let nowNs = ArchiveFixture.noonNs + 86_400 * ArchiveFixture.secondNs
    /// More calls than any compaction here makes.
    private static let mostChanges = 400

    private enum JournalError: Error { case neverLeft }

    /// A closed archive whose older segments become one in the next compaction, after so many before it.
    private func closed(compactions: Int) throws -> ArchiveFixture {
        var fixture = ArchiveFixture()
        fixture.options.sealing = .byCaller
        var number = 0
        for round in 0...compactions {
            let archive = try fixture.open()
            for _ in 0..<4 {
                for _ in 0..<2 {
                    let timeNs = ArchiveFixture.noonNs + Int64(number) * ArchiveFixture.secondNs
                    try archive.append(ArchiveFixture.batch(number, rows: 20, timeNs: timeNs))
                    number += 1
                }
                archive.seal()
            }
            archive.close()
            if round < compactions { #expect(try compact(fixture.fileSystem).written == 1) }
        }
        return fixture
    }

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

    /// An archive whose compaction ended as soon as its journal was there and `isWanted` agreed.
    private func halfCompacted(
        compactions: Int = 0,
        _ isWanted: (MemoryFileSystem, Replacement) -> Bool
    ) throws -> (fixture: ArchiveFixture, journal: Replacement) {
        for changes in 0..<Self.mostChanges {
            let fixture = try closed(compactions: compactions)
            _ = try compact(fixture.fileSystem, endingAfter: changes)
            fixture.fileSystem.kill()
            let journal = try Replacement.journal(in: ArchiveFixture.directory, fileSystem: fixture.fileSystem)
            if let journal, isWanted(fixture.fileSystem, journal) { return (fixture, journal) }
        }
        throw JournalError.neverLeft
    }

    private func hasNoName(_ files: MemoryFileSystem, _ journal: Replacement) -> Bool {
        files.bytes(path(journal.new)) == nil
    }

    private func hasAll(_ files: MemoryFileSystem, _ journal: Replacement) -> Bool {
        ([journal.new] + journal.old).allSatisfy { files.bytes(path($0)) != nil }
    }

    private func path(_ relativePath: String) -> String { "\(ArchiveFixture.directory)/\(relativePath)" }

    @Test("a repaired copy that has the name meant for a merged one does not count as it", arguments: [false, true])
    func repairedUnderThatName(isCompactedFirst: Bool) throws {
        let (fixture, journal) = try halfCompacted(hasNoName)
        let files = fixture.fileSystem
        let rows = try ArchiveFixture.numbersSeen(files)
        let first = path(journal.old[0])
        let bytes = try #require(files.bytes(first))
        files.put(Array(bytes.dropLast(8)), at: first)
        let report = try SegmentRepair(fileSystem: files).repair(first)
        try #require(report.repairedPath == path(journal.new))
        #expect(Replacement.underWay(in: ArchiveFixture.directory, fileSystem: files) == nil)
        #expect(try ArchiveFixture.numbersSeen(files) == rows)
        if isCompactedFirst {
            #expect(try compact(files).problems == [])
        } else {
            #expect(try Replacement.settle(in: ArchiveFixture.directory, fileSystem: files) == .kept)
            for original in journal.old.dropFirst() { #expect(files.bytes(path(original)) != nil, "\(original)") }
        }
        #expect(try ArchiveFixture.numbersSeen(files) == rows)
        let next = try fixture.open()
        #expect(try ArchiveFixture.numbersSeen(files) == rows)
        #expect(next.segments.reduce(0) { $0 + $1.totals.rows } == Int64(rows.count))
        #expect(!files.paths.contains { $0.hasSuffix(Replacement.fileName) || $0.hasSuffix(".tmp") })
        next.close()
    }

    @Test("the agent does not take such a copy for its merged segment either")
    func repairedWhileTheDiskFails() throws {
        var fixture = ArchiveFixture()
        fixture.options.sealing = .byCaller
        let files = fixture.fileSystem
        let archive = try fixture.open()
        for number in 0..<5 {
            let timeNs = ArchiveFixture.noonNs + Int64(number) * ArchiveFixture.secondNs
            try archive.append(ArchiveFixture.batch(number, rows: 20, timeNs: timeNs))
            archive.seal()
        }
        let rows = try ArchiveFixture.numbersSeen(files)
        var compaction = LiveCompaction(archive)
        let policy = Compaction.Policy()
        let next = compaction.next(policy, nowNs: nowNs, use: { _ in .free(mark: "") })
        let group = try #require(next)
        // The journal gets its name, then neither the merged file gets its own nor can the journal be removed.
        files.fail("rename", with: EIO, after: 1, times: 1_000_000)
        files.fail("unlink", with: EIO, times: 1_000_000)
        #expect(throws: MergeError.self) { try compaction.compact(group, policy, isFree: { true }, pause: { true }) }
        files.stopFailing()
        let journal = try #require(try Replacement.journal(in: archive.directory, fileSystem: files))
        let first = try #require(files.bytes(group[0].path))
        files.put(Array(first.dropLast(8)), at: group[0].path)
        try #require(try SegmentRepair(fileSystem: files).repair(group[0].path).repairedPath == path(journal.new))
        #expect(try compaction.settle() == nil)
        #expect(archive.segments.count == 5)
        #expect(try ArchiveFixture.numbersSeen(files) == rows)
        archive.close()
        let reopened = try fixture.open()
        #expect(try ArchiveFixture.numbersSeen(files) == rows)
        reopened.close()
    }

    @Test("a merged file that was cut off since, or damaged in its rows, takes none of its originals with it")
    func damaged() throws {
        for isCutOff in [true, false] {
            let (fixture, journal) = try halfCompacted(hasAll)
            let files = fixture.fileSystem
            let rows = try ArchiveFixture.numbersSeen(files)
            var bytes = try #require(files.bytes(path(journal.new)))
            if isCutOff {
                bytes.removeLast(100)
            } else {
                let scan = try FrameScanner.scan(try files.open(path(journal.new)), depth: .facts)
                let group = try #require(scan.groups.first)
                bytes[Int(group.frameOffset) + ArchiveFormat.headerLength] ^= 0xFF
            }
            files.put(bytes, at: path(journal.new))
            if isCutOff { #expect(try ArchiveFixture.numbersSeen(files) == rows) }
            try fixture.open().close()
            for original in journal.old { #expect(files.bytes(path(original)) != nil, "\(original)") }
            try files.remove(path(journal.new))
            #expect(try ArchiveFixture.numbersSeen(files) == rows)
        }
    }

    @Test("where the disk does not tell what the merged file holds, nothing is concluded and nothing is removed")
    func unreadable() throws {
        // The first of the originals was merged itself, so that it is looked into as well.
        let (fixture, journal) = try halfCompacted(compactions: 1, hasAll)
        let files = fixture.fileSystem
        let rows = try ArchiveFixture.numbersSeen(files)
        let before = files.paths
        var refused = 0
        for after in 0..<Self.mostChanges {
            let reads = files.count(of: "pread")
            files.fail("pread", with: EIO, after: after)
            defer { files.stopFailing() }
            guard let found = Replacement.underWay(in: ArchiveFixture.directory, fileSystem: files) else {
                refused += 1
                continue
            }
            #expect(found == journal && files.count(of: "pread") - reads <= after, "after \(after)")
            break
        }
        #expect(refused > 8)
        refused = 0
        for after in 0..<Self.mostChanges {
            let reads = files.count(of: "pread")
            files.fail("pread", with: EIO, after: after)
            defer { files.stopFailing() }
            let settlement = try Replacement.settle(in: ArchiveFixture.directory, fileSystem: files)
            if case .unknown(let error) = settlement {
                #expect(error.code == EIO && files.paths == before, "after \(after)")
                refused += 1
                continue
            }
            #expect(settlement == .replaced && files.count(of: "pread") - reads <= after, "after \(after)")
            break
        }
        #expect(refused > 8)
        #expect(journal.old.allSatisfy { files.bytes(path($0)) == nil })
        #expect(try ArchiveFixture.numbersSeen(files) == rows)
    }

    @Test("an agent starts all the same, says so, and compacts nothing until a start can read it")
    func startsUnsettled() throws {
        let (fixture, journal) = try halfCompacted(hasAll)
        let files = fixture.fileSystem
        let rows = try ArchiveFixture.numbersSeen(files)
        files.fail("pread", with: EIO)
        let archive = try fixture.open()
        files.stopFailing()
        let events = archive.takeEvents()
        #expect(events.contains { if case .compactionUnsettled = $0 { true } else { false } })
        #expect(hasAll(files, journal))
        #expect(try ArchiveFixture.numbersSeen(files) == rows)
        // Of another hour, so that there is something to be merged.
        for number in 0..<4 {
            let timeNs = ArchiveFixture.noonNs + Int64(7200 + number) * ArchiveFixture.secondNs
            try archive.append(ArchiveFixture.batch(500 + number, rows: 20, timeNs: timeNs))
            archive.seal()
        }
        let more = try ArchiveFixture.numbersSeen(files)
        func next(_ archive: Archive) -> [MergePlan.Candidate]? {
            var compaction = LiveCompaction(archive)
            return compaction.next(Compaction.Policy(), nowNs: nowNs, use: { _ in .free(mark: "") })
        }
        #expect(next(archive) == nil)
        archive.close()
        let settled = try fixture.open()
        #expect(journal.old.allSatisfy { files.bytes(path($0)) == nil })
        #expect(try ArchiveFixture.numbersSeen(files) == more)
        #expect(next(settled) != nil)
        settled.close()
    }

    @Test("a crash at any call of a compaction of what was merged already leaves each row once")
    func again() throws {
        var halves = 0
        for changes in 0..<Self.mostChanges {
            let fixture = try closed(compactions: 1)
            let files = fixture.fileSystem
            let rows = try ArchiveFixture.numbersSeen(files)
            _ = try compact(files, endingAfter: changes)
            let isComplete = !files.isEnded
            files.kill()
            if files.paths.contains(where: { $0.hasSuffix(Replacement.fileName) }) { halves += 1 }
            #expect(try ArchiveFixture.numbersSeen(files) == rows, "\(changes) calls")
            let next = try fixture.open()
            #expect(try ArchiveFixture.numbersSeen(files) == rows, "\(changes) calls, after the next start")
            #expect(next.segments.reduce(0) { $0 + $1.totals.rows } == Int64(rows.count), "\(changes) calls")
            let left = files.paths.filter { $0.hasSuffix(Replacement.fileName) || $0.hasSuffix(".tmp") }
            #expect(left == [], "\(changes) calls")
            next.close()
            if isComplete { break }
        }
        #expect(halves > 2)
    }
}
