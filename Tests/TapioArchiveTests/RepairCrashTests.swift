import Glibc
import Testing

@testable import TapioArchive

/// A crash while a segment is repaired may leave the damaged file beside its copy.
@Suite("Repair: a damaged file that a crash leaves beside its copy") struct RepairCrashTests {
    private let nowNs = ArchiveFixture.noonNs + 86_400 * ArchiveFixture.secondNs
    /// More calls than any repair here makes.
    private static let mostChanges = 200

    private enum CrashError: Error { case neverHalf }

    enum Damage: CaseIterable {
        /// Seen by whoever walks the frames.
        case frame
        /// Seen only by those who read the rows.
        case rows
        /// The end is missing; all rows are there.
        case end
    }

    private static func batch(_ number: Int) -> ArchiveBatch {
        let timeNs = ArchiveFixture.noonNs + Int64(number) * ArchiveFixture.secondNs
        return ArchiveFixture.batch(number, rows: 20, timeNs: timeNs, randomColumn: true)
    }

    /// An archive of four sealed segments with three row groups each, closed, and the path of the second one.
    private func sealed() throws -> (fixture: ArchiveFixture, path: String) {
        var fixture = ArchiveFixture()
        fixture.options.sealing = .byCaller
        let archive = try fixture.open()
        for segment in 0..<4 {
            for group in 0..<3 { try archive.append(Self.batch(segment * 3 + group)) }
            archive.seal()
        }
        archive.close()
        return (fixture, "\(archive.directory)/\(archive.segments[1].relativePath)")
    }

    /// An archive that was killed with a sealed segment and an open one of three row groups, and the path of that one.
    private func killed() throws -> (fixture: ArchiveFixture, path: String) {
        var fixture = ArchiveFixture()
        fixture.options.sealing = .byCaller
        let archive = try fixture.open()
        try archive.append(Self.batch(0))
        archive.seal()
        for number in 1...3 { try archive.append(Self.batch(number)) }
        let path = try #require(archive.openPath)
        fixture.fileSystem.kill()
        withExtendedLifetime(archive) {}
        return (fixture, path)
    }

    /// Damages the row group of that place, or the file's end.
    private func damage(_ damage: Damage, group place: Int = 1, _ path: String, _ files: MemoryFileSystem) throws {
        var bytes = try #require(files.bytes(path))
        let group = try FrameScanner.scan(try files.open(path), depth: .facts).groups[place]
        switch damage {
        case .frame: bytes[Int(group.frameOffset) + 3] ^= 0x10
        case .rows: bytes[Int(group.frameOffset) + ArchiveFormat.headerLength] ^= 0xFF
        case .end: bytes.removeLast(8)
        }
        files.put(bytes, at: path)
    }

    private func copyPath(_ path: String) throws -> String {
        let name = try #require(SegmentName.parse(FilePath.name(of: path))?.name)
        let copy = SegmentName(startMicros: name.startMicros, bootID: name.bootID, sequence: name.sequence, repair: 1)
        return "\(FilePath.directory(of: path))/\(copy.fileName(.sealed))"
    }

    /// The numbers of all rows that a reader finds whole, each as often as it finds it.
    private func seen(_ files: MemoryFileSystem) throws -> [Int64] {
        try ArchiveReader(path: "/a", fileSystem: files).segments.flatMap { segment in
            let opened = try segment.open()
            return opened.rowGroups.flatMap { group -> [Int64] in
                guard let values = try? opened.readColumn(1, of: group).values, case .integers(let numbers) = values
                else { return [] }
                return numbers
            }
        }.sorted()
    }

    private func compact(_ files: MemoryFileSystem) throws -> Compaction.Report {
        let compaction = try Compaction(
            directory: ArchiveFixture.directory,
            policy: Compaction.Policy(),
            fileSystem: files
        )
        return compaction.run(try compaction.plan(nowNs: nowNs) { _ in .free(mark: "") }, budget: CPUBudget(share: 1))
    }

