import CCurl
import CTapioCurl

/// Connections to one API server, for one GET after another. All of it belongs to one thread but ``cancel()``.
@safe
final class HTTPConnection: @unchecked Sendable {
    // Unchecked: the C client may be cancelled from any thread, and whoever holds this object does the rest from one
    // thread (a reflector's). The pointer is valid from init to deinit.
    private let client: OpaquePointer
    let server: APIServer

    init(to server: APIServer) {
        guard let client = unsafe tapio_curl_create() else { fatalError("libcurl cannot start: out of memory") }
        unsafe self.client = client
        self.server = server
    }

    deinit {
        unsafe tapio_curl_destroy(client)
    }

    /// Ends what runs and waits, and whatever would follow. From any thread.
    func cancel() {
        unsafe tapio_curl_cancel(client)
    }

    /// Waits; false once it was cancelled.
    func wait(_ duration: Duration) -> Bool {
        let milliseconds = max(0, min(duration / .milliseconds(1), 3_600_000))
        return unsafe tapio_curl_wait(client, UInt32(milliseconds.rounded(.up)))
    }

    /// Does a GET.
    ///
    /// - Parameter body: Gets the status and the next bytes of the answer, on this thread; none when the answer's head is
    ///   complete. False ends the GET.
    func get(_ request: HTTPRequest, body: (Int, Span<UInt8>) -> Bool) -> HTTPOutcome {
        var token: String?
        do throws(KubernetesError) {
            switch server.credentials {
            case .tokenFile(let path): token = try BearerToken(path: path).read()
            case .token(let text): token = text
            case .none, .clientCertificate, .clientCertificateData: break
            }
            try configure(request, token: token)
        } catch {
            return HTTPOutcome(end: .failed(error))
        }
        var result = tapio_curl_result()
        withoutActuallyEscaping(body) { body in
            // The receiver lives until the call returns, and C keeps no pointer to it longer.
            let receiver = BodyReceiver(body)
            withExtendedLifetime(receiver) {
                unsafe tapio_curl_run(
                    client,
                    { context, status, bytes, count in
                        guard let context = unsafe context else { return false }
                        let receiver = unsafe Unmanaged<BodyReceiver>.fromOpaque(context).takeUnretainedValue()
                        guard let bytes = unsafe bytes else { return receiver.body(status, Span()) }
                        return receiver.body(status, unsafe Span(_unsafeStart: bytes, count: count))
                    },
                    Unmanaged.passUnretained(receiver).toOpaque(),
                    &result
                )
            }
        }
        return outcome(of: request, result, token: token)
    }

    private func configure(_ request: HTTPRequest, token: String?) throws(KubernetesError) {
        unsafe tapio_curl_reset(client)
        func check(_ code: CURLcode) throws(KubernetesError) {
            guard code == CURLE_OK else { throw failure(request, code: code, message: "") }
        }
        func set(_ option: CURLoption, _ text: String) throws(KubernetesError) {
            try check(unsafe tapio_curl_set_text(client, option, text))
        }
        func set(_ option: CURLoption, _ number: Int) throws(KubernetesError) {
            try check(unsafe tapio_curl_set_number(client, option, number))
        }
        func set(_ option: CURLoption, _ bytes: [UInt8]) throws(KubernetesError) {
            // They are copied before the call returns.
            try check(
                unsafe bytes.withUnsafeBytes { unsafe tapio_curl_set_bytes(client, option, $0.baseAddress, $0.count) }
            )
        }
        try set(CURLOPT_URL, server.url + request.target)
        try set(CURLOPT_USERAGENT, "tapio")
        try check(unsafe tapio_curl_add_header(client, "Accept: application/json"))
        if let token { try check(unsafe tapio_curl_add_header(client, "Authorization: Bearer \(token)")) }
        if request.allowsCompression { try set(CURLOPT_ACCEPT_ENCODING, "gzip") }
        // 1.2 is what every API server has; 1 is the least that libcurl calls a version.
        try set(CURLOPT_SSLVERSION, Int(CURL_SSLVERSION_TLSv1_2))
        if let data = server.caData {
            try set(CURLOPT_CAINFO_BLOB, data)
        } else if let caFile = server.caFile {
            try set(CURLOPT_CAINFO, caFile)
        }
        switch server.credentials {
        case .clientCertificate(let certificate, let key):
            try set(CURLOPT_SSLCERT, certificate)
            try set(CURLOPT_SSLKEY, key)
        case .clientCertificateData(let certificate, let key):
            try set(CURLOPT_SSLCERT_BLOB, certificate)
            try set(CURLOPT_SSLKEY_BLOB, key)
        case .none, .token, .tokenFile: break
        }
        try set(CURLOPT_CONNECTTIMEOUT_MS, Self.milliseconds(request.connectSeconds))
        try set(CURLOPT_TIMEOUT_MS, Self.milliseconds(request.totalSeconds))
        if let stall = request.stallSeconds {
            try set(CURLOPT_LOW_SPEED_LIMIT, 1)
            try set(CURLOPT_LOW_SPEED_TIME, max(1, Int(stall.rounded(.up))))
        }
        // A peer that vanished while the stream was silent is noticed within about a minute.
        try set(CURLOPT_TCP_KEEPALIVE, 1)
        try set(CURLOPT_TCP_KEEPIDLE, 30)
        try set(CURLOPT_TCP_KEEPINTVL, 10)
        try check(unsafe tapio_curl_set_peer_timeout(client, 30_000))
    }

