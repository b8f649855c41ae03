import CTapioSystem
import TapioArchive

/// The SHA-256 of what is sent: S3 compares it with what arrived.
struct Digest: Sendable, Hashable {
    /// 32 of them.
    let bytes: [UInt8]

    /// Bytes that are read at a time.
    private static let pieceBytes: Int64 = 1 << 20

    init(_ bytes: [UInt8]) {
        var state = tapio_sha256()
        unsafe tapio_sha256_begin(&state)
        Self.add(bytes, to: &state)
        self.bytes = Self.end(&state)
    }

    /// Of a part of a file.
    init(of file: any ReadableFile, offset: Int64, count: Int64) throws(ExportFailure) {
        var state = tapio_sha256()
        unsafe tapio_sha256_begin(&state)
        let body = ExportRequest.Body.file(file, offset: offset, count: count)
        var done: Int64 = 0
        while done < count {
            let piece = try body.read(at: done, count: Int(min(Self.pieceBytes, count - done)))
            Self.add(piece, to: &state)
            done += Int64(piece.count)
        }
        bytes = Self.end(&state)
    }

    private static func add(_ bytes: [UInt8], to state: inout tapio_sha256) {
        // The buffer outlives the call.
        unsafe bytes.withUnsafeBufferPointer { unsafe tapio_sha256_add(&state, $0.baseAddress, $0.count) }
    }

    private static func end(_ state: inout tapio_sha256) -> [UInt8] {
        unsafe [UInt8](unsafeUninitializedCapacity: 32) { buffer, count in
            unsafe tapio_sha256_end(&state, buffer.baseAddress)
            count = 32
        }
    }

    /// 64 digits.
    var hexadecimal: String {
        let digits = Array("0123456789abcdef".utf8)
        return String(decoding: bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
    }

    /// As S3's checksum headers have it.
    var base64: String { Base64.encode(bytes) }
}

/// Base64 with padding.
enum Base64 {
    static func encode(_ bytes: [UInt8]) -> String {
        let digits = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
        var text: [UInt8] = []
        for start in stride(from: 0, to: bytes.count, by: 3) {
            let group = bytes[start..<min(start + 3, bytes.count)]
            let number = group.reduce(0) { $0 << 8 | Int($1) } << (8 * (3 - group.count))
            for place in 0..<4 {
                text.append(place <= group.count ? digits[number >> (18 - 6 * place) & 63] : UInt8(ascii: "="))
            }
        }
        return String(decoding: text, as: UTF8.self)
    }
}
