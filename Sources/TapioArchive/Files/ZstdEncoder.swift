private import CZstd

/// Makes zstd frames (RFC 8878) of bytes that are no page of a segment: one frame at a time, or one that grows. For one task.
///
/// Invariant: `context` is only used by the owner, which calls one method at a time (the class is not Sendable).
@safe public final class ZstdEncoder {
    private let context: OpaquePointer
    /// Where compressed bytes go before they are handed over.
    private var room: [UInt8]

    /// An encoder of zstd's level 1...19; others count as the nearest.
    public init(level: Int32 = 3) {
        guard let context = unsafe ZSTD_createCCtx() else { fatalError("out of memory: cannot make a zstd context") }
        unsafe self.context = context
        unsafe ZSTD_CCtx_setParameter(context, ZSTD_c_compressionLevel, min(19, max(1, level)))
        unsafe ZSTD_CCtx_setParameter(context, ZSTD_c_checksumFlag, 1)
        room = [UInt8](repeating: 0, count: ZSTD_CStreamOutSize())
    }

    deinit { unsafe ZSTD_freeCCtx(context) }

    /// One whole frame of `bytes`.
    public func frame(of bytes: [UInt8]) -> [UInt8] {
        var frame: [UInt8] = []
        append(bytes, isLast: true, to: &frame)
        return frame
    }

    /// Adds `bytes` to the frame under way and appends what of it is compressed already; with `isLast`, ends the frame.
    public func append(_ bytes: [UInt8], isLast: Bool = false, to output: inout [UInt8]) {
        let mode = isLast ? ZSTD_e_end : ZSTD_e_continue
        unsafe bytes.withUnsafeBytes { source in
            var input = unsafe ZSTD_inBuffer(src: source.baseAddress, size: source.count, pos: 0)
            while true {
                let (written, left) = unsafe room.withUnsafeMutableBytes { target in
                    var out = unsafe ZSTD_outBuffer(dst: target.baseAddress, size: target.count, pos: 0)
                    let left = unsafe ZSTD_compressStream2(context, &out, &input, mode)
                    return unsafe (out.pos, left)
                }
                // It takes what it is given and has room for: it can only fail for want of memory.
                guard ZSTD_isError(left) == 0 else { fatalError("zstd cannot compress \(bytes.count) bytes") }
                output += room[..<written]
                let isTaken = unsafe input.pos == input.size
                if isLast ? left == 0 : isTaken { return }
            }
        }
    }
}
