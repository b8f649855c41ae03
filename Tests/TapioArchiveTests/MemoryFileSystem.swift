import Glibc
import Synchronization

@testable import TapioArchive

/// A disk in memory that fails on demand and can lose its power.
///
/// Directories' entries and files' bytes are durable only after their sync. A power cut keeps, of what came after, a random
/// beginning for each directory and each file.
final class MemoryFileSystem: FileSystem {
    private enum NameChange {
        case link(String, Int)
        case unlink(String)
        case rename(String, String)
        case makeDirectory(String)
        case removeDirectory(String)
    }

    private struct Names {
        var files: [String: Int] = [:]
        var directories: Set<String> = ["", "/"]

        mutating func apply(_ change: NameChange) {
            switch change {
            case .link(let path, let inode): files[path] = inode
            case .unlink(let path): files[path] = nil
            case .rename(let path, let newPath):
                files[newPath] = files[path]
                files[path] = nil
            case .makeDirectory(let path): directories.insert(path)
            case .removeDirectory(let path): directories.remove(path)
            }
        }

        mutating func dropOrphans() {
            while let lost = directories.first(where: {
                !$0.isEmpty && $0 != "/" && !directories.contains(FilePath.directory(of: $0))
            }) {
                directories.remove(lost)
            }
            files = files.filter { directories.contains(FilePath.directory(of: $0.key)) }
        }
    }

    private struct Inode {
        var bytes: [UInt8] = []
        var durable: [UInt8] = []
        var pending: [(offset: Int, bytes: [UInt8])] = []
    }

    private struct State {
        var now = Names()
        var durable = Names()
        var log: [(directory: String, change: NameChange)] = []
        var inodes: [Inode] = []
        var generation = 0
        var locks: [String: String] = [:]
        var capacity: Int?
        var failures: [(call: String, after: Int, code: Int32, times: Int)] = []
        var changesLeft: Int?
        var shortWrites: SeededGenerator?
        var calls: [String: Int] = [:]

        var used: Int { Set(now.files.values).reduce(0) { $0 + inodes[$1].bytes.count } }

        mutating func change(_ change: NameChange, in directory: String) {
            now.apply(change)
            log.append((directory, change))
        }

        /// Counts a call, and fails it if that was asked for.
        mutating func enter(_ call: String, _ path: String) throws(FileError) {
            calls[call, default: 0] += 1
            if let left = changesLeft, call != "pread", call != "statvfs" {
                guard left > 0 else { throw FileError(call: call, path: path, code: EIO) }
                changesLeft = left - 1
            }
            guard let index = failures.firstIndex(where: { $0.call == call }) else { return }
            if failures[index].after > 0 {
                failures[index].after -= 1
                return
            }
            failures[index].times -= 1
            let code = failures[index].code
            if failures[index].times <= 0 { failures.remove(at: index) }
            throw FileError(call: call, path: path, code: code)
        }

        func inode(_ path: String, _ call: String) throws(FileError) -> Int {
            guard let inode = now.files[path] else {
                throw FileError(call: call, path: path, code: now.directories.contains(path) ? EISDIR : ENOENT)
            }
            return inode
        }
    }

    private let state = Mutex(State())

    // MARK: What tests turn

    /// Bytes of all files together; nil for no limit.
    var capacity: Int? {
        get { state.withLock { $0.capacity } }
        set { state.withLock { $0.capacity = newValue } }
    }

    /// Lets `call` fail `times` times after it has succeeded `after` times.
    func fail(_ call: String, with code: Int32, after: Int = 0, times: Int = 1) {
        state.withLock { $0.failures.append((call, after, code, times)) }
    }

    /// The process ends after so many more calls that change something: none that follows changes anything, until
    /// ``kill()``.
    func end(afterChanges count: Int) { state.withLock { $0.changesLeft = count } }

    /// Whether it has made all the calls that ``end(afterChanges:)`` leaves it.
    var isEnded: Bool { state.withLock { $0.changesLeft == 0 } }

    func stopFailing() { state.withLock { $0.failures = [] } }

    /// Writes take only a random part from now on.
    func writeShort(seed: UInt64) { state.withLock { $0.shortWrites = SeededGenerator(seed: seed) } }

    func count(of call: String) -> Int { state.withLock { $0.calls[call] ?? 0 } }

    /// All files' paths.
    var paths: [String] { state.withLock { $0.now.files.keys.sorted() } }

    func bytes(_ path: String) -> [UInt8]? {
        state.withLock { state in state.now.files[path].map { state.inodes[$0].bytes } }
    }

