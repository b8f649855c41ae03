private import CZstd

/// Whole texts as zstd frames, as the command `zstd` writes and reads them. Pages of an archive have a compressor of their own.
public enum ZstdFrame {
    /// One frame of these bytes, with their number and a checksum; nil where there is no memory for it.
    ///
    /// - Parameter level: As in zstd, 1 to 19.
    public static func compress(_ bytes: [UInt8], level: Int32 = 3) -> [UInt8]? {
        guard let context = unsafe ZSTD_createCCtx() else { return nil }
        defer { unsafe ZSTD_freeCCtx(context) }
        unsafe ZSTD_CCtx_setParameter(context, ZSTD_c_compressionLevel, level)
        unsafe ZSTD_CCtx_setParameter(context, ZSTD_c_checksumFlag, 1)
        let frame = unsafe [UInt8](unsafeUninitializedCapacity: ZSTD_compressBound(bytes.count)) { buffer, count in
            let written = unsafe bytes.withUnsafeBytes {
                unsafe ZSTD_compress2(context, buffer.baseAddress, buffer.count, $0.baseAddress, $0.count)
            }
            // With room for the bound, zstd can only fail for want of memory.
            count = ZSTD_isError(written) == 0 ? written : 0
        }
        return frame.isEmpty ? nil : frame
    }
}
