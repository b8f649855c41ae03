import Glibc

/// A file's bytes in memory, read-only, for as long as the object lives.
///
/// The archive never shortens a file, so a page that is mapped stays backed. A disk that fails under a mapping still
/// kills the process that reads it (SIGBUS): what must survive that reads through ``ReadableFile`` instead.
@safe public final class MappedFile: @unchecked Sendable {
    // Invariant: `base` points to `count` readable bytes that nobody writes until deinit gives them back. The object is
    // immutable, so it may be shared between threads.
    private let base: UnsafeRawPointer?
    /// Bytes mapped.
    public let count: Int
    private let isMapping: Bool

    /// Takes over a mapping of `count` bytes; it is unmapped in the end.
    @unsafe init(mapping base: UnsafeRawPointer?, count: Int) {
        unsafe self.base = base
        self.count = unsafe base == nil ? 0 : count
        self.isMapping = true
    }

    /// A copy of `bytes`, for what is not a file.
    public init(copying bytes: [UInt8]) {
        let memory = UnsafeMutableRawPointer.allocate(byteCount: max(bytes.count, 1), alignment: 16)
        unsafe bytes.withUnsafeBytes { source in
            if let start = source.baseAddress { unsafe memory.copyMemory(from: start, byteCount: source.count) }
        }
        unsafe self.base = UnsafeRawPointer(memory)
        self.count = bytes.count
        self.isMapping = false
    }

    deinit {
        guard let base = unsafe base else { return }
        if isMapping {
            unsafe munmap(UnsafeMutableRawPointer(mutating: base), count)
        } else {
            unsafe base.deallocate()
        }
    }

    /// Lets the kernel take the pages back that were read: they no longer count as this process's memory, and come from the
    /// file again where they are read again. Nothing for a copy.
    public func forgetPages() {
        guard isMapping, let base = unsafe base else { return }
        unsafe madvise(UnsafeMutableRawPointer(mutating: base), count, MADV_DONTNEED)
    }

    /// Calls `body` with all bytes.
    public func withBytes<Result, Failure: Error>(
        _ body: (RawSpan) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        let buffer = unsafe UnsafeRawBufferPointer(start: base, count: count)
        return try body(unsafe RawSpan(_unsafeBytes: buffer))
    }

    /// Calls `body` with the bytes of `range`, or returns nil if they are not all there.
    public func withBytes<Result, Failure: Error>(
        in range: Range<Int>,
        _ body: (RawSpan) throws(Failure) -> Result
    ) throws(Failure) -> Result? {
        guard range.lowerBound >= 0, range.upperBound <= count else { return nil }
        let buffer = unsafe UnsafeRawBufferPointer(start: base, count: count)
        return try body(unsafe RawSpan(_unsafeBytes: UnsafeRawBufferPointer(rebasing: buffer[range])))
    }
}
