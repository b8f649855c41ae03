private import CZstd

/// Decompresses pages whose size a header announces but nobody vouches for.
enum ZstdDecompressor {
    /// The content of a frame, which must have exactly `size` bytes; zstd checks the checksum.
    static func decompress(_ frame: RawSpan, size: Int) throws(ParquetError) -> DecodedPage {
        guard size <= ReaderLimit.pageBytes else { throw ParquetError(.limit, "page of \(size) bytes") }
        // A zstd block takes at least 4 bytes and makes at most 128 KiB: more is a lie, found before it is allocated.
        guard size <= (frame.byteCount / 4 + 1) << 17 else {
            throw ParquetError(.malformed, "\(frame.byteCount) bytes cannot become \(size)")
        }
        let announced = unsafe frame.withUnsafeBytes { unsafe ZSTD_getFrameContentSize($0.baseAddress, $0.count) }
        // All but the last two numbers (unknown, error) are sizes.
        guard announced >= UInt64.max - 1 || announced == UInt64(size) else {
            throw ParquetError(.malformed, "page header says \(size) bytes, zstd frame \(announced)")
        }
        var result = 0
        let bytes = unsafe [UInt8](unsafeUninitializedCapacity: size + DecodedPage.slack) { buffer, count in
            result = unsafe frame.withUnsafeBytes { source in
                unsafe ZSTD_decompress(buffer.baseAddress, size, source.baseAddress, source.count)
            }
            let written = ZSTD_isError(result) == 0 ? result : 0
            unsafe buffer[written..<size + DecodedPage.slack].initialize(repeating: 0)
            count = size + DecodedPage.slack
        }
        guard ZSTD_isError(result) == 0 else {
            let isChecksum = ZSTD_getErrorCode(result) == ZSTD_error_checksum_wrong
            let name = unsafe String(cString: ZSTD_getErrorName(result))
            throw ParquetError(isChecksum ? .checksum : .malformed, "page doesn't decompress: \(name)")
        }
        guard result == size else {
            throw ParquetError(.malformed, "page header says \(size) bytes, the page has \(result)")
        }
        return DecodedPage(withSlack: bytes)
    }
}
