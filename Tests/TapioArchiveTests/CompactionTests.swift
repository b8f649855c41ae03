import Glibc
import TapioTestSupport
import Testing

@testable import TapioArchive

@Suite("Compaction") struct CompactionTests {
    private let nowNs = ArchiveFixture.noonNs + 86_400 * ArchiveFixture.secondNs

    /// An archive on disk with so many small segments of an hour, closed.
    private func archive(_ segments: Int, in directory: TemporaryDirectory) throws -> [SegmentFacts] {
        var options = ArchiveFixture.options
        options.retention.minFreeShare = nil
        options.sealing = .byCaller
        let archive = try Archive.open(root: directory.path, options: options)
        for segment in 0..<segments {
            for group in 0..<3 {
                let seconds = Int64(segment * 10 + group)
                try archive.append(
                    ArchiveFixture.batch(
                        segment * 3 + group,
                        rows: 50,
                        timeNs: ArchiveFixture.noonNs + seconds * ArchiveFixture.secondNs
                    )
                )
            }
            archive.seal()
        }
        archive.close()
        return archive.segments
    }

    private func numbers(_ root: String) throws -> [Int64] { try ArchiveFixture.numbersSeen(root: root) }

    private func compaction(_ directory: TemporaryDirectory) throws -> Compaction {
        try Compaction(directory: directory.file("node=n1"), policy: Compaction.Policy())
    }

    @Test("old segments of an hour become one with all rows; the newest stays, and the agent counts on from it")
    func merges() throws {
        let directory = TemporaryDirectory()
        let before = try archive(6, in: directory)
        let rows = try numbers(directory.path)
        let compaction = try compaction(directory)
        let plan = try compaction.plan(nowNs: nowNs) { _ in .free(mark: "") }
        #expect(plan.groups.map(\.count) == [5])
        let report = compaction.run(plan, budget: CPUBudget(share: 1))
        #expect(report.problems == [])
        #expect(report.replaced == 5)
        #expect(report.written == 1)
        #expect(try numbers(directory.path) == rows)
        let after = try ArchiveReader(path: directory.path).segments
        #expect(after.count == 2)
        #expect(after.first?.name?.sequence == before.first?.name.sequence)
        #expect(!TestFile.list(directory.file("node=n1")).contains(Replacement.fileName))
        // Once more finds nothing to do.
        #expect(try compaction.plan(nowNs: nowNs) { _ in .free(mark: "") }.groups.isEmpty)
    }

