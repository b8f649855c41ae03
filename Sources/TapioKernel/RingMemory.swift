import Glibc

/// A BPF ring buffer mapped into this process: the consumer's page (ours to write), then the producer's page and the
/// data, the data mapped twice in a row so that a record that wraps is in one piece (kernel/bpf/ringbuf.c,
/// tools/lib/bpf/ringbuf.c).
///
/// Invariant: the pointers are valid until this object goes; `data` has 2 × `size` readable bytes; `size` is a power of
/// two. `KernelRing` keeps the object as long as itself.
@safe
final class RingMemory {
    let consumer: UnsafeMutableRawPointer
    let producer: UnsafeMutableRawPointer
    let data: UnsafeRawPointer
    /// Bytes of the ring.
    let size: Int
    private let release: () -> Void

    /// Maps the ring map behind `descriptor`, of `size` bytes.
    init(mapping descriptor: Int32, size: Int, subject: String) throws(KernelError) {
        let page = Int(getpagesize())
        let first = unsafe mmap(nil, page, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0)
        guard let first = unsafe first, unsafe first != MAP_FAILED else {
            throw KernelError(code: errno, action: "map the consumer page of", subject: subject)
        }
        let rest = unsafe mmap(nil, page + 2 * size, PROT_READ, MAP_SHARED, descriptor, page)
        guard let rest = unsafe rest, unsafe rest != MAP_FAILED else {
            let code = errno
            unsafe munmap(first, page)
            throw KernelError(code: code, action: "map the data of", subject: subject)
        }
        unsafe consumer = first
        unsafe producer = rest
        unsafe data = UnsafeRawPointer(rest + page)
        self.size = size
        release = {
            unsafe munmap(first, page)
            unsafe munmap(rest, page + 2 * size)
        }
    }

    /// A ring in ordinary memory, all zero, for tests that write what a kernel never would.
    init(zeroedWithSize size: Int) {
        precondition(size.nonzeroBitCount == 1 && size >= 16)
        let bytes = 128 + 2 * size
        let memory = UnsafeMutableRawPointer.allocate(byteCount: bytes, alignment: 64)
        unsafe memory.initializeMemory(as: UInt8.self, repeating: 0, count: bytes)
        unsafe consumer = memory
        unsafe producer = memory + 64
        unsafe data = UnsafeRawPointer(memory + 128)
        self.size = size
        release = { unsafe memory.deallocate() }
    }

    deinit {
        release()
    }
}
