/// The one door to the disk. The real one is ``PosixFileSystem``; tests put in one that fails on demand.
///
/// Every call is synchronous, may be made from any thread, and restarts itself when a signal interrupts it.
public protocol FileSystem: Sendable {
    /// Makes a new file for writing (mode 0640). Fails with EEXIST if the name is taken.
    func create(_ path: String) throws(FileError) -> any WritableFile
    /// Opens an existing regular file for reading. Never follows a symbolic link.
    func open(_ path: String) throws(FileError) -> any ReadableFile
    /// Maps a file as it is now, read-only. What is appended later is not part of the mapping.
    func map(_ path: String) throws(FileError) -> MappedFile
    /// Makes a directory (mode 0750); returns false if there is one already.
    func makeDirectory(_ path: String) throws(FileError) -> Bool
    /// Entries of a directory without `.` and `..`, sorted by name.
    func list(_ path: String) throws(FileError) -> [DirectoryEntry]
    /// Size and time of a file, or nil if there is none.
    func facts(of path: String) throws(FileError) -> FileFacts?
    /// Gives a file a new name in one step; replaces what had that name.
    func rename(_ path: String, to newPath: String) throws(FileError)
    /// Removes a file.
    func remove(_ path: String) throws(FileError)
    /// Removes a directory; returns false if something is in it.
    func removeDirectory(_ path: String) throws(FileError) -> Bool
    /// Makes the names in a directory durable.
    func syncDirectory(_ path: String) throws(FileError)
    /// Size of the file system that holds `path` and what of it is left for us.
    func space(at path: String) throws(FileError) -> FileSystemSpace
    /// Takes the lock file for this process and writes `contents` into it; the token holds the lock as long as it lives.
    func lock(_ path: String, contents: String) throws(FileError) -> FileLockOutcome
}

/// A file that is being written; closed when the last reference goes.
///
/// Two threads may use it at once as long as one of them only calls ``sync()``.
public protocol WritableFile: AnyObject, Sendable {
    /// Where it was created. Renaming doesn't change it.
    var path: String { get }
    /// One positioned write of `pieces` one after another, without their first `skipped` bytes. May write less than all.
    /// - Returns: The bytes written, at least 1 if there was something to write.
    func write(_ pieces: [FilePiece], skipping skipped: Int, at offset: Int64) throws(FileError) -> Int
    /// Makes all that was written before durable (`fdatasync`).
    func sync() throws(FileError)
}

/// A file that is being read at given places; closed when the last reference goes.
public protocol ReadableFile: AnyObject, Sendable {
    /// Where it was opened.
    var path: String { get }
    /// Its size when asked, in bytes.
    func size() throws(FileError) -> Int64
    /// Up to `count` bytes from `offset`; less only where the file ends.
    func read(at offset: Int64, count: Int) throws(FileError) -> [UInt8]
}

/// An entry of a directory.
public struct DirectoryEntry: Sendable, Hashable {
    /// Its name, without the directory's path.
    public let name: String
    /// Whether it is itself a directory. A link to one is not.
    public let isDirectory: Bool

    /// Makes an entry.
    public init(name: String, isDirectory: Bool) {
        self.name = name
        self.isDirectory = isDirectory
    }
}

/// What the directory knows about a file.
public struct FileFacts: Sendable, Hashable {
    /// Bytes.
    public let size: Int64
    /// Last change, UTC nanoseconds since 1970.
    public let modifiedNs: Int64

    /// Makes facts.
    public init(size: Int64, modifiedNs: Int64) {
        self.size = size
        self.modifiedNs = modifiedNs
    }
}

/// Room on a file system, in bytes.
public struct FileSystemSpace: Sendable, Hashable {
    /// All there is.
    public let total: Int64
    /// What an unprivileged process could still use.
    public let available: Int64

    /// Makes a value.
    public init(total: Int64, available: Int64) {
        self.total = total
        self.available = available
    }
}

/// What came of asking for a lock.
public enum FileLockOutcome: Sendable {
    /// It is ours while the token lives.
    case taken(any AnyObject & Sendable)
    /// Somebody else has it; what they wrote into the file.
    case held(contents: String)
}

extension WritableFile {
    /// Writes all of `pieces` at `offset`, with as few calls as the system allows (one, as a rule).
    /// - Parameter written: Counts the bytes that reached the file, also when the call throws.
    func writeAll(_ pieces: [FilePiece], at offset: Int64, written: inout Int) throws(FileError) {
        let total = pieces.reduce(0) { $0 + $1.count }
        written = 0
        while written < total {
            written += try write(pieces, skipping: written, at: offset + Int64(written))
        }
    }
}

extension ReadableFile {
    /// Exactly `count` bytes from `offset`, or nil where the file ends before.
    func readExactly(at offset: Int64, count: Int) throws(FileError) -> [UInt8]? {
        let bytes = try read(at: offset, count: count)
        return bytes.count == count ? bytes : nil
    }
}

extension FileSystem {
    /// Makes `path` and every directory above it that is missing.
    /// - Returns: The directories whose entries changed, to be synced before the new ones are durable.
    func makeDirectories(_ path: String) throws(FileError) -> [String] {
        if try facts(of: path) != nil { return [] }
        let parent = FilePath.directory(of: path)
        var changed: [String] = []
        if !parent.isEmpty, parent != path { changed = try makeDirectories(parent) }
        if try makeDirectory(path) { changed.append(parent.isEmpty ? "." : parent) }
        return changed
    }
}

/// The two questions that are asked about paths as text.
enum FilePath {
    /// Everything before the last slash; `/` for what stands in the root, empty for a bare name.
    static func directory(of path: String) -> String {
        guard let slash = path.utf8.lastIndex(of: UInt8(ascii: "/")) else { return "" }
        return slash == path.startIndex ? "/" : String(path[..<slash])
    }

    /// Everything behind the last slash.
    static func name(of path: String) -> String {
        guard let slash = path.utf8.lastIndex(of: UInt8(ascii: "/")) else { return path }
        return String(path[path.utf8.index(after: slash)...])
    }
}
