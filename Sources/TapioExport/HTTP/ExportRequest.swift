import TapioArchive

/// An HTTP request, and how long it may take.
struct ExportRequest {
    /// What is sent with it.
    enum Body {
        case none
        case bytes([UInt8])
        /// A part of a file.
        case file(any ReadableFile, offset: Int64, count: Int64)

        var count: Int64 {
            switch self {
            case .none: 0
            case .bytes(let bytes): Int64(bytes.count)
            case .file(_, _, let count): count
            }
        }

        /// Exactly `count` bytes from `offset` on, which are there.
        func read(at offset: Int64, count: Int) throws(ExportFailure) -> [UInt8] {
            switch self {
            case .none: return []
            case .bytes(let bytes): return Array(bytes[Int(offset)..<Int(offset) + count])
            case .file(let file, let start, _):
                let bytes = try Self.read(file, at: start + offset, count: count)
                guard bytes.count == count else { throw ExportFailure(.file, "\(file.path) is shorter than it was") }
                return bytes
            }
        }

        private static func read(
            _ file: any ReadableFile,
            at offset: Int64,
            count: Int
        ) throws(ExportFailure) -> [UInt8] {
            do throws(FileError) {
                return try file.read(at: offset, count: count)
            } catch {
                throw ExportFailure(.file, "\(error)")
            }
        }
    }

    /// Bounds of its time, milliseconds.
    struct Limits: Sendable, Hashable {
        /// To connect, TLS included.
        var connectMs = 10_000
        /// Without any byte sent or received; whole seconds, 1 at least.
        var stallMs = 30_000
        /// From beginning to end.
        var totalMs = 3_600_000
    }

    /// The keys that sign it, for AWS.
    struct Signature {
        var region: String
        var service: String
        var accessKey: String
        var secretKey: String
    }

    /// What it is for, such as "put an object"; for errors.
    var what: String
    var method: String
    var url: String
    /// In their order. Values must be free of control characters.
    var headers: [(String, String)] = []
    var body = Body.none
    var signature: Signature?
    /// PEM file of the authorities that count; nil: those of the system.
    var caFile: String?
    /// PEM files of the certificate that is shown to the server, and of its key; nil: none is.
    var clientCertificate: String?
    var clientKey: String?
    var limits = Limits()
    /// Whether it never leaves the machine, so that no proxy of the environment may see it.
    var isLocal = false

    /// The URL without its query: that may be long.
    var place: String { String(url.prefix { $0 != "?" }) }
}

/// What a server answered.
struct ExportAnswer {
    var status: Int
    /// By name in lower case; of several of one name, the last.
    var headers: [String: String] = [:]
    var body: [UInt8] = []
    /// What the server asks to wait, seconds; 0: it does not say.
    var retryAfterSeconds = 0

    /// The body as text, for an error.
    var text: String { String(decoding: body.prefix(2048), as: UTF8.self) }

    /// Takes a head apart.
    static func headers(in text: String) -> [String: String] {
        var headers: [String: String] = [:]
        for line in text.split(whereSeparator: \.isNewline) {
            guard let colon = line.firstIndex(of: ":") else { continue }
            let value = line[line.index(after: colon)...]
            headers[line[..<colon].lowercased()] = value.trimmingBlanks
        }
        return headers
    }

    /// What a status means where the body says nothing better.
    func failure(_ what: String, at place: String, detail: String? = nil) -> ExportFailure {
        let (kind, remedy): (ExportFailure.Kind, String) =
            switch status {
            case 401, 403: (.credentials, "check the credentials, and what they allow")
            case 404, 410: (.missing, "check the URL and the names in it")
            case 429, 503: (.throttled, "it is tried again")
            case 408: (.timeout, "it is tried again")
            case 500...599: (.server, "see the server's log; it is tried again")
            case 400...499: (.refused, "see the server's log")
            case 300...399: (.answer, "the server sends elsewhere: give the URL of that place")
            default: (.answer, "check that the URL is that of such a server")
            }
        let said = detail ?? text
        return ExportFailure(
            kind,
            "\(what) at \(place): HTTP \(status)" + (said.isEmpty ? "" : ": \(said)"),
            remedy: remedy,
            retryAfterSeconds: retryAfterSeconds
        )
    }
}

extension StringProtocol {
    /// Without blanks and line ends at both ends.
    var trimmingBlanks: String {
        let isBlank: (Character) -> Bool = { $0 == " " || $0 == "\t" || $0.isNewline }
        return String(self.drop(while: isBlank).reversed().drop(while: isBlank).reversed())
    }
}
