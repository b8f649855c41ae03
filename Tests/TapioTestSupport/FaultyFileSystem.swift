import Glibc
import Synchronization
public import TapioArchive

/// The real file system, until a test lets calls fail or wait.
public final class FaultyFileSystem: FileSystem {
    private struct Faults {
        var codes: [String: Int32] = [:]
        var isHeld = false
        var held = 0
        var calls: [String: Int] = [:]
    }

    private let real = PosixFileSystem()
    private let faults = Mutex(Faults())

    /// A file system without faults.
    public init() {}

    // MARK: What tests turn

    /// Lets all of these calls fail from now on.
    public func fail(_ calls: [String], with code: Int32) {
        faults.withLock { faults in
            for call in calls { faults.codes[call] = code }
        }
    }

    /// What a full disk, one that breaks, or one that is mounted read-only refuses.
    public func failWriting(with code: Int32) {
        fail(["open", "pwritev", "mkdir", "rename", "fdatasync", "fsync"], with: code)
    }

    /// Ends all faults.
    public func stopFailing() { faults.withLock { $0.codes = [:] } }

    /// Lets writes wait, as on a disk that has stalled, until ``release()``.
    public func hold() { faults.withLock { $0.isHeld = true } }

    /// Lets the writes that wait go on.
    public func release() { faults.withLock { $0.isHeld = false } }

    /// Writes that wait just now.
    public var held: Int { faults.withLock { $0.held } }

    /// How often a call was made, failed ones included.
    public func count(of call: String) -> Int { faults.withLock { $0.calls[call] ?? 0 } }

    fileprivate func enter(_ call: String, _ path: String) throws(FileError) {
        let code = faults.withLock { faults -> Int32? in
            faults.calls[call, default: 0] += 1
            return faults.codes[call]
        }
        if let code { throw FileError(call: call, path: path, code: code) }
    }

    fileprivate func waitWhileHeld() {
        faults.withLock { $0.held += 1 }
        while faults.withLock({ $0.isHeld }) { usleep(1000) }
        faults.withLock { $0.held -= 1 }
    }

    // MARK: FileSystem

    private final class File: WritableFile {
        let file: any WritableFile
        let system: FaultyFileSystem

        init(_ file: any WritableFile, _ system: FaultyFileSystem) {
            self.file = file
            self.system = system
        }

        var path: String { file.path }

        func write(_ pieces: [FilePiece], skipping skipped: Int, at offset: Int64) throws(FileError) -> Int {
            system.waitWhileHeld()
            try system.enter("pwritev", path)
            return try file.write(pieces, skipping: skipped, at: offset)
        }

        func sync() throws(FileError) {
            try system.enter("fdatasync", path)
            try file.sync()
        }
    }

    /// As the real one, unless it was told to fail.
    public func create(_ path: String) throws(FileError) -> any WritableFile {
        try enter("open", path)
        return File(try real.create(path), self)
    }

    /// As the real one, unless it was told to fail.
    public func open(_ path: String) throws(FileError) -> any ReadableFile { try real.open(path) }

    /// As the real one, unless it was told to fail.
    public func map(_ path: String) throws(FileError) -> MappedFile { try real.map(path) }

    /// As the real one, unless it was told to fail.
    public func makeDirectory(_ path: String) throws(FileError) -> Bool {
        try enter("mkdir", path)
        return try real.makeDirectory(path)
    }

    /// As the real one, unless it was told to fail.
    public func list(_ path: String) throws(FileError) -> [DirectoryEntry] { try real.list(path) }

    /// As the real one, unless it was told to fail.
    public func facts(of path: String) throws(FileError) -> FileFacts? { try real.facts(of: path) }

    /// As the real one, unless it was told to fail.
    public func rename(_ path: String, to newPath: String) throws(FileError) {
        try enter("rename", path)
        try real.rename(path, to: newPath)
    }

    /// As the real one, unless it was told to fail.
    public func remove(_ path: String) throws(FileError) {
        try enter("unlink", path)
        try real.remove(path)
    }

    /// As the real one, unless it was told to fail.
    public func removeDirectory(_ path: String) throws(FileError) -> Bool { try real.removeDirectory(path) }

    /// As the real one, unless it was told to fail.
    public func syncDirectory(_ path: String) throws(FileError) {
        try enter("fsync", path)
        try real.syncDirectory(path)
    }

    /// As the real one, unless it was told to fail.
    public func space(at path: String) throws(FileError) -> FileSystemSpace { try real.space(at: path) }

    /// As the real one, unless it was told to fail.
    public func lock(_ path: String, contents: String) throws(FileError) -> FileLockOutcome {
        try real.lock(path, contents: contents)
    }
}
