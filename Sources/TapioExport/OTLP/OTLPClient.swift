import FoundationEssentials

/// Posts encoded requests to one path of a receiver, and says what its answers mean.
final class OTLPClient {
    /// What a receiver made of a request.
    enum Verdict {
        /// It has it, but for so many of its items, which it will never take; why, in its own words.
        case taken(rejected: UInt64, reason: String)
        /// It will never take the request as it is.
        case refused(ExportFailure)
        /// It will never take a request that long.
        case tooLarge(ExportFailure)
    }

    /// Where it posts to.
    let url: String
    private let settings: OTLPSettings
    private let environment: [String: String]
    private let connection: ExportConnection
    private var compression: BodyCompression
    private var compressor: BodyCompressor
    /// Whether something was taken that was compressed this way.
    private var isProven = false
    private var notice: String?
    /// Bytes of the last body as it was sent.
    private(set) var sentBytes = 0

    /// A request that moves, but so slowly, hangs just as well.
    private static let longestInStalls = 20

    init(_ settings: OTLPSettings, path: String, environment: [String: String], connection: ExportConnection) {
        self.settings = settings
        self.environment = environment
        self.connection = connection
        compression = settings.compression
        compressor = BodyCompressor(settings.compression)
        url = ServerURL.trimmed(settings.endpoint) + path
    }

    /// What people should hear, once.
    func takeNotice() -> String? {
        defer { notice = nil }
        return notice
    }

    /// Posts a request. Some receivers pass over a `Content-Encoding` that they do not know, and find the body wrong: what
    /// is refused before anything was taken is posted again in a way that more of them know.
    ///
    /// - Parameter what: What it is for, for errors.
    /// - Throws: What may go better another time.
    func post(_ body: [UInt8], _ what: String) throws(ExportFailure) -> Verdict {
        let verdict = try post(body, what, compression, compressor)
        if case .taken = verdict, !body.isEmpty { isProven = true }
        guard case .refused = verdict, !isProven, !body.isEmpty, compression != .none else { return verdict }
        let simpler: BodyCompression = compression == .zstd ? .gzip : .none
        let other = BodyCompressor(simpler)
        let again = try post(body, what, simpler, other)
        guard case .taken = again else { return verdict }
        notice = "the receiver takes no \(compression): it gets \(simpler) from now on; set export.otlp.compression"
        (compression, compressor, isProven) = (simpler, other, true)
        return again
    }

    private func post(
        _ body: [UInt8],
        _ what: String,
        _ compression: BodyCompression,
        _ compressor: BodyCompressor
    ) throws(ExportFailure) -> Verdict {
        let secrets = try OTLPHeaders.read(settings, environment)
        let compressed = compressor.compress(body)
        sentBytes = compressed.count
        var headers = [("Content-Type", "application/x-protobuf")]
        if let encoding = compression.contentEncoding { headers.append(("Content-Encoding", encoding)) }
        var request = ExportRequest(
            what: what,
            method: "POST",
            url: url,
            headers: headers + secrets,
            body: .bytes(compressed),
            caFile: settings.caFile
        )
        request.clientCertificate = settings.clientCertificate
        request.clientKey = settings.clientKey
        request.limits.stallMs = settings.stallMs
        request.limits.totalMs = settings.stallMs * Self.longestInStalls
        return try verdict(try connection.send(request), what, secrets.map(\.1))
    }

    // MARK: - Answers

