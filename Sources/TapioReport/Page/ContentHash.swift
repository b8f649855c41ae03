import CTapioSystem

/// The hash by which a content security policy knows a script or a style.
enum ContentHash {
    /// `'sha256-…'` of a text.
    static func source(_ text: String) -> String {
        let bytes = Array(text.utf8)
        var state = tapio_sha256()
        unsafe tapio_sha256_begin(&state)
        // The buffer outlives the call.
        unsafe bytes.withUnsafeBufferPointer { unsafe tapio_sha256_add(&state, $0.baseAddress, $0.count) }
        let digest = unsafe [UInt8](unsafeUninitializedCapacity: 32) { buffer, count in
            unsafe tapio_sha256_end(&state, buffer.baseAddress)
            count = 32
        }
        return "'sha256-\(base64(digest))'"
    }

    private static func base64(_ bytes: [UInt8]) -> String {
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
