import CTapioSystem
import Glibc

/// A file's bytes in memory, read-only, for as long as the object lives.
///
/// The archive never shortens a file, but a copy of it may be cut short by whoever makes it, and disks fail: then what
/// is read is an error, and not the end of the process (see `tapio_mapping.h`). Within the page of the cut, zeroes are read
/// behind it: they are left to the checksums.
@safe public final class MappedFile: @unchecked Sendable {
    // Invariant: `base` points to `count` readable bytes that nobody writes until deinit gives them back. The object is
    // immutable, so it may be shared between threads. Pages of a file that cannot be read become zeroes, at any moment:
    // whoever reads takes lengths and places from the bytes once, and the guard is asked afterwards.
    private let base: UnsafeRawPointer?
    /// Bytes mapped.
    public let count: Int
    private let isMapping: Bool
    /// Of its guard; -1 for a copy, or where too many are mapped.
    private let number: Int32

    /// Takes over a mapping of `count` bytes; it is unmapped in the end.
    @unsafe init(mapping base: UnsafeMutableRawPointer, count: Int) {
        unsafe self.base = UnsafeRawPointer(base)
        self.count = count
        self.isMapping = true
        number = unsafe tapio_mapping_guard(base, count)
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
        number = -1
    }

    deinit {
        guard let base = unsafe base else { return }
        if isMapping {
            tapio_mapping_release(number)
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
    ///
    /// - Throws: what `body` throws, or `.truncated` where bytes that were read from this file, now or before, were not
    ///   there: it was cut short, or its disk failed.
    public func withBytes<Result>(
        _ body: (RawSpan) throws(ParquetError) -> Result
    ) throws(ParquetError) -> Result {
        let buffer = unsafe UnsafeRawBufferPointer(start: base, count: count)
        do throws(ParquetError) {
            let result = try body(unsafe RawSpan(_unsafeBytes: buffer))
            if !tapio_mapping_is_lost(number) { return result }
        } catch {
            if !tapio_mapping_is_lost(number) { throw error }
        }
        throw ParquetError(.truncated, "while it was read, the file was cut short or its disk failed")
    }
}