    private func outcome(of request: HTTPRequest, _ result: tapio_curl_result, token: String?) -> HTTPOutcome {
        let end: HTTPOutcome.End =
            switch result.code {
            case CURLE_OK: .complete
            case CURLE_ABORTED_BY_CALLBACK: .cancelled
            case CURLE_WRITE_ERROR: .bodyRefused
            default: .failed(failure(request, code: result.code, message: Self.message(result)))
            }
        return HTTPOutcome(
            end: end,
            status: result.status,
            retryAfterSeconds: Int(clamping: result.retry_after_seconds),
            token: token
        )
    }

    /// The text of libcurl's error, of this transfer where it has one.
    private static func message(_ result: tapio_curl_result) -> String {
        // A copy of the C array, terminated by libcurl.
        unsafe withUnsafeBytes(of: result.message) { bytes in
            unsafe String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
        }
    }

    private func failure(_ request: HTTPRequest, code: CURLcode, message: String) -> KubernetesError {
        // Static text.
        let general = unsafe String(cString: curl_easy_strerror(code))
        return KubernetesError(
            action: request.action,
            place: server.url + request.path,
            reason: message.isEmpty ? general : message,
            remedy: Self.remedy(code)
        )
    }

    private static func remedy(_ code: CURLcode) -> String {
        switch code {
        case CURLE_COULDNT_RESOLVE_HOST: "check the server's name and this node's DNS"
        case CURLE_COULDNT_CONNECT: "check the address, and that no network policy or firewall is in the way"
        case CURLE_COULDNT_RESOLVE_PROXY: "check HTTPS_PROXY and NO_PROXY"
        case CURLE_PEER_FAILED_VERIFICATION: "check that the CA file is this cluster's, and the name in the URL"
        case CURLE_SSL_CACERT_BADFILE: "check that the CA file holds PEM certificates"
        case CURLE_SSL_CERTPROBLEM: "check the client certificate and its key"
        case CURLE_SSL_CONNECT_ERROR:
            "check that the server speaks TLS 1.2 or later there, and the proxy if there is one"
        case CURLE_OPERATION_TIMEDOUT: "the server or the way to it is slow: it is tried again"
        case CURLE_PARTIAL_FILE, CURLE_RECV_ERROR, CURLE_SEND_ERROR, CURLE_GOT_NOTHING, CURLE_HTTP2,
            CURLE_HTTP2_STREAM:
            "the connection broke: it is tried again"
        default: ""
        }
    }

    private static func milliseconds(_ seconds: Double) -> Int {
        Int(max(1, min(seconds * 1000, 86_400_000)))
    }
}

/// Gives C something to point to.
private final class BodyReceiver {
    let body: (Int, Span<UInt8>) -> Bool

    init(_ body: @escaping (Int, Span<UInt8>) -> Bool) {
        self.body = body
    }
}
