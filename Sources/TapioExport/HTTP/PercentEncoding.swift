/// Percent-encoding of names and values in URLs.
enum PercentEncoding {
    /// Encodes all bytes but what RFC 3986 calls unreserved and those in `kept`.
    static func encode(_ text: String, keeping kept: String = "") -> String {
        let digits = Array("0123456789ABCDEF".utf8)
        let plain = Set("-._~\(kept)".utf8)
        var bytes: [UInt8] = []
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"):
                bytes.append(byte)
            case _ where plain.contains(byte): bytes.append(byte)
            default: bytes += [UInt8(ascii: "%"), digits[Int(byte >> 4)], digits[Int(byte & 15)]]
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// What was encoded; nil where a percent sign is not followed by two digits.
    static func decode(_ text: String) -> String? {
        var bytes: [UInt8] = []
        var rest = Array(text.utf8)[...]
        while let byte = rest.popFirst() {
            guard byte == UInt8(ascii: "%") else {
                bytes.append(byte)
                continue
            }
            let digits = rest.prefix(2).map { Character(Unicode.Scalar($0)).hexDigitValue }
            guard digits.count == 2, let high = digits[0], let low = digits[1] else { return nil }
            bytes.append(UInt8(high * 16 + low))
            rest = rest.dropFirst(2)
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// `name=value&…`, in the order given.
    static func query(_ items: [(String, String)]) -> String {
        items.map { "\(encode($0.0))=\(encode($0.1))" }.joined(separator: "&")
    }
}

/// The checks of a URL that an operator gives.
enum ServerURL {
    /// What is wrong with it, or nil.
    static func flaw(_ url: String) -> String? {
        guard let scheme = ["https://", "http://"].first(where: url.hasPrefix) else {
            return "begins with neither https:// nor http://"
        }
        guard url.utf8.count <= 2048, url.utf8.allSatisfy({ (0x21...0x7E).contains($0) }) else {
            return "is too long, or holds spaces or other than ASCII"
        }
        let rest = url.dropFirst(scheme.count)
        if rest.contains(where: { "?#@\\".contains($0) }) { return "has a query, a fragment or a user" }
        return rest.isEmpty || rest.hasPrefix("/") || rest.hasPrefix(":") ? "has no host" : nil
    }

    /// The same as a line that names the URL, without what may be secret in it; nil where nothing is wrong.
    static func complaint(_ url: String) -> String? { flaw(url).map { "\"\(shown(url))\" \($0)" } }

    /// A URL without user, password, query and fragment.
    static func shown(_ url: String) -> String {
        var shown = String(url.prefix { !"?#".contains($0) })
        guard let at = shown.lastIndex(of: "@") else { return shown.count < url.count ? shown + "…" : shown }
        let start = shown.firstRange(of: "://")?.upperBound ?? shown.startIndex
        shown.replaceSubrange((start < at ? start : shown.startIndex)..<at, with: "…")
        return shown
    }

    /// Without slashes at its end.
    static func trimmed(_ url: String) -> String {
        var url = url
        while url.hasSuffix("/") { url.removeLast() }
        return url
    }
}
