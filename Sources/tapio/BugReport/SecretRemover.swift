import Glibc
import TapioEvents

/// Takes secrets out of texts that leave the node.
///
/// Two ways, both always: values that the configuration declares as secrets are removed wherever they stand, and so is what looks
/// like a secret: the user part of URLs, what follows `Authorization`, `token=`, `password:` and the like, JSON web tokens and
/// private keys. It would rather remove too much.
struct SecretRemover {
    /// What stands where a secret stood.
    static let mark = "<removed>"

    /// Words that make the name of a key that of a secret.
    private static let words: Set<String> = [
        "token", "tokens", "password", "passwords", "passwd", "passphrase", "secret", "secrets", "credential",
        "credentials",
        "apikey", "auth", "authorization", "headers", "cookie", "bearer", "dsn",
    ]
    /// Two words together that do.
    private static let pairs: Set<String> = [
        "api key", "access key", "private key", "secret key", "account key", "sas url",
    ]
    /// Shorter values would stand in every other word.
    private static let shortestKnown = 4

    /// Longest first: one may be a part of another.
    private var known: [[UInt8]] = []

    /// Removes a value wherever it stands from now on, also where JSON writes it otherwise.
    mutating func learn(_ secret: String) {
        let text = secret.trimmingSpaces
        var quoted: [UInt8] = []
        JSONText.append(string: text, to: &quoted)
        for form in [Array(text.utf8), Array(quoted.dropFirst().dropLast())]
        where form.count >= SecretRemover.shortestKnown && !known.contains(form) {
            known.append(form)
        }
        known.sort { $0.count > $1.count }
    }

    /// Whether a key's value is a secret, by the key's name: `export.otlp.headers`, but not `kubernetes.token_file`, whose value
    /// is the place of one.
    static func isSecret(key: String) -> Bool {
        let parts = key.lowercased().split { !$0.isLetter && !$0.isNumber }.map(String.init)
        if let last = parts.last, ["file", "path", "dir", "directory", "mode"].contains(last) { return false }
        if parts.contains(where: words.contains) { return true }
        return zip(parts, parts.dropFirst()).contains { pairs.contains("\($0) \($1)") }
    }

    /// The text without secrets.
    func clean(_ text: String) -> String {
        var bytes = Array(text.utf8)
        for secret in known { bytes = ByteSearch.replacing(secret, in: bytes, with: Array(SecretRemover.mark.utf8)) }
        var cleaned: [UInt8] = []
        cleaned.reserveCapacity(bytes.count)
        var isInKey = false
        for (position, line) in bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
            .enumerated()
        {
            if position > 0 { cleaned.append(UInt8(ascii: "\n")) }
            if isInKey {
                // The line that ends a key may hold more.
                guard let end = ByteSearch.find(SecretRemover.keyEnd, in: line) else { continue }
                isInKey = false
                cleaned += self.line(line[(end + SecretRemover.keyEnd.count)...])
                continue
            }
            cleaned += self.line(line)
            if let begin = ByteSearch.find(SecretRemover.keyBegin, in: line) {
                isInKey = ByteSearch.find(SecretRemover.keyEnd, in: line[begin...]) == nil
            }
        }
        return String(decoding: cleaned, as: UTF8.self)
    }

    private static let keyBegin = Array("PRIVATE KEY-----".utf8)
    private static let keyEnd = Array("-----END".utf8)
    /// A line that has none of these holds nothing that looks like a secret. Patterns cost a thousand times as much.
    private static let signs = [
        "://", "eyj", "private key", "token", "passw", "passphrase", "secret", "api", "access", "credential", "bearer",
        "basic", "sig", "authoriz", "cookie", "-key:",
    ].map { Array($0.utf8) }

    private func line(_ bytes: ArraySlice<UInt8>) -> [UInt8] {
        let lower = bytes.map { (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains($0) ? $0 | 0x20 : $0 }
        guard SecretRemover.signs.contains(where: { ByteSearch.find($0, in: lower[...]) != nil }) else {
            return Array(bytes)
        }
        return Array(SecretRemover.withoutPatterns(String(decoding: bytes, as: UTF8.self)).utf8)
    }

    private static func withoutPatterns(_ line: String) -> String {
        var text = line
        // A private key, as far as it is on this line.
        text = text.replacing(/-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END[A-Z ]*-----|$)/, with: mark)
        text = text.replacing(/eyJ[A-Za-z0-9_\-]{6,}\.[A-Za-z0-9_\-]+(?:\.[A-Za-z0-9_\-]*)?/, with: mark)
        text = text.replacing(/([A-Za-z][A-Za-z0-9+.\-]*:\/\/)[^\/\s"'@]*@/) { "\($0.1)\(mark)@" }
        text = text.replacing(/((?i)\b(?:bearer|basic)\s+)[A-Za-z0-9+\/=._~\-]{8,}/) { "\($0.1)\(mark)" }
        // A header's value goes on to the end of the line, or of the quotes.
        text = text.replacing(
            /((?i)\b(?:proxy-)?(?:authorization|(?:set-)?cookie|x-[a-z\-]*(?:key|token))["']?\s*:\s*["']?)[^"'\r\n]+/
        ) { "\($0.1)\(mark)" }
        let assigned =
            /((?i)\b[a-z0-9_\-]*(?:token|password|passwd|passphrase|secret|api[_\-]?key|access[_\-]?key|credential|signature|sig)s?["']?\s*[=:]\s*)("[^"]*"|'[^']*'|[^\s,;&"'}\]]+)/
        return text.replacing(assigned) { match in
            match.2.hasPrefix("\"") ? "\(match.1)\"\(mark)\"" : "\(match.1)\(mark)"
        }
    }
}

/// Looks for bytes in bytes.
private enum ByteSearch {
    /// Where `needle`, which is not empty, begins first.
    static func find(_ needle: [UInt8], in bytes: ArraySlice<UInt8>) -> Int? {
        unsafe bytes.withUnsafeBytes { text in
            guard let base = text.baseAddress else { return nil }
            var start = 0
            while start + needle.count <= text.count {
                let room = text.count - needle.count - start + 1
                guard let found = unsafe memchr(base + start, Int32(needle[0]), room) else { return nil }
                if unsafe memcmp(found, needle, needle.count) == 0 {
                    return unsafe bytes.startIndex + (UnsafeRawPointer(found) - base)
                }
                start = unsafe UnsafeRawPointer(found) - base + 1
            }
            return nil
        }
    }

    static func replacing(_ needle: [UInt8], in bytes: [UInt8], with other: [UInt8]) -> [UInt8] {
        var result: [UInt8] = []
        var rest = bytes[...]
        while let start = find(needle, in: rest) {
            result += rest[..<start]
            result += other
            rest = rest[(start + needle.count)...]
        }
        return result + rest
    }
}

extension String {
    fileprivate var trimmingSpaces: String {
        var text = self[...]
        while text.first?.isWhitespace == true { text.removeFirst() }
        while text.last?.isWhitespace == true { text.removeLast() }
        return String(text)
    }
}