    /// Puts a file there as if it had always been.
    func put(_ bytes: [UInt8], at path: String) {
        state.withLock { state in
            var directory = FilePath.directory(of: path)
            while !directory.isEmpty, directory != "/" {
                state.now.directories.insert(directory)
                state.durable.directories.insert(directory)
                directory = FilePath.directory(of: directory)
            }
            state.inodes.append(Inode(bytes: bytes, durable: bytes))
            state.now.files[path] = state.inodes.count - 1
            state.durable.files[path] = state.inodes.count - 1
        }
    }

    /// The process is killed: what was written stays, locks are released, open files write nothing more.
    func kill() {
        state.withLock { state in
            state.locks = [:]
            state.generation += 1
            state.failures = []
            state.changesLeft = nil
        }
    }

    /// The power is cut.
    func cutPower<Generator: RandomNumberGenerator>(using generator: inout Generator) {
        kill()
        state.withLock { state in
            var names = state.durable
            for directory in Set(state.log.map(\.directory)).sorted() {
                let changes = state.log.filter { $0.directory == directory }
                for entry in changes.prefix(Int.random(in: 0...changes.count, using: &generator)) {
                    names.apply(entry.change)
                }
            }
            names.dropOrphans()
            state.now = names
            state.durable = names
            state.log = []
            for index in state.inodes.indices {
                var bytes = state.inodes[index].durable
                let pending = state.inodes[index].pending
                for write in pending.prefix(Int.random(in: 0...pending.count, using: &generator)) {
                    Self.write(write.bytes[...], into: &bytes, at: write.offset)
                }
                if let torn = pending.randomElement(using: &generator), torn.offset <= bytes.count {
                    let part = torn.bytes.prefix(Int.random(in: 0...torn.bytes.count, using: &generator))
                    Self.write(part, into: &bytes, at: torn.offset)
                }
                state.inodes[index] = Inode(bytes: bytes, durable: bytes)
            }
        }
    }

    private static func write(_ part: ArraySlice<UInt8>, into bytes: inout [UInt8], at offset: Int) {
        if bytes.count < offset + part.count {
            bytes += [UInt8](repeating: 0, count: offset + part.count - bytes.count)
        }
        bytes.replaceSubrange(offset..<(offset + part.count), with: part)
    }

    // MARK: FileSystem

    private final class File: WritableFile, ReadableFile {
        let path: String
        let inode: Int
        let generation: Int
        let system: MemoryFileSystem

        init(path: String, inode: Int, generation: Int, system: MemoryFileSystem) {
            self.path = path
            self.inode = inode
            self.generation = generation
            self.system = system
        }

        func write(_ pieces: [FilePiece], skipping skipped: Int, at offset: Int64) throws(FileError) -> Int {
            try system.state.withLock { state throws(FileError) in
                guard state.generation == generation else { throw FileError(call: "pwritev", path: path, code: EBADF) }
                try state.enter("pwritev", path)
                var part = Array(pieces.map(\.bytes).joined())[skipped...]
                if state.shortWrites != nil {
                    part = part.prefix(Int.random(in: 1...max(1, part.count), using: &state.shortWrites!))
                }
                if let capacity = state.capacity {
                    let growth = max(0, Int(offset) + part.count - state.inodes[inode].bytes.count)
                    let room = max(0, capacity - state.used)
                    if growth > room { part = part.dropLast(growth - room) }
                    if part.isEmpty { throw FileError(call: "pwritev", path: path, code: ENOSPC) }
                }
                MemoryFileSystem.write(part, into: &state.inodes[inode].bytes, at: Int(offset))
                state.inodes[inode].pending.append((Int(offset), Array(part)))
                return part.count
            }
        }

        func sync() throws(FileError) {
            try system.state.withLock { state throws(FileError) in
                guard state.generation == generation else {
                    throw FileError(call: "fdatasync", path: path, code: EBADF)
                }
                try state.enter("fdatasync", path)
                state.inodes[inode].durable = state.inodes[inode].bytes
                state.inodes[inode].pending = []
            }
        }

        func size() throws(FileError) -> Int64 { system.state.withLock { Int64($0.inodes[inode].bytes.count) } }

        func read(at offset: Int64, count: Int) throws(FileError) -> [UInt8] {
            try system.state.withLock { state throws(FileError) in
                try state.enter("pread", path)
                return Array(state.inodes[inode].bytes.dropFirst(Int(offset)).prefix(count))
            }
        }
    }