    /// All rows that a repair saves, seen once; of those that it does not save, none more than once.
    private func expectOnce(_ saved: [Int64], _ files: MemoryFileSystem, _ what: String) throws {
        let rows = try seen(files)
        #expect(Set(rows).count == rows.count && Set(saved).isSubset(of: rows), "\(what)")
        let reader = try ArchiveReader(path: "/a", fileSystem: files)
        let present = Set(files.paths.filter { $0.hasSuffix(".parquet") || $0.hasSuffix(".part") })
        #expect(present.subtracting(reader.segments.map(\.path)) == Set(reader.duplicates.keys), "\(what)")
    }

    /// The rows that a repair that nothing interrupts leaves.
    private func saved(_ damaged: Damage, _ made: (fixture: ArchiveFixture, path: String)) throws -> [Int64] {
        let files = made.fixture.fileSystem
        let count = try seen(files).count
        try damage(damaged, made.path, files)
        _ = try SegmentRepair(fileSystem: files).repair(made.path)
        let saved = try seen(files)
        #expect(saved.count == (damaged == .end ? count : count - 20))
        return saved
    }

    @Test(
        "a crash at any call leaves each row once; the next repair, or the next start, sets the damaged file aside",
        arguments: Damage.allCases,
        [false, true]
    )
    func segment(_ damaged: Damage, isStartedFirst: Bool) throws {
        let saved = try saved(damaged, sealed())
        var halves = 0
        for changes in 0..<Self.mostChanges {
            let (fixture, path) = try sealed()
            let files = fixture.fileSystem
            try damage(damaged, path, files)
            files.end(afterChanges: changes)
            _ = try? SegmentRepair(fileSystem: files).repair(path)
            let isComplete = !files.isEnded
            files.kill()
            let what = "\(damaged), \(changes) calls"
            let copy = try copyPath(path)
            try expectOnce(saved, files, what)
            let isHalf = files.bytes(path) != nil && files.bytes(copy) != nil
            if isHalf {
                halves += 1
                #expect(try ArchiveReader(path: "/a", fileSystem: files).duplicates == [path: copy], "\(what)")
                // Neither is merged while both are there.
                #expect(try compact(files).written == 0, "\(what)")
            }
            if isStartedFirst {
                try fixture.open().close()
                try expectOnce(saved, files, "\(what), started")
                if isHalf { #expect(files.bytes(path) == nil, "\(what)") }
            }
            if files.bytes(path) != nil {
                let report = try SegmentRepair(fileSystem: files).repair(path)
                #expect(report.repairedPath == copy && report.rowsSaved == (damaged == .end ? 60 : 40), "\(what)")
            }
            #expect(try seen(files) == saved, "\(what)")
            #expect(files.bytes(path) == nil && files.bytes(path + ".corrupt") != nil, "\(what)")
            let next = try fixture.open()
            #expect(next.segments.reduce(0) { $0 + $1.totals.rows } == Int64(saved.count), "\(what)")
            #expect(next.segments.count == 4 && !files.paths.contains { $0.hasSuffix(".tmp") }, "\(what)")
            next.close()
            let report = try compact(files)
            #expect(report.problems == [] && report.replaced == 3, "\(what)")
            #expect(try seen(files) == saved, "\(what), compacted")
            if isComplete { break }
        }
        #expect(halves > 0)
    }

    @Test("so does a crash while an open segment is repaired, and recovery does not save its rows again")
    func openSegment() throws {
        for damaged in [Damage.frame, .rows] {
            let saved = try saved(damaged, killed())
            var halves = 0
            for changes in 0..<Self.mostChanges {
                let (fixture, path) = try killed()
                let files = fixture.fileSystem
                try damage(damaged, path, files)
                files.end(afterChanges: changes)
                _ = try? SegmentRepair(fileSystem: files).repair(path)
                let isComplete = !files.isEnded
                files.kill()
                let what = "\(damaged), \(changes) calls"
                try expectOnce(saved, files, what)
                let copy = try copyPath(path)
                let isHalf = files.bytes(path) != nil && files.bytes(copy) != nil
                let next = try fixture.open()
                if isHalf {
                    halves += 1
                    #expect(next.recovery.orphans.map(\.outcome) == [.alreadySealed], "\(what)")
                    #expect(next.recovery.orphans.map(\.corruptPath) == [path + ".corrupt"], "\(what)")
                }
                #expect(try seen(files) == saved, "\(what)")
                #expect(next.segments.reduce(0) { $0 + $1.totals.rows } == Int64(saved.count), "\(what)")
                #expect(!files.paths.contains { $0.hasSuffix(".part") || $0.hasSuffix(".tmp") }, "\(what)")
                next.close()
                if isComplete { break }
            }
            #expect(halves > 0)
        }
    }

    /// A damaged file and its copy.
    private func both() throws -> (fixture: ArchiveFixture, path: String, copy: String) {
        for changes in 0..<Self.mostChanges {
            let (fixture, path) = try sealed()
            let files = fixture.fileSystem
            try damage(.frame, path, files)
            files.end(afterChanges: changes)
            _ = try? SegmentRepair(fileSystem: files).repair(path)
            files.kill()
            let copy = try copyPath(path)
            if files.bytes(path) != nil, files.bytes(copy) != nil { return (fixture, path, copy) }
        }
        throw CrashError.neverHalf
    }

    @Test("a copy that was damaged since counts less than the file that it was made of, and gives way to a new one")
    func damagedCopy() throws {
        let saved = try saved(.frame, sealed())
        for isStarted in [false, true] {
            let (fixture, path, copy) = try both()
            let files = fixture.fileSystem
            try damage(.frame, group: 0, copy, files)
            #expect(try ArchiveReader(path: "/a", fileSystem: files).duplicates == [copy: path])
            #expect(try seen(files) == saved)
            if isStarted {
                try fixture.open().close()
                #expect(files.bytes(copy) == nil && files.bytes(copy + ".corrupt") != nil)
                #expect(try seen(files) == saved)
            } else {
                // In the order of their names, as the command does.
                _ = try SegmentRepair(fileSystem: files).repair(copy)
                try expectOnce([], files, "the copy was repaired")
            }
            let report = try SegmentRepair(fileSystem: files).repair(path)
            #expect(report.rowsSaved == 40 && report.corruptPath == path + ".corrupt")
            #expect(try seen(files) == saved)
            #expect(try ArchiveReader(path: "/a", fileSystem: files).duplicates.isEmpty)
        }
    }

    @Test(
        "a whole file that is put back from a backup is read instead of what was saved of it",
        arguments: [false, true]
    )
    func putBack(isCompactedFirst: Bool) throws {
        let (fixture, path) = try sealed()
        let files = fixture.fileSystem
        let rows = try seen(files)
        let whole = try #require(files.bytes(path))
        try damage(.rows, path, files)
        let copy = try #require(try SegmentRepair(fileSystem: files).repair(path).repairedPath)
        #expect(try seen(files).count == rows.count - 20)
        files.put(whole, at: path)
        #expect(try ArchiveReader(path: "/a", fileSystem: files).duplicates == [copy: path])
        #expect(try seen(files) == rows)
        if isCompactedFirst { #expect(try compact(files).problems == []) }
        #expect(try seen(files) == rows)
        try fixture.open().close()
        #expect(try seen(files) == rows)
        // Beside what its original was merged into it stays, and counts for nothing.
        #expect(isCompactedFirst || files.bytes(copy) == nil)
    }

    @Test(
        "what is saved of an original beside the segment that it was merged into counts for nothing",
        arguments: 0..<3
    )
    func besideMerged(number: Int) throws {
        let (fixture, _) = try sealed()
        let files = fixture.fileSystem
        let rows = try seen(files)
        let originals = files.paths.filter { $0.hasSuffix(".parquet") }.map { ($0, files.bytes($0) ?? []) }
        #expect(try compact(files).replaced == 3)
        // As in a backup that deletes nothing.
        for (path, bytes) in originals { files.put(bytes, at: path) }
        #expect(try seen(files) == rows)
        let path = originals[number].0
        try damage(.frame, path, files)
        let copy = try #require(try SegmentRepair(fileSystem: files).repair(path).repairedPath)
        #expect(try ArchiveReader(path: "/a", fileSystem: files).duplicates[copy] != nil)
        #expect(try seen(files) == rows)
        #expect(try compact(files).problems == [])
        #expect(try seen(files) == rows)
        let next = try fixture.open()
        #expect(try seen(files) == rows)
        next.close()
    }

    @Test("an open file beside its whole sealed form is set aside, and what was saved of it before counts for nothing")
    func openTwin() throws {
        let (fixture, path) = try sealed()
        let files = fixture.fileSystem
        let rows = try seen(files)
        let whole = try #require(files.bytes(path))
        let openPath = path + ".part"
        files.put(Array(whole.dropLast(8)), at: openPath)
        let report = try SegmentRepair(fileSystem: files).repair(openPath)
        #expect(report.repairedPath == path && report.rowsSaved == 60 && report.corruptPath == openPath + ".corrupt")
        #expect(try seen(files) == rows)
        // As it was saved where the sealed one was not there yet.
        try files.remove(path)
        files.put(Array(whole.dropLast(8)), at: openPath)
        let copy = try #require(try SegmentRepair(fileSystem: files).repair(openPath).repairedPath)
        files.put(whole, at: path)
        #expect(try ArchiveReader(path: "/a", fileSystem: files).duplicates == [copy: path])
        #expect(try seen(files) == rows)
        #expect(try compact(files).problems == [])
        #expect(try seen(files) == rows)
    }

    @Test("a merged segment tells of the damaged file of which one of its own was saved")
    func mergedCopy() throws {
        let (fixture, path) = try sealed()
        let files = fixture.fileSystem
        let whole = try #require(files.bytes(path))
        try damage(.frame, path, files)
        _ = try SegmentRepair(fileSystem: files).repair(path)
        let rows = try seen(files)
        let originals = files.paths.filter { $0.hasSuffix(".parquet") }.map { ($0, files.bytes($0) ?? []) }
        #expect(try compact(files).replaced == 3)
        let merged = try #require(files.paths.first { $0.hasSuffix("-r1.parquet") })
        files.put(whole, at: path)
        #expect(try seen(files) == rows)
        // With all of which it was merged, and then damaged: they count, and it does not.
        try files.remove(path)
        for (path, bytes) in originals { files.put(bytes, at: path) }
        #expect(try seen(files) == rows)
        try damage(.end, group: 0, merged, files)
        #expect(try ArchiveReader(path: "/a", fileSystem: files).duplicates.keys.contains(merged))
        #expect(try seen(files) == rows)
    }

    @Test("an agent does not merge what is put back beside the segment that it was merged into")
    func putBackBesideMerged() throws {
        let (fixture, _) = try sealed()
        let files = fixture.fileSystem
        let rows = try seen(files)
        let originals = files.paths.filter { $0.hasSuffix(".parquet") }.map { ($0, files.bytes($0) ?? []) }
        func next() throws -> [MergePlan.Candidate]? {
            let archive = try fixture.open()
            defer { archive.close() }
            var compaction = LiveCompaction(archive)
            return compaction.next(Compaction.Policy(), nowNs: nowNs, use: { _ in .free(mark: "") })
        }
        #expect(try next()?.count == 3)
        #expect(try compact(files).replaced == 3)
        for (path, bytes) in originals { files.put(bytes, at: path) }
        #expect(try next() == nil)
        #expect(try seen(files) == rows)
    }

    @Test("where the disk keeps a start from setting it aside, the agent merges neither")
    func refused() throws {
        let (fixture, path, copy) = try both()
        let files = fixture.fileSystem
        files.fail("rename", with: EIO, times: 1_000_000)
        let archive = try fixture.open()
        files.stopFailing()
        #expect(files.bytes(path) != nil && files.bytes(copy) != nil)
        var compaction = LiveCompaction(archive)
        let group = compaction.next(Compaction.Policy(), nowNs: nowNs, use: { _ in .free(mark: "") })
        #expect(group == nil)
        archive.close()
        try fixture.open().close()
        #expect(files.bytes(path) == nil && files.bytes(copy) != nil)
    }
}
