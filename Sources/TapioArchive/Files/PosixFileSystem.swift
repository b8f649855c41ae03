import Glibc

/// The machine's file system.
public struct PosixFileSystem: FileSystem {
    /// Makes the door; it holds nothing.
    public init() {}

    /// See ``FileSystem/create(_:)``.
    public func create(_ path: String) throws(FileError) -> any WritableFile {
        try PosixFile(path: path, flags: O_WRONLY | O_CREAT | O_EXCL, mode: 0o640)
    }

    /// See ``FileSystem/open(_:)``.
    public func open(_ path: String) throws(FileError) -> any ReadableFile { try regularFile(path) }

    /// See ``FileSystem/map(_:)``.
    public func map(_ path: String) throws(FileError) -> MappedFile { try regularFile(path).map() }

    private func regularFile(_ path: String) throws(FileError) -> PosixFile {
        // O_NONBLOCK: opening a named pipe must not wait for a writer; it changes nothing for regular files.
        let file = try PosixFile(path: path, flags: O_RDONLY | O_NONBLOCK)
        try file.requireRegular()
        return file
    }

    /// See ``FileSystem/makeDirectory(_:)``.
    public func makeDirectory(_ path: String) throws(FileError) -> Bool {
        do throws(FileError) {
            _ = try PosixCall.value("mkdir", path) { unsafe mkdir(path, 0o750) }
            return true
        } catch  where error.code == EEXIST {
            return false
        }
    }

    /// See ``FileSystem/list(_:)``.
    public func list(_ path: String) throws(FileError) -> [DirectoryEntry] {
        guard let directory = unsafe opendir(path) else { throw FileError(call: "opendir", path: path, code: errno) }
        defer { unsafe closedir(directory) }
        var entries: [DirectoryEntry] = []
        while true {
            errno = 0
            guard let entry = unsafe readdir(directory) else {
                let code = errno
                if code != 0 { throw FileError(call: "readdir", path: path, code: code) }
                break
            }
            // Invariant: d_name is terminated and valid until the next readdir on this stream; both fields are copied.
            let name = unsafe withUnsafePointer(to: &entry.pointee.d_name) {
                unsafe String(cString: UnsafeRawPointer($0).assumingMemoryBound(to: CChar.self))
            }
            if name == "." || name == ".." { continue }
            let type = unsafe Int(entry.pointee.d_type)
            let isDirectory = type == Int(DT_DIR) || (type == Int(DT_UNKNOWN) && Self.isDirectory("\(path)/\(name)"))
            entries.append(DirectoryEntry(name: name, isDirectory: isDirectory))
        }
        return entries.sorted { $0.name < $1.name }
    }

    private static func isDirectory(_ path: String) -> Bool {
        var status = stat()
        return unsafe lstat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
    }

    /// See ``FileSystem/facts(of:)``.
    public func facts(of path: String) throws(FileError) -> FileFacts? {
        var status = stat()
        do throws(FileError) {
            _ = try PosixCall.value("stat", path) { unsafe stat(path, &status) }
        } catch  where error.code == ENOENT || error.code == ENOTDIR {
            return nil
        }
        let modified = Int64(status.st_mtim.tv_sec) * 1_000_000_000 + Int64(status.st_mtim.tv_nsec)
        return FileFacts(size: Int64(status.st_size), modifiedNs: modified)
    }

    /// See ``FileSystem/rename(_:to:)``.
    public func rename(_ path: String, to newPath: String) throws(FileError) {
        _ = try PosixCall.value("rename", path) { unsafe Glibc.rename(path, newPath) }
    }

    /// See ``FileSystem/remove(_:)``.
    public func remove(_ path: String) throws(FileError) {
        _ = try PosixCall.value("unlink", path) { unsafe unlink(path) }
    }

    /// See ``FileSystem/removeDirectory(_:)``.
    public func removeDirectory(_ path: String) throws(FileError) -> Bool {
        do throws(FileError) {
            _ = try PosixCall.value("rmdir", path) { unsafe rmdir(path) }
            return true
        } catch  where error.code == ENOTEMPTY || error.code == EEXIST {
            return false
        }
    }

    /// See ``FileSystem/syncDirectory(_:)``.
    public func syncDirectory(_ path: String) throws(FileError) {
        let descriptor = try PosixCall.value("open", path) {
            unsafe Glibc.open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        }
        defer { _ = Glibc.close(descriptor) }
        _ = try PosixCall.value("fsync", path) { fsync(descriptor) }
    }

    /// See ``FileSystem/space(at:)``.
    public func space(at path: String) throws(FileError) -> FileSystemSpace {
        var status = statvfs()
        _ = try PosixCall.value("statvfs", path) { unsafe statvfs(path, &status) }
        let block = Int64(status.f_frsize)
        return FileSystemSpace(total: Int64(status.f_blocks) * block, available: Int64(status.f_bavail) * block)
    }

    /// See ``FileSystem/lock(_:contents:)``.
    public func lock(_ path: String, contents: String) throws(FileError) -> FileLockOutcome {
        let file = try PosixFile(path: path, flags: O_RDWR | O_CREAT, mode: 0o640)
        guard try file.tryLock() else {
            return .held(contents: String(decoding: try file.read(at: 0, count: 64), as: UTF8.self))
        }
        try file.replaceContents(with: contents)
        return .taken(file)
    }
}
