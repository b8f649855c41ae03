private import CZstd
import TapioRings

/// Makes one zstd frame per page, with its content size and a checksum of the content; the context is reused.
///
/// Invariant: `context` is only used by the thread that owns the compressor (it is not Sendable and noncopyable).
@safe struct ZstdCompressor: ~Copyable {
    private let context: OpaquePointer

    /// Makes a compressor. `level` as in zstd; 1 is what dictionary- and bit-packed pages gain from.
    init(level: Int32) {
        guard let context = unsafe ZSTD_createCCtx() else { fatalError("out of memory: cannot make a zstd context") }
        unsafe self.context = context
        unsafe ZSTD_CCtx_setParameter(context, ZSTD_c_compressionLevel, level)
        unsafe ZSTD_CCtx_setParameter(context, ZSTD_c_checksumFlag, 1)
        unsafe ZSTD_CCtx_setParameter(context, ZSTD_c_contentSizeFlag, 1)
    }

    deinit { unsafe ZSTD_freeCCtx(context) }

    /// Replaces what is in `destination` by the frame of `source`.
    func compress(_ source: borrowing ScratchBuffer<UInt8>, into destination: inout ScratchBuffer<UInt8>) {
        destination.removeAll()
        destination.reserve(ZSTD_compressBound(source.count))
        let written = unsafe ZSTD_compress2(
            context,
            destination.base,
            destination.capacity,
            source.base,
            source.count
        )
        // With room for the bound, zstd can only fail for want of memory.
        guard ZSTD_isError(written) == 0 else { fatalError("zstd cannot compress a page of \(source.count) bytes") }
        destination.count = written
    }
}
