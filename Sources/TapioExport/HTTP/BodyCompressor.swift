private import CZlib
private import CZstd

/// How the body of a request is compressed.
public enum BodyCompression: String, Sendable, Hashable, CaseIterable {
    /// What every receiver of OTLP takes.
    case gzip
    /// Smaller and several times faster; the OpenTelemetry Collector and many others take it.
    case zstd
    /// Not at all.
    case none

    /// The value of `Content-Encoding`; nil: the header is left out.
    var contentEncoding: String? { self == .none ? nil : rawValue }
}

/// Compresses one body after another with a context that is kept.
///
/// Invariant of the unsafe code: each pointer is valid from init to deinit and used by the exporter that holds this object
/// alone, one call after another.
@safe
final class BodyCompressor {
    private let compression: BodyCompression
    private let zstd: OpaquePointer?
    private let stream: UnsafeMutablePointer<z_stream>?

    /// Both are fast first: bodies repeat themselves so much that more effort gains little.
    private static let zstdLevel: Int32 = 1
    private static let gzipLevel: Int32 = 1
    /// The largest window, with gzip's head and checksum instead of zlib's.
    private static let gzipWindow: Int32 = 15 + 16
    private static let gzipMemory: Int32 = 8

    init(_ compression: BodyCompression) {
        self.compression = compression
        guard compression == .zstd else {
            unsafe zstd = nil
            unsafe stream = compression == .gzip ? Self.makeStream() : nil
            return
        }
        guard let context = unsafe ZSTD_createCCtx() else { fatalError("out of memory: cannot make a zstd context") }
        unsafe ZSTD_CCtx_setParameter(context, ZSTD_c_compressionLevel, Self.zstdLevel)
        unsafe zstd = context
        unsafe stream = nil
    }

    private static func makeStream() -> UnsafeMutablePointer<z_stream> {
        let stream = UnsafeMutablePointer<z_stream>.allocate(capacity: 1)
        unsafe stream.initialize(to: z_stream())
        let code = unsafe deflateInit2_(
            stream,
            gzipLevel,
            Z_DEFLATED,
            gzipWindow,
            gzipMemory,
            Z_DEFAULT_STRATEGY,
            ZLIB_VERSION,
            Int32(MemoryLayout<z_stream>.size)
        )
        guard code == Z_OK else { fatalError("out of memory: cannot make a gzip stream") }
        return unsafe stream
    }

    deinit {
        if let zstd = unsafe zstd { unsafe ZSTD_freeCCtx(zstd) }
        if let stream = unsafe stream {
            unsafe deflateEnd(stream)
            unsafe stream.deallocate()
        }
    }

    /// The compressed bytes; up to 2 GiB of input.
    func compress(_ bytes: [UInt8]) -> [UInt8] {
        precondition(bytes.count <= Int(Int32.max), "a body of \(bytes.count) bytes is too long")
        if let zstd = unsafe zstd { return unsafe compress(bytes, zstd) }
        if let stream = unsafe stream { return unsafe compress(bytes, stream) }
        return bytes
    }

    @unsafe
    private func compress(_ bytes: [UInt8], _ context: OpaquePointer) -> [UInt8] {
        unsafe [UInt8](unsafeUninitializedCapacity: ZSTD_compressBound(bytes.count)) { buffer, count in
            count = unsafe bytes.withUnsafeBytes { source in
                unsafe ZSTD_compress2(context, buffer.baseAddress, buffer.count, source.baseAddress, source.count)
            }
            // With room for the bound, zstd can only fail for want of memory.
            guard ZSTD_isError(count) == 0 else { fatalError("zstd cannot compress \(bytes.count) bytes") }
        }
    }

    @unsafe
    private func compress(_ bytes: [UInt8], _ stream: UnsafeMutablePointer<z_stream>) -> [UInt8] {
        guard unsafe deflateReset(stream) == Z_OK else { fatalError("the gzip stream cannot begin anew") }
        let bound = unsafe Int(deflateBound(stream, UInt(bytes.count)))
        return unsafe [UInt8](unsafeUninitializedCapacity: bound) { buffer, count in
            let code = unsafe bytes.withUnsafeBytes { source in
                // zlib reads its input only, though its type says otherwise.
                unsafe stream.pointee.next_in = UnsafeMutablePointer(
                    mutating: source.bindMemory(to: UInt8.self).baseAddress
                )
                unsafe stream.pointee.avail_in = UInt32(source.count)
                unsafe stream.pointee.next_out = buffer.baseAddress
                unsafe stream.pointee.avail_out = UInt32(buffer.count)
                return unsafe deflate(stream, Z_FINISH)
            }
            // With room for the bound, one call does all.
            guard code == Z_STREAM_END else { fatalError("gzip cannot compress \(bytes.count) bytes: \(code)") }
            count = unsafe buffer.count - Int(stream.pointee.avail_out)
        }
    }
}
