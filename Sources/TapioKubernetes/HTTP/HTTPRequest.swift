/// A GET, and how long it may take.
struct HTTPRequest: Sendable {
    /// What it is for, such as "list pods"; for errors.
    var action: String
    /// Below the server's URL, without a query.
    var path: String
    var query: [(name: String, value: String)] = []
    /// For whole answers; a stream is worth more at once than small.
    var allowsCompression = false
    /// To connect, TLS included.
    var connectSeconds: Double
    /// Without any byte of an answer; nil where silence is normal.
    var stallSeconds: Double?
    /// From beginning to end.
    var totalSeconds: Double

    /// Path and query, escaped.
    var target: String {
        path + (query.isEmpty ? "" : "?")
            + query.map { "\(Self.escape($0.name))=\(Self.escape($0.value))" }.joined(separator: "&")
    }

    /// Percent-encodes all but what RFC 3986 calls unreserved.
    private static func escape(_ text: String) -> String {
        let digits = Array("0123456789ABCDEF".utf8)
        var bytes: [UInt8] = []
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"),
                UInt8(ascii: "~"):
                bytes.append(byte)
            default:
                bytes += [UInt8(ascii: "%"), digits[Int(byte >> 4)], digits[Int(byte & 15)]]
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}

/// How a GET ended.
struct HTTPOutcome: Sendable {
    enum End: Sendable, Equatable {
        /// The answer is complete, whatever its status.
        case complete
        /// Somebody ended it.
        case cancelled
        /// The receiver of the body did not want more.
        case bodyRefused
        /// There was no answer, or it broke off.
        case failed(KubernetesError)
    }

    var end: End
    /// 0 without an answer.
    var status = 0
    /// What the server asks for, in seconds; 0 without.
    var retryAfterSeconds = 0
    /// The token that was sent.
    var token: String?
}
