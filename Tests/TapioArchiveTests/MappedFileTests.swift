import CTapioSystem
import Glibc
import Synchronization
import TapioRings
import Testing

@testable import TapioArchive

/// Pages that cease to be while they are read, as those of a file that is cut short or whose disk fails.
@Suite("Mapped files: the disk goes away")
struct MappedFileTests {
    private static let page = Int(getpagesize())

    /// Files of which another sum came than should have.
    private final class Wrong: Sendable {
        let numbers = Mutex<[Int]>([])
    }

    private static func write(_ path: String, pages: Int, of byte: UInt8) {
        let descriptor = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
        defer { close(descriptor) }
        let bytes = [UInt8](repeating: byte, count: pages * page)
        #expect(Glibc.write(descriptor, bytes, bytes.count) == bytes.count)
    }

    /// All bytes added up.
    private static func sum(_ file: MappedFile) throws(ParquetError) -> Int {
        try file.withBytes { (bytes: RawSpan) throws(ParquetError) in
            var sum = 0
            for place in 0..<bytes.byteCount { sum += Int(bytes.unsafeLoad(fromByteOffset: place, as: UInt8.self)) }
            return sum
        }
    }

    @Test("a file that is cut short is an error from then on, and what was mapped elsewhere stays as it is")
    func cutShort() throws {
        try withTemporaryDirectory { directory in
            let (cut, other) = (directory + "/cut", directory + "/other")
            Self.write(cut, pages: 3, of: 1)
            Self.write(other, pages: 3, of: 2)
            let disk = PosixFileSystem()
            let (file, neighbour) = (try disk.map(cut), try disk.map(other))
            #expect(try Self.sum(file) == 3 * Self.page)
            #expect(truncate(cut, off_t(Self.page)) == 0)
            for _ in 0..<2 {
                let error = #expect(throws: ParquetError.self) { try Self.sum(file) }
                #expect(error?.reason == .truncated)
                #expect("\(try #require(error))".contains("cut short"))
            }
            file.forgetPages()
            // Also of a body that reads nothing, or fails for the zeroes that it read: neither is the file's.
            #expect(throws: ParquetError(.truncated, "while it was read, the file was cut short or its disk failed")) {
                try file.withBytes { (_: RawSpan) throws(ParquetError) in throw ParquetError(.malformed, "zeroes") }
            }
            #expect(try Self.sum(neighbour) == 3 * 2 * Self.page)
        }
    }

    @Test("threads that read many files of which every second is cut short meanwhile")
    func concurrently() throws {
        try withTemporaryDirectory { directory in
            let disk = PosixFileSystem()
            let count = 64
            for round in 0..<20 {
                let files = try (0..<count).map { number in
                    Self.write("\(directory)/\(number)", pages: 4, of: UInt8(number))
                    return try disk.map("\(directory)/\(number)")
                }
                for number in stride(from: 0, to: count, by: 2) {
                    #expect(truncate("\(directory)/\(number)", off_t(round % 4 * Self.page)) == 0)
                }
                let wrong = Wrong()
                let threads = try (0..<4).map { thread in
                    try PinnedThread(name: "reader-\(thread)") {
                        for number in 0..<count {
                            let sum = try? Self.sum(files[number])
                            let expected = number % 2 == 0 ? nil : number * 4 * Self.page
                            if sum != expected { wrong.numbers.withLock { $0.append(number) } }
                        }
                    }
                }
                threads.forEach { $0.join() }
                #expect(wrong.numbers.withLock { $0 } == [])
            }
        }
    }

    @Test("files that are mapped and given back while others fail are never taken for those")
    func comingAndGoing() throws {
        try withTemporaryDirectory { directory in
            let disk = PosixFileSystem()
            Self.write(directory + "/large", pages: 64, of: 5)
            Self.write(directory + "/small", pages: 1, of: 6)
            let wrong = Wrong()
            let isOver = Atomic<Bool>(false)
            let threads = try (0..<2).map { thread in
                try PinnedThread(name: "mapping-\(thread)") {
                    while !isOver.load(ordering: .relaxed) {
                        // The places of both change with what is mapped in between.
                        for (name, sum) in [("large", 64 * 5 * Self.page), ("small", 6 * Self.page)] {
                            let file = try? disk.map("\(directory)/\(name)")
                            if file.flatMap({ try? Self.sum($0) }) != sum { wrong.numbers.withLock { $0.append(sum) } }
                        }
                    }
                }
            }
            defer {
                isOver.store(true, ordering: .relaxed)
                threads.forEach { $0.join() }
                #expect(wrong.numbers.withLock { $0 } == [])
            }
            for _ in 0..<2000 {
                Self.write(directory + "/cut", pages: 2, of: 7)
                let file = try disk.map(directory + "/cut")
                #expect(truncate(directory + "/cut", 0) == 0)
                #expect(throws: ParquetError.self) { try Self.sum(file) }
            }
        }
    }

    @Test("more files than are guarded are read as well, and a guard that is given back guards the next file")
    func bound() throws {
        try withTemporaryDirectory { directory in
            let path = directory + "/file"
            Self.write(path, pages: 2, of: 3)
            let disk = PosixFileSystem()
            for _ in 0..<3 {
                let files = try (0..<Int(TAPIO_MAPPINGS_MOST) + 10).map { _ in try disk.map(path) }
                for file in files { #expect(try Self.sum(file) == 2 * 3 * Self.page) }
            }
            let file = try disk.map(path)
            #expect(truncate(path, 0) == 0)
            #expect(throws: ParquetError.self) { try Self.sum(file) }
        }
    }

    @Test("a segment that is cut short after it was opened: an error that names the file")
    func segment() throws {
        try withTemporaryDirectory { root in
            let archive = try Archive.open(root: root, options: ArchiveFixture.options)
            for number in 0..<3 {
                try archive.append(ArchiveFixture.batch(number, rows: 5000, randomColumn: true))
            }
            archive.close()
            let listed = try #require(try ArchiveReader(path: root).segments.first)
            let opened = try listed.open()
            let last = try #require(opened.rowGroups.last)
            #expect(truncate(listed.path, off_t(Self.page)) == 0)
            let error = #expect(throws: ArchiveReadError.self) { try opened.readColumn(1, of: last) }
            let line = "\(try #require(error))"
            #expect(line.hasPrefix(listed.path) && line.contains("cut short or its disk failed"), "\(line)")
        }
    }

    @Test("a fault elsewhere, and the signal when it is sent, end the process as ever")
    func others() async {
        await #expect(processExitsWith: .signal(SIGBUS)) {
            _ = try withTemporaryDirectory { directory in
                Self.write(directory + "/ours", pages: 1, of: 1)
                let ours = try PosixFileSystem().map(directory + "/ours")
                Self.write(directory + "/theirs", pages: 1, of: 1)
                let descriptor = open(directory + "/theirs", O_RDONLY)
                let theirs = try #require(mmap(nil, Self.page, PROT_READ, MAP_SHARED, descriptor, 0))
                ftruncate(open(directory + "/theirs", O_RDWR), 0)
                return try Self.sum(ours) + Int(theirs.load(as: UInt8.self))
            }
        }
        await #expect(processExitsWith: .signal(SIGBUS)) {
            try withTemporaryDirectory { directory in
                Self.write(directory + "/ours", pages: 1, of: 1)
                _ = try Self.sum(try PosixFileSystem().map(directory + "/ours"))
                kill(getpid(), SIGBUS)
                sleep(60)
            }
        }
    }
}
