import Glibc

/// An open file. The descriptor is closed when the last reference goes, never before: a thread that syncs can't hit a
/// number that was given to another file meanwhile.
final class PosixFile: WritableFile, ReadableFile {
    let path: String
    private let descriptor: Int32

    init(path: String, flags: Int32, mode: mode_t = 0) throws(FileError) {
        self.path = path
        descriptor = try PosixCall.value("open", path) { unsafe Glibc.open(path, flags | O_CLOEXEC | O_NOFOLLOW, mode) }
    }

    deinit { _ = Glibc.close(descriptor) }

    func write(_ pieces: [FilePiece], skipping skipped: Int, at offset: Int64) throws(FileError) -> Int {
        let total = pieces.reduce(0) { $0 + $1.count } - skipped
        guard total > 0 else { return 0 }
        let written = try PosixCall.size("pwritev", path) {
            unsafe Self.withVectors(pieces, from: 0, skipping: skipped, gathered: []) { vectors in
                unsafe vectors.withUnsafeBufferPointer { buffer in
                    unsafe pwritev(descriptor, buffer.baseAddress, Int32(buffer.count), off_t(offset))
                }
            }
        }
        // A write that takes nothing and names no error would be tried for ever.
        guard written > 0 else { throw FileError(call: "pwritev", path: path, code: EIO) }
        return written
    }

    func sync() throws(FileError) {
        _ = try PosixCall.value("fdatasync", path) { fdatasync(descriptor) }
    }

    func size() throws(FileError) -> Int64 {
        var status = stat()
        _ = try PosixCall.value("fstat", path) { unsafe fstat(descriptor, &status) }
        return Int64(status.st_size)
    }

    /// Fails with EISDIR or EINVAL on what is not a regular file, so that no reader hangs on a pipe.
    func requireRegular() throws(FileError) {
        var status = stat()
        _ = try PosixCall.value("fstat", path) { unsafe fstat(descriptor, &status) }
        guard status.st_mode & S_IFMT == S_IFREG else {
            throw FileError(call: "open", path: path, code: status.st_mode & S_IFMT == S_IFDIR ? EISDIR : EINVAL)
        }
    }

    func read(at offset: Int64, count: Int) throws(FileError) -> [UInt8] {
        guard count > 0 else { return [] }
        // A damaged length must not make us reserve more than the file could fill.
        let wanted = Int(max(0, min(Int64(count), try size() - offset)))
        var failure: FileError?
        let bytes = unsafe [UInt8](unsafeUninitializedCapacity: wanted) { buffer, filled in
            do throws(FileError) {
                while filled < wanted {
                    let got = try PosixCall.size("pread", path) {
                        // Invariant: filled + (wanted - filled) = the buffer's capacity.
                        unsafe pread(
                            descriptor,
                            buffer.baseAddress.map { unsafe $0 + filled },
                            wanted - filled,
                            off_t(offset) + filled
                        )
                    }
                    if got == 0 { break }
                    filled += got
                }
            } catch {
                failure = error
            }
        }
        if let failure { throw failure }
        return bytes
    }

    func map() throws(FileError) -> MappedFile {
        let count = Int(try size())
        guard count > 0 else { return MappedFile(copying: []) }
        let address = unsafe mmap(nil, count, PROT_READ, MAP_SHARED, descriptor, 0)
        guard unsafe address != MAP_FAILED, let address = unsafe address else {
            throw FileError(call: "mmap", path: path, code: errno)
        }
        return unsafe MappedFile(mapping: address, count: count)
    }

    /// flock(2) without waiting; returns false if another process has it.
    func tryLock() throws(FileError) -> Bool {
        do throws(FileError) {
            _ = try PosixCall.value("flock", path) { flock(descriptor, LOCK_EX | LOCK_NB) }
            return true
        } catch  where error.code == EWOULDBLOCK {
            return false
        }
    }

    /// Replaces the contents; for the lock file only, which nobody maps.
    func replaceContents(with text: String) throws(FileError) {
        _ = try PosixCall.value("ftruncate", path) { ftruncate(descriptor, 0) }
        var written = 0
        try writeAll([.array(Array(text.utf8))], at: 0, written: &written)
    }

    /// The most parts of a call: far below IOV_MAX (1024), and a whole batch with its footer. The rest follows in the next.
    private static let mostVectors = 256

    /// Gathers the pieces into one list for pwritev while each is pinned in its place.
    @unsafe private static func withVectors(
        _ pieces: [FilePiece],
        from index: Int,
        skipping skipped: Int,
        gathered: [iovec],
        _ body: ([iovec]) -> Int
    ) -> Int {
        guard index < pieces.count, unsafe gathered.count < mostVectors else { return unsafe body(gathered) }
        let piece = pieces[index]
        guard skipped < piece.count else {
            return unsafe withVectors(
                pieces,
                from: index + 1,
                skipping: skipped - piece.count,
                gathered: gathered,
                body
            )
        }
        var vectors = unsafe gathered
        switch piece {
        case .array(let bytes):
            return unsafe bytes.withUnsafeBytes { buffer in
                unsafe vectors.append(vector(buffer, skipping: skipped))
                return unsafe withVectors(pieces, from: index + 1, skipping: 0, gathered: vectors, body)
            }
        case .encoded(let bytes):
            // Its memory stays where it is as long as `pieces` holds it.
            return withExtendedLifetime(bytes) {
                var rest = skipped
                unsafe bytes.forEachPiece { buffer in
                    if rest < buffer.count, unsafe vectors.count < mostVectors {
                        unsafe vectors.append(vector(buffer, skipping: rest))
                    }
                    rest = max(0, rest - buffer.count)
                }
                guard unsafe vectors.count < mostVectors else { return unsafe body(vectors) }
                return unsafe withVectors(pieces, from: index + 1, skipping: 0, gathered: vectors, body)
            }
        }
    }

    /// Invariant: skipped < buffer.count, so the base exists; pwritev only reads through the mutable pointer.
    @unsafe private static func vector(_ buffer: UnsafeRawBufferPointer, skipping skipped: Int) -> iovec {
        let start = unsafe UnsafeMutableRawPointer(mutating: buffer.baseAddress.unsafelyUnwrapped + skipped)
        return unsafe iovec(iov_base: start, iov_len: buffer.count - skipped)
    }
}

/// Runs a system call again while signals interrupt it, and turns -1 into a ``FileError``.
enum PosixCall {
    static func value(_ call: String, _ path: String, _ body: () -> Int32) throws(FileError) -> Int32 {
        while true {
            let result = body()
            if result >= 0 { return result }
            let code = errno
            if code != EINTR { throw FileError(call: call, path: path, code: code) }
        }
    }

    static func size(_ call: String, _ path: String, _ body: () -> Int) throws(FileError) -> Int {
        while true {
            let result = body()
            if result >= 0 { return result }
            let code = errno
            if code != EINTR { throw FileError(call: call, path: path, code: code) }
        }
    }
}