    private func verdict(
        _ answer: ExportAnswer,
        _ what: String,
        _ secrets: [String]
    ) throws(ExportFailure) -> Verdict {
        let type = answer.headers["content-type"] ?? ""
        if [200, 202, 204].contains(answer.status) {
            guard let (rejected, reason) = Self.partialSuccess(answer.body, type) else {
                throw ExportFailure(
                    .answer,
                    "\(what) at \(url): HTTP \(answer.status), but the answer is not that of a receiver of OTLP",
                    remedy: "check export.otlp.endpoint"
                )
            }
            return .taken(rejected: rejected, reason: Self.hide(secrets, in: reason))
        }
        let detail = Self.hide(secrets, in: Self.detail(answer, type))
        var failure = answer.failure(what, at: url, detail: detail)
        switch answer.status {
        case 400, 422: return .refused(failure)
        case 413: return .tooLarge(failure)
        case 401, 403: failure.remedy = "check what export.otlp.headers_file or headers_env give, and what it allows"
        case 404, 405, 410:
            failure.kind = .missing
            failure.remedy = "check export.otlp.endpoint: its path is followed by /v1/logs and /v1/metrics"
        case 415: failure.remedy = "check that it takes protobuf, and export.otlp.compression: gzip or none"
        case 502, 504: failure.kind = .server
        default: break
        }
        throw failure
    }

    /// What is rejected by an Export…ServiceResponse; nil where the body is none.
    static func partialSuccess(_ body: [UInt8], _ type: String) -> (UInt64, String)? {
        // Nothing to say: an empty message.
        if body.isEmpty { return (0, "") }
        if type.lowercased().contains("json") {
            guard let response = try? JSONDecoder().decode(JSONResponse.self, from: Data(body)) else { return nil }
            return (response.partialSuccess?.rejected ?? 0, response.partialSuccess?.errorMessage ?? "")
        }
        if type.lowercased().contains("text/") { return nil }
        guard let fields = ProtobufReader.fields(body) else { return nil }
        guard let value = fields[1] else { return (0, "") }
        guard case .bytes(let bytes) = value, let partial = ProtobufReader.fields(bytes) else { return nil }
        var result: (UInt64, String) = (0, "")
        if case .number(let count) = partial[1] { result.0 = Int64(bitPattern: count) < 0 ? 0 : count }
        if case .bytes(let text) = partial[2] { result.1 = String(decoding: text, as: UTF8.self) }
        return result
    }

    /// The same in JSON, which some answer with whatever they were asked in. 64-bit numbers are texts there, by rights.
    private struct JSONResponse: Decodable {
        struct Partial: Decodable {
            var errorMessage: String?
            var rejected: UInt64 = 0

            private enum Key: String, CodingKey {
                case errorMessage, rejectedLogRecords, rejectedDataPoints
            }

            init(from decoder: any Decoder) throws {
                let container = try decoder.container(keyedBy: Key.self)
                errorMessage = try container.decodeIfPresent(String.self, forKey: .errorMessage)
                for key in [Key.rejectedLogRecords, .rejectedDataPoints] {
                    if let text = try? container.decodeIfPresent(String.self, forKey: key) {
                        rejected = UInt64(text) ?? 0
                    } else if let number = try? container.decodeIfPresent(UInt64.self, forKey: key) {
                        rejected = number
                    }
                }
            }
        }

        var partialSuccess: Partial?
    }

    /// What an error says: the message of a `Status`, or text.
    private static func detail(_ answer: ExportAnswer, _ type: String) -> String {
        guard type.lowercased().contains("protobuf") else { return answer.text }
        guard case .bytes(let text) = ProtobufReader.fields(answer.body)?[2] else { return "" }
        return String(decoding: text.prefix(2048), as: UTF8.self)
    }

    /// A receiver may say again what it was told.
    static func hide(_ secrets: [String], in text: String) -> String {
        let words = secrets + secrets.flatMap { $0.split(separator: " ").map(String.init) }
        return words.filter { $0.utf8.count >= 6 }.sorted { $0.utf8.count > $1.utf8.count }
            .reduce(text) { text, word in
                var parts: [Substring] = []
                var rest = text[...]
                while let range = rest.firstRange(of: word) {
                    parts.append(rest[..<range.lowerBound])
                    rest = rest[range.upperBound...]
                }
                return parts.isEmpty ? text : (parts + [rest]).joined(separator: "…")
            }
    }
}
