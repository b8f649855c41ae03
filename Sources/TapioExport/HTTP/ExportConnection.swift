import CCurl
import CTapioCurl

/// Connections to a server, for one request after another. All of it belongs to one exporter but ``cancel()``.
@safe
final class ExportConnection: @unchecked Sendable {
    // Unchecked: the C client may be cancelled from any thread, and the exporter that holds this object does the rest, one
    // call after another. The pointer is valid from init to deinit.
    private let client: OpaquePointer

    init() {
        guard let client = unsafe tapio_curl_create() else { fatalError("libcurl cannot start: out of memory") }
        unsafe self.client = client
    }

    deinit {
        unsafe tapio_curl_destroy(client)
    }

    /// Ends what runs, and whatever would follow. From any thread.
    func cancel() {
        unsafe tapio_curl_cancel(client)
    }

    /// Sends a request and takes the answer, whatever its status.
    func send(_ request: ExportRequest) throws(ExportFailure) -> ExportAnswer {
        let exchange = Exchange(request.body)
        return try withExtendedLifetime(exchange) { () throws(ExportFailure) in
            try configure(request, exchange)
            var result = tapio_curl_result()
            // C keeps no pointer to the exchange longer than the call.
            unsafe tapio_curl_run(
                client,
                { context, _, bytes, count in
                    guard let context = unsafe context, let bytes = unsafe bytes else { return true }
                    let exchange = unsafe Unmanaged<Exchange>.fromOpaque(context).takeUnretainedValue()
                    return unsafe exchange.take(UnsafeBufferPointer(start: bytes, count: count))
                },
                Unmanaged.passUnretained(exchange).toOpaque(),
                &result
            )
            if let failure = exchange.failure { throw failure }
            guard result.code == CURLE_OK else { throw failure(request, result) }
            return ExportAnswer(
                status: result.status,
                headers: headers(),
                body: exchange.answer,
                retryAfterSeconds: Int(clamping: result.retry_after_seconds)
            )
        }
    }

    private func configure(_ request: ExportRequest, _ exchange: Exchange) throws(ExportFailure) {
        unsafe tapio_curl_reset(client)
        func check(_ code: CURLcode) throws(ExportFailure) {
            guard code == CURLE_OK else {
                // Static text.
                let reason = unsafe String(cString: curl_easy_strerror(code))
                throw ExportFailure(.broken, "\(request.what): libcurl does not take a setting: \(reason)")
            }
        }
        func set(_ option: CURLoption, _ text: String) throws(ExportFailure) {
            try check(unsafe tapio_curl_set_text(client, option, text))
        }
        func set(_ option: CURLoption, _ number: Int) throws(ExportFailure) {
            try check(unsafe tapio_curl_set_number(client, option, number))
        }
        try set(CURLOPT_URL, request.url)
        try set(CURLOPT_USERAGENT, "tapio")
        try set(CURLOPT_HTTP_VERSION, Int(CURL_HTTP_VERSION_1_1))
        for (name, value) in request.headers {
            try check(unsafe tapio_curl_add_header(client, value.isEmpty ? "\(name);" : "\(name): \(value)"))
        }
        if let signature = request.signature {
            try set(CURLOPT_AWS_SIGV4, "aws:amz:\(signature.region):\(signature.service)")
            try set(CURLOPT_USERNAME, signature.accessKey)
            try set(CURLOPT_PASSWORD, signature.secretKey)
        }
        switch (request.method, request.body) {
        case ("GET", .none): break
        case ("HEAD", .none): try set(CURLOPT_NOBODY, 1)
        case ("DELETE", .none): try set(CURLOPT_CUSTOMREQUEST, "DELETE")
        default:
            try check(
                unsafe tapio_curl_set_body(
                    client,
                    request.method,
                    request.body.count,
                    { context, offset, bytes, room in
                        guard let context = unsafe context, let bytes = unsafe bytes else { return 0 }
                        let exchange = unsafe Unmanaged<Exchange>.fromOpaque(context).takeUnretainedValue()
                        let buffer = unsafe UnsafeMutableRawBufferPointer(start: bytes, count: room)
                        return unsafe exchange.fill(buffer, from: offset)
                    },
                    Unmanaged.passUnretained(exchange).toOpaque()
                )
            )
        }
        try set(CURLOPT_SSLVERSION, Int(CURL_SSLVERSION_TLSv1_2))
        if let caFile = request.caFile { try set(CURLOPT_CAINFO, caFile) }
        if let certificate = request.clientCertificate { try set(CURLOPT_SSLCERT, certificate) }
        if let key = request.clientKey { try set(CURLOPT_SSLKEY, key) }
        if request.isLocal { try set(CURLOPT_NOPROXY, "*") }
        let limits = request.limits
        try set(CURLOPT_CONNECTTIMEOUT_MS, limits.connectMs)
        try set(CURLOPT_TIMEOUT_MS, limits.totalMs)
        try set(CURLOPT_LOW_SPEED_LIMIT, 1)
        try set(CURLOPT_LOW_SPEED_TIME, max(1, limits.stallMs / 1000))
    }