    func create(_ path: String) throws(FileError) -> any WritableFile {
        try state.withLock { state throws(FileError) in
            try state.enter("open", path)
            guard state.now.files[path] == nil else { throw FileError(call: "open", path: path, code: EEXIST) }
            let directory = FilePath.directory(of: path)
            guard state.now.directories.contains(directory) else {
                throw FileError(call: "open", path: path, code: ENOENT)
            }
            state.inodes.append(Inode())
            let inode = state.inodes.count - 1
            state.change(.link(path, inode), in: directory)
            return File(path: path, inode: inode, generation: state.generation, system: self)
        }
    }

    func open(_ path: String) throws(FileError) -> any ReadableFile {
        try state.withLock { state throws(FileError) in
            File(path: path, inode: try state.inode(path, "open"), generation: state.generation, system: self)
        }
    }

    func map(_ path: String) throws(FileError) -> MappedFile {
        try state.withLock { state throws(FileError) in
            MappedFile(copying: state.inodes[try state.inode(path, "open")].bytes)
        }
    }

    func makeDirectory(_ path: String) throws(FileError) -> Bool {
        try state.withLock { state throws(FileError) in
            try state.enter("mkdir", path)
            guard !state.now.directories.contains(path) else { return false }
            state.change(.makeDirectory(path), in: FilePath.directory(of: path))
            return true
        }
    }

    func list(_ path: String) throws(FileError) -> [DirectoryEntry] {
        try state.withLock { state throws(FileError) in
            guard state.now.directories.contains(path) else {
                throw FileError(call: "opendir", path: path, code: state.now.files[path] == nil ? ENOENT : ENOTDIR)
            }
            let files = state.now.files.keys.filter { FilePath.directory(of: $0) == path }
            let directories = state.now.directories.filter { $0 != path && FilePath.directory(of: $0) == path }
            return
                (files.map { DirectoryEntry(name: FilePath.name(of: $0), isDirectory: false) }
                + directories.map { DirectoryEntry(name: FilePath.name(of: $0), isDirectory: true) })
                .sorted { $0.name < $1.name }
        }
    }

    func facts(of path: String) throws(FileError) -> FileFacts? {
        state.withLock { state in
            if let inode = state.now.files[path] {
                return FileFacts(size: Int64(state.inodes[inode].bytes.count), modifiedNs: 0)
            }
            return state.now.directories.contains(path) ? FileFacts(size: 0, modifiedNs: 0) : nil
        }
    }

    func rename(_ path: String, to newPath: String) throws(FileError) {
        try state.withLock { state throws(FileError) in
            try state.enter("rename", path)
            _ = try state.inode(path, "rename")
            state.change(.rename(path, newPath), in: FilePath.directory(of: path))
        }
    }

    func remove(_ path: String) throws(FileError) {
        try state.withLock { state throws(FileError) in
            try state.enter("unlink", path)
            _ = try state.inode(path, "unlink")
            state.change(.unlink(path), in: FilePath.directory(of: path))
        }
    }

    func removeDirectory(_ path: String) throws(FileError) -> Bool {
        try state.withLock { state throws(FileError) in
            try state.enter("rmdir", path)
            let isUsed =
                state.now.files.keys.contains { FilePath.directory(of: $0) == path }
                || state.now.directories.contains { $0 != path && FilePath.directory(of: $0) == path }
            if isUsed { return false }
            state.change(.removeDirectory(path), in: FilePath.directory(of: path))
            return true
        }
    }

    func syncDirectory(_ path: String) throws(FileError) {
        try state.withLock { state throws(FileError) in
            try state.enter("fsync", path)
            for entry in state.log where entry.directory == path { state.durable.apply(entry.change) }
            state.log.removeAll { $0.directory == path }
        }
    }

    func space(at path: String) throws(FileError) -> FileSystemSpace {
        try state.withLock { state throws(FileError) in
            try state.enter("statvfs", path)
            let total = state.capacity ?? 1 << 40
            return FileSystemSpace(total: Int64(total), available: Int64(max(0, total - state.used)))
        }
    }

    private final class LockToken: Sendable {
        let path: String
        let generation: Int
        let system: MemoryFileSystem

        init(path: String, generation: Int, system: MemoryFileSystem) {
            self.path = path
            self.generation = generation
            self.system = system
        }

        deinit {
            system.state.withLock { state in
                if state.generation == generation { state.locks[path] = nil }
            }
        }
    }

    func lock(_ path: String, contents: String) throws(FileError) -> FileLockOutcome {
        state.withLock { state in
            if let held = state.locks[path] { return .held(contents: held) }
            state.locks[path] = contents
            return .taken(LockToken(path: path, generation: state.generation, system: self))
        }
    }
}