    @Test("where the originals lie beside what they became, each row is there once; what is cut off does not count")
    func bothAreThere() throws {
        let directory = TemporaryDirectory()
        let before = try archive(6, in: directory)
        let rows = try numbers(directory.path)
        let paths = before.map { directory.file("node=n1/\($0.relativePath)") }
        let originals = try paths.map { try #require(TestFile.read($0)) }
        let compaction = try compaction(directory)
        let report = compaction.run(
            try compaction.plan(nowNs: nowNs) { _ in .free(mark: "") },
            budget: CPUBudget(share: 1)
        )
        #expect(report.replaced == 5)
        // As a backup that deletes nothing.
        for (path, bytes) in zip(paths, originals) { TestFile.write(path, bytes) }
        let both = try ArchiveReader(path: directory.path)
        #expect(both.segments.count == 2)
        #expect(Set(both.duplicates.keys) == Set(paths.prefix(5)))
        #expect(try numbers(directory.path) == rows)
        #expect(try compaction.plan(nowNs: nowNs) { _ in .free(mark: "") }.groups.isEmpty)

        let merged = try #require(both.segments.first?.path)
        let bytes = try #require(TestFile.read(merged))
        TestFile.write(merged, Array(bytes.dropLast(100)))
        let cut = try ArchiveReader(path: directory.path)
        #expect(Array(cut.duplicates.keys) == [merged])
        #expect(try numbers(directory.path) == rows)
    }

    @Test("a segment that was cut off is listed as damaged, however often the catalogue is written")
    func cutOff() throws {
        let directory = TemporaryDirectory()
        let before = try archive(3, in: directory)
        let path = directory.file("node=n1/\(before[1].relativePath)")
        let bytes = try #require(TestFile.read(path))
        TestFile.write(path, Array(bytes.dropLast(8)))
        for _ in 0..<2 {
            let segments = try ArchiveReader(path: directory.path).segments
            #expect(segments.filter(\.isDamaged).map(\.path) == [path])
            #expect(try ArchiveReader(path: path).segments.map(\.isDamaged) == [true])
            var options = ArchiveFixture.options
            options.retention.minFreeShare = nil
            try Archive.open(root: directory.path, options: options).close()
        }
    }

    @Test("what is young, pinned, in use or of another mark stays apart")
    func leaves() throws {
        let directory = TemporaryDirectory()
        let before = try archive(8, in: directory)
        TestFile.write("\(directory.file("node=n1"))/\(before[2].relativePath).pin", "")
        let compaction = try compaction(directory)
        func groups(_ use: (SegmentName) -> Compaction.Use) throws -> [[UInt64]] {
            try compaction.plan(nowNs: nowNs, use: use).groups.map { $0.map(\.name.sequence) }
        }
        let numbers = before.map(\.name.sequence)
        #expect(try groups { _ in .free(mark: "") } == [Array(numbers[0..<2]), Array(numbers[3..<7])])
        #expect(try groups { $0.sequence == numbers[5] ? .inUse : .free(mark: "") }.last == Array(numbers[3..<5]))
        let divided = try groups { .free(mark: $0.sequence <= numbers[4] ? "s3" : "") }
        #expect(divided == [Array(numbers[0..<2]), Array(numbers[3..<5]), Array(numbers[5..<7])])
        #expect(try compaction.plan(nowNs: ArchiveFixture.noonNs) { _ in .free(mark: "") }.groups.isEmpty)
    }

    @Test("an archive that an agent writes is not touched")
    func locked() throws {
        let directory = TemporaryDirectory()
        var options = ArchiveFixture.options
        options.retention.minFreeShare = nil
        let archive = try Archive.open(root: directory.path, options: options)
        #expect(throws: ArchiveOpenError.self) { try compaction(directory) }
        archive.close()
        _ = try compaction(directory)
    }

    @Test(
        "a crash between any two calls leaves each row once: before, after the next start, and for a reader meanwhile"
    )
    func crashes() throws {
        var crashes = 0
        for call in ["pwritev", "open", "rename", "unlink", "fdatasync", "fsync", "pread"] {
            for after in 0..<24 {
                let fixture = ArchiveFixture()
                let files = fixture.fileSystem
                var archive: Archive? = try fixture.open()
                for number in 0..<5 {
                    let timeNs = ArchiveFixture.noonNs + Int64(number) * ArchiveFixture.secondNs
                    try archive?.append(ArchiveFixture.batch(number, rows: 20, timeNs: timeNs))
                    archive?.seal()
                }
                archive?.close()
                archive = nil
                let rows = try rowNumbers(files)
                do {
                    let compaction = try Compaction(
                        directory: ArchiveFixture.directory,
                        policy: Compaction.Policy(),
                        fileSystem: files
                    )
                    let plan = try compaction.plan(nowNs: nowNs) { _ in .free(mark: "") }
                    // From here on one call fails for good, as if the process had ended there.
                    files.fail(call, with: EIO, after: after, times: 1_000_000)
                    let report = compaction.run(plan, budget: CPUBudget(share: 1))
                    if !report.problems.isEmpty { crashes += 1 }
                }
                files.stopFailing()
                files.kill()
                #expect(try rowNumbers(files) == rows, "\(call) after \(after), read at once")
                let next = try fixture.open()
                #expect(try rowNumbers(files) == rows, "\(call) after \(after), after the next start")
                #expect(!files.paths.contains { $0.hasSuffix(Replacement.fileName) || $0.hasSuffix(".tmp") })
                next.close()
            }
        }
        #expect(crashes > 12)
    }

    private func rowNumbers(_ files: MemoryFileSystem) throws -> [Int64] {
        try ArchiveFixture.numbersSeen(files, scope: .sealed)
    }

    @Test("a journal is read back as it was written, and none that was changed or leads elsewhere")
    func journal() {
        let journal = Replacement(
            new: "date=2026-03-01/hour=12/a-r1.parquet",
            old: ["date=2026-03-01/hour=12/a.parquet"]
        )
        #expect(Replacement(journal.encoded) == journal)
        for place in journal.encoded.indices {
            var bytes = journal.encoded
            bytes[place] ^= 1
            #expect(Replacement(bytes) != journal)
        }
        #expect(Replacement(Replacement(new: "date=x/../../etc", old: []).encoded) == nil)
        #expect(Replacement([]) == nil)
    }
}