    private func headers() -> [String: String] {
        var count = 0
        guard let head = unsafe tapio_curl_head(client, &count) else { return [:] }
        // Valid until the next call on the client; copied here.
        let bytes = unsafe UnsafeRawBufferPointer(start: head, count: count)
        return unsafe ExportAnswer.headers(in: String(decoding: bytes, as: UTF8.self))
    }

    private func failure(_ request: ExportRequest, _ result: tapio_curl_result) -> ExportFailure {
        // A copy of the C array, terminated by libcurl, and static text.
        let own = unsafe withUnsafeBytes(of: result.message) { bytes in
            unsafe String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
        }
        let reason = own.isEmpty ? unsafe String(cString: curl_easy_strerror(result.code)) : own
        let (kind, remedy) = Self.kind(result.code)
        return ExportFailure(kind, "\(request.what) at \(request.place): \(reason)", remedy: remedy)
    }

    private static func kind(_ code: CURLcode) -> (ExportFailure.Kind, String) {
        switch code {
        case CURLE_ABORTED_BY_CALLBACK: (.cancelled, "")
        case CURLE_COULDNT_RESOLVE_HOST: (.unresolved, "check the server's name and this node's DNS")
        case CURLE_COULDNT_RESOLVE_PROXY: (.unresolved, "check HTTPS_PROXY and NO_PROXY")
        case CURLE_COULDNT_CONNECT:
            (.unreachable, "check that it runs, the address, and that no network policy or firewall is in the way")
        case CURLE_OPERATION_TIMEDOUT: (.timeout, "the server or the way to it is slow: it is tried again")
        case CURLE_PEER_FAILED_VERIFICATION:
            (.tls, "check that the CA file is that of the server's certificate, and the name in the URL")
        case CURLE_SSL_CACERT_BADFILE: (.tls, "check that the CA file is readable and holds PEM certificates")
        case CURLE_SSL_CERTPROBLEM: (.tls, "check the files of the client's certificate and key")
        case CURLE_SSL_CONNECT_ERROR: (.tls, "check that the server speaks TLS 1.2 or later there")
        case CURLE_UNSUPPORTED_PROTOCOL, CURLE_WEIRD_SERVER_REPLY, CURLE_HTTP2:
            (.answer, "check that the URL is that of an HTTP server")
        default: (.broken, "it is tried again")
        }
    }
}

/// What C points to during one request.
private final class Exchange {
    let body: ExportRequest.Body
    private(set) var answer: [UInt8] = []
    private(set) var failure: ExportFailure?

    /// More of an answer is not worth reading.
    private static let mostAnswerBytes = 4 << 20

    init(_ body: ExportRequest.Body) {
        self.body = body
    }

    func take(_ bytes: UnsafeBufferPointer<UInt8>) -> Bool {
        guard answer.count + bytes.count <= Self.mostAnswerBytes else {
            failure = ExportFailure(
                .answer,
                "the answer is longer than \(Self.mostAnswerBytes) bytes",
                remedy: "check the URL"
            )
            return false
        }
        unsafe answer.append(contentsOf: bytes)
        return true
    }

    func fill(_ buffer: UnsafeMutableRawBufferPointer, from offset: Int64) -> Int {
        do throws(ExportFailure) {
            let bytes = try body.read(at: offset, count: buffer.count)
            // It is as long as the buffer at most.
            unsafe buffer.copyBytes(from: bytes.prefix(buffer.count))
            return bytes.count
        } catch {
            failure = error
            return 0
        }
    }
}
