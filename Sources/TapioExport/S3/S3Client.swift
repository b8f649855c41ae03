/// Requests to one bucket, signed.
final class S3Client {
    let settings: S3Settings
    let url: String
    private let region: String
    private let connection: ExportConnection
    private let credentials: AWSCredentialChain

    init(_ settings: S3Settings, environment: [String: String], connection: ExportConnection) {
        self.settings = settings
        self.connection = connection
        region = settings.region(environment)
        url = settings.url(region: region)
        credentials = AWSCredentialChain(
            environment: environment,
            region: region,
            usesInstance: settings.usesInstanceCredentials,
            connection: connection
        )
    }

    /// Does a request and gives its answer, if its status is one of `accepted`.
    func send(
        _ what: String,
        _ method: String,
        key: String,
        query: [(String, String)] = [],
        headers: [(String, String)] = [],
        body: ExportRequest.Body = .none,
        digest: Digest = Digest([]),
        accepted: Set<Int> = [200]
    ) throws(ExportFailure) -> ExportAnswer {
        let keys = try credentials.current()
        let path = PercentEncoding.encode(key, keeping: "/")
        let items = query.isEmpty ? "" : "?" + PercentEncoding.query(query)
        var request = ExportRequest(what: what, method: method, url: "\(url)/\(path)\(items)")
        // Signed as well: what arrives is what was meant, or it is refused.
        request.headers = headers + [("x-amz-content-sha256", digest.hexadecimal)]
        if let token = keys.sessionToken { request.headers.append(("x-amz-security-token", token)) }
        request.body = body
        request.signature = ExportRequest.Signature(
            region: region,
            service: "s3",
            accessKey: keys.accessKey,
            secretKey: keys.secretKey
        )
        request.caFile = settings.caFile
        request.limits.stallMs = settings.stallMs
        let answer = try connection.send(request)
        guard !accepted.contains(answer.status) else { return answer }
        throw failure(what, request.place, answer, keys)
    }

    private func failure(
        _ what: String,
        _ place: String,
        _ answer: ExportAnswer,
        _ keys: AWSCredentials
    ) -> ExportFailure {
        let xml = XMLText(answer.body)
        let code = xml.first("Code") ?? ""
        let said = [code, xml.first("Message") ?? ""].filter { !$0.isEmpty }.joined(separator: ": ")
        var failure = answer.failure(what, at: place, detail: said.isEmpty ? nil : said)
        switch code {
        case "ExpiredToken", "TokenRefreshRequired", "InvalidToken", "InvalidAccessKeyId", "InvalidClientTokenId",
            "SignatureDoesNotMatch":
            credentials.forget()
            failure.kind = .credentials
            failure.remedy = "check the \(keys), and the region (\(region))"
        case "AccessDenied":
            failure.kind = .credentials
            failure.remedy =
                "allow s3:PutObject, s3:AbortMultipartUpload and s3:ListMultipartUploadParts on the bucket to the \(keys)"
        case "RequestTimeTooSkewed":
            failure.kind = .credentials
            failure.remedy = "set this node's clock"
        case "NoSuchBucket": failure.remedy = "make the bucket \(settings.bucket), or check its name and the endpoint"
        case "SlowDown", "ServiceUnavailable": failure.kind = .throttled
        case "BadDigest", "XAmzContentSHA256Mismatch", "InvalidDigest": failure.kind = .checksum
        case "PermanentRedirect", "AuthorizationHeaderMalformed", "IllegalLocationConstraintException":
            failure.kind = .missing
            let home = answer.headers["x-amz-bucket-region"] ?? xml.first("Region")
            failure.remedy = "the bucket is in another region" + (home.map { ": set export.s3.region to \($0)" } ?? "")
        default: break
        }
        return failure
    }
}
