import Foundation
import Glibc
import TapioRings
import Testing

@testable import TapioArchive

/// A directory that is gone afterwards.
func withTemporaryDirectory<Result>(_ body: (String) throws -> Result) throws -> Result {
    let directory = FileManager.default.temporaryDirectory.appending(path: "tapio-archive-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: directory) }
    return try body(directory.path)
}

@Suite("Archive: on a real file system")
struct ArchiveOnDiskTests {
    private static func mode(_ path: String) -> mode_t {
        var status = stat()
        return stat(path, &status) == 0 ? status.st_mode & 0o777 : 0
    }

    @Test("files and directories are not for everybody, and all that was written is read back through a mapping")
    func roundTrip() throws {
        try withTemporaryDirectory { root in
            let archive = try Archive.open(root: root, options: ArchiveFixture.options)
            for number in 0..<5 { try archive.append(ArchiveFixture.batch(number, rows: 1000)) }
            #expect(archive.sync())
            let openPath = try #require(archive.openPath)
            #expect(Self.mode(openPath) & 0o027 == 0)
            #expect(Self.mode(FilePath.directory(of: openPath)) & 0o027 == 0)
            let disk = PosixFileSystem()
            #expect(try ArchiveFixture.batchesSeen(disk, root: root, scope: .sealedAndOpen) == [0, 1, 2, 3, 4])
            #expect(try ArchiveFixture.batchesSeen(disk, root: root) == [])
            archive.close()
            #expect(try ArchiveFixture.batchesSeen(disk, root: root) == [0, 1, 2, 3, 4])
            let path = String(openPath.dropLast(5))
            #expect(try SegmentVerifier().verify(path).state == .sealed)
            #expect(try ArchiveReader(path: path).segments.first?.totals.rows == 5000)
            #expect(try ArchiveReader(path: "\(root)/node=n1").segments.first?.node == "n1")
        }
    }

    @Test("a segment that was listed while open is read after it was sealed, and one that was deleted stays readable")
    func readingWhileWriting() throws {
        try withTemporaryDirectory { root in
            let archive = try Archive.open(root: root, options: ArchiveFixture.options)
            try archive.append(ArchiveFixture.batch(0))
            let listed = try #require(try ArchiveReader(path: root).segments.first)
            #expect(listed.isOpen)
            let early = try listed.open()
            try archive.append(ArchiveFixture.batch(1))
            #expect(try listed.open().rowGroups.count == 2)
            archive.close()
            let late = try listed.open()
            #expect(late.rowGroups.count == 2)
            try FileManager.default.removeItem(atPath: root)
            #expect(try early.readColumn(1, of: early.rowGroups[0]).rowCount == 3)
            #expect(try late.readColumn(1, of: late.rowGroups[1]).rowCount == 3)
        }
    }

    @Test("errors name call, path and reason; links and pipes are not followed")
    func errors() throws {
        try withTemporaryDirectory { root in
            let disk = PosixFileSystem()
            let error = #expect(throws: FileError.self) { _ = try disk.open("\(root)/none") }
            #expect(error.map { "\($0)" } == "open \(root)/none: No such file or directory (errno 2)")
            let file = try disk.create("\(root)/file")
            #expect(throws: FileError(call: "open", path: "\(root)/file", code: EEXIST)) {
                _ = try disk.create("\(root)/file")
            }
            symlink("\(root)/file", "\(root)/link")
            mkfifo("\(root)/pipe", 0o600)
            #expect(throws: FileError(call: "open", path: "\(root)/link", code: ELOOP)) {
                _ = try disk.open("\(root)/link")
            }
            #expect(throws: FileError(call: "open", path: "\(root)/pipe", code: EINVAL)) {
                _ = try disk.open("\(root)/pipe")
            }
            var written = 0
            let large = FilePiece.array(Array(repeating: 4, count: 100_000))
            try file.writeAll([.array([1, 2]), .array([]), .array([3]), large], at: 0, written: &written)
            #expect(written == 100_003)
            #expect(try disk.open("\(root)/file").read(at: 1, count: 3) == [2, 3, 4])
            #expect(try disk.open("\(root)/file").read(at: 100_002, count: .max) == [4])
            #expect(try disk.open("\(root)/file").read(at: 200_000, count: 1) == [])
            // More than one call takes.
            let many = (0..<700).map { FilePiece.array([UInt8(truncatingIfNeeded: $0)]) }
            try file.writeAll(many, at: 0, written: &written)
            #expect(try disk.open("\(root)/file").read(at: 0, count: 700) == many.flatMap(\.bytes))
            var writer = PieceWriter(ScratchMemory(pool: try BufferPool(limits: .init(small: 8, medium: 3))))
            writer.append((0..<150_000).map { UInt8(truncatingIfNeeded: $0 / 3) })
            let pieces = [FilePiece.array([9]), .encoded(writer.finish()), .encoded(.empty), .array([8, 7])]
            let whole = pieces.flatMap(\.bytes)
            for skipped in [0, 1, 2, 65_537, 65_538, 131_073, 140_000, 150_000, 150_001, 150_002] {
                let other = try disk.create("\(root)/skipped-\(skipped)")
                #expect(try other.write(pieces, skipping: skipped, at: 0) == whole.count - skipped)
                let read = try disk.open(other.path).read(at: 0, count: .max)
                #expect(read == Array(whole[skipped...]), "all but \(skipped) bytes")
            }
        }
    }

    @Test(
        "a file system of 4 MiB: written until full, goes on when there is room again, and all is read",
        .enabled(if: getuid() == 0)
    )
    func smallFileSystem() throws {
        try withTemporaryDirectory { root in
            guard mount("tmpfs", root, "tmpfs", 0, "size=4m") == 0 else { return }
            defer { umount2(root, Int32(MNT_DETACH)) }
            let clock = ManualClock()
            var options = ArchiveFixture.options
            options.clock = clock
            options.retention.minFreeShare = nil
            options.rotation.maxBytes = 1 << 20
            let ballast = "\(root)/ballast"
            _ = FileManager.default.createFile(atPath: ballast, contents: Data(count: 1 << 20))
            let archive = try Archive.open(root: root, options: options)
            var written: [Int] = []
            var failures = 0
            for number in 0..<2000 where failures < 5 {
                do throws(ArchiveWriteError) {
                    try archive.append(ArchiveFixture.batch(number, rows: 3000, randomColumn: true))
                    written.append(number)
                } catch {
                    #expect(error.reason == .noSpace)
                    failures += 1
                    clock.advance(seconds: 2)
                }
            }
            #expect(failures == 5)
            try FileManager.default.removeItem(atPath: ballast)
            clock.advance(seconds: 2)
            try archive.append(ArchiveFixture.batch(5000))
            written.append(5000)
            archive.close()
            #expect(try ArchiveFixture.batchesSeen(PosixFileSystem(), root: root).sorted() == written)
            #expect(archive.counters.rowsWritten == UInt64((written.count - 1) * 3000 + 3))
            #expect(archive.counters.rowsFailed == [.noSpace: 15000])
        }
    }

    @Test(
        "pyarrow reads sealed, recovered and repaired segments",
        .enabled(if: PythonEnvironment.isThere || PythonEnvironment.isRequired, PythonEnvironment.advice)
    )
    func otherReader() throws {
        try #require(PythonEnvironment.isThere, PythonEnvironment.advice)
        try withTemporaryDirectory { root in
            var archive: Archive? = try Archive.open(root: root, options: ArchiveFixture.options)
            for number in 0..<4 { try archive?.append(ArchiveFixture.batch(number, rows: 100)) }
            archive?.seal()
            let sealed = "\(root)/node=n1/\(try #require(archive?.segments.first).relativePath)"
            var bytes = [UInt8](try Data(contentsOf: URL(filePath: sealed)))
            let scan = try FrameScanner.scan(try PosixFileSystem().open(sealed), depth: .everything)
            bytes[Int(scan.groups[1].frameOffset) + 70] ^= 8
            let damaged = "\(root)/damaged.parquet"
            try Data(bytes).write(to: URL(filePath: damaged))
            let repaired = try #require(try SegmentRepair().repair(damaged).repairedPath)
            // An orphan with a torn end.
            try archive?.append(ArchiveFixture.batch(4, rows: 100))
            let open = try #require(archive?.openPath)
            var orphan = try Data(contentsOf: URL(filePath: open))
            orphan.append(orphan[300..<400])
            archive?.close()
            archive = nil
            try FileManager.default.removeItem(atPath: String(open.dropLast(5)))
            try orphan.write(to: URL(filePath: open))
            archive = try Archive.open(root: root, options: ArchiveFixture.options)
            #expect(archive?.recovery.rowsRecovered == 100)
            let (status, output) = try PythonEnvironment.run(
                "read_segments.py",
                ["\(sealed)=400", "\(repaired)=300", "\(open.dropLast(5))=100"]
            )
            #expect(status == 0, "\(output)")
        }
    }
}
