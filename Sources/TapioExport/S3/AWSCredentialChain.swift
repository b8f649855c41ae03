import FoundationEssentials
import TapioArchive

/// Finds credentials where AWS's own programs look for them, in this order: the environment, a web identity token (IAM roles
/// for service accounts), the shared credentials file, the container's endpoint (ECS, EKS pod identity), and where that is
/// allowed the instance's metadata service (version 2).
///
/// Those that expire are asked for anew five minutes before they do; files are read each time.
final class AWSCredentialChain {
    private let environment: [String: String]
    private let region: String
    private let usesInstance: Bool
    private let connection: ExportConnection
    private let nowSeconds: () -> Int64
    private var cached: AWSCredentials?

    /// Credentials that expire within that many seconds are not used any more.
    private static let earlySeconds: Int64 = 300
    /// These answer at once, or not at all.
    private static let limits = ExportRequest.Limits(connectMs: 3000, stallMs: 5000, totalMs: 10_000)

    init(
        environment: [String: String],
        region: String,
        usesInstance: Bool,
        connection: ExportConnection,
        nowSeconds: @escaping () -> Int64 = { SystemArchiveClock().utcNs() / 1_000_000_000 }
    ) {
        self.environment = environment
        self.region = region
        self.usesInstance = usesInstance
        self.connection = connection
        self.nowSeconds = nowSeconds
    }

    /// Does not trust what it has any more.
    func forget() { cached = nil }

    /// Credentials to sign with now.
    func current() throws(ExportFailure) -> AWSCredentials {
        if let cached, let expiresAt = cached.expiresAt, expiresAt - nowSeconds() > Self.earlySeconds { return cached }
        let found: AWSCredentials
        do throws(ExportFailure) {
            found = try find()
        } catch {
            // Those that can't be renewed yet are good until they expire.
            if let cached, let expiresAt = cached.expiresAt, expiresAt > nowSeconds() { return cached }
            cached = nil
            throw error
        }
        cached = nil
        if found.expiresAt != nil { cached = found }
        return found
    }

    private func find() throws(ExportFailure) -> AWSCredentials {
        if let found = fromEnvironment() { return found }
        if let found = try fromWebIdentity() { return found }
        if let found = try fromFile() { return found }
        if let found = try fromContainer() { return found }
        if usesInstance { return try fromInstance() }
        throw ExportFailure(
            .credentials,
            "there are no credentials for S3: neither in the environment (AWS_ACCESS_KEY_ID), nor as a web identity, nor in a shared credentials file, nor from a container's endpoint",
            remedy: "give one of them, or allow export.s3.instance_credentials"
        )
    }

    private func value(_ name: String) -> String? {
        guard let value = environment[name], !value.isEmpty else { return nil }
        return value
    }

    private func fromEnvironment() -> AWSCredentials? {
        AWSCredentials(
            accessKey: value("AWS_ACCESS_KEY_ID"),
            secretKey: value("AWS_SECRET_ACCESS_KEY"),
            sessionToken: value("AWS_SESSION_TOKEN"),
            origin: "the environment"
        )
    }

    // MARK: - Files

    private func fromFile() throws(ExportFailure) -> AWSCredentials? {
        let named = value("AWS_SHARED_CREDENTIALS_FILE")
        guard let path = named ?? value("HOME").map({ $0 + "/.aws/credentials" }) else { return nil }
        let profile = value("AWS_PROFILE") ?? "default"
        let isAskedFor = named != nil || value("AWS_PROFILE") != nil
        let text: String
        do throws(ExportFailure) {
            text = try SecretFile.contents(path, "the shared credentials file")
        } catch {
            // One that nobody named need not be there.
            guard isAskedFor else { return nil }
            throw error
        }
        if let found = AWSCredentials.profile(profile, in: text, origin: "the profile \(profile) in \(path)") {
            return found
        }
        guard isAskedFor else { return nil }
        throw ExportFailure(
            .credentials,
            "\(path) has no keys for the profile \(profile)",
            remedy: "write aws_access_key_id and aws_secret_access_key there; roles and single sign-on are not followed"
        )
    }

    // MARK: - Over HTTP

    private func fromWebIdentity() throws(ExportFailure) -> AWSCredentials? {
        guard let path = value("AWS_WEB_IDENTITY_TOKEN_FILE"), let role = value("AWS_ROLE_ARN") else { return nil }
        let token = try SecretFile.text(path, "the web identity token")
        let suffix = region.hasPrefix("cn-") ? "amazonaws.com.cn" : "amazonaws.com"
        let url = ServerURL.trimmed(
            value("AWS_ENDPOINT_URL_STS") ?? value("AWS_ENDPOINT_URL") ?? "https://sts.\(region).\(suffix)"
        )
        let form = PercentEncoding.query([
            ("Action", "AssumeRoleWithWebIdentity"), ("Version", "2011-06-15"), ("RoleArn", role),
            ("RoleSessionName", value("AWS_ROLE_SESSION_NAME") ?? "tapio"), ("WebIdentityToken", token),
        ])
        var request = ExportRequest(what: "assume the role \(role)", method: "POST", url: url + "/")
        request.headers = [("Content-Type", "application/x-www-form-urlencoded")]
        request.body = .bytes(Array(form.utf8))
        let answer = try ask(request)
        let xml = XMLText(answer.body)
        return try take(
            request,
            accessKey: xml.first("AccessKeyId"),
            secretKey: xml.first("SecretAccessKey"),
            token: xml.first("SessionToken"),
            expires: xml.first("Expiration"),
            origin: "the role \(role)"
        )
    }

    private func fromContainer() throws(ExportFailure) -> AWSCredentials? {
        let url: String
        if let relative = value("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI") {
            url = "http://169.254.170.2" + relative
        } else if let full = value("AWS_CONTAINER_CREDENTIALS_FULL_URI") {
            url = full
        } else {
            return nil
        }
        var request = ExportRequest(what: "ask for the container's credentials", method: "GET", url: url)
        request.isLocal = true
        if let path = value("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE") {
            request.headers = [("Authorization", try SecretFile.text(path, "the container's token"))]
        } else if let token = value("AWS_CONTAINER_AUTHORIZATION_TOKEN") {
            request.headers = [("Authorization", token)]
        }
        return try keys(request, origin: "the container's endpoint")
    }

    private func fromInstance() throws(ExportFailure) -> AWSCredentials {
        let base = value("AWS_EC2_METADATA_SERVICE_ENDPOINT").map(ServerURL.trimmed) ?? "http://169.254.169.254"
        var start = ExportRequest(what: "ask the instance for a token", method: "PUT", url: base + "/latest/api/token")
        start.headers = [("X-aws-ec2-metadata-token-ttl-seconds", "300")]
        start.body = .bytes([])
        start.isLocal = true
        let token = try ask(start).text.trimmingBlanks
        let path = "/latest/meta-data/iam/security-credentials/"
        var list = ExportRequest(what: "ask the instance for its role", method: "GET", url: base + path)
        list.headers = [("X-aws-ec2-metadata-token", token)]
        list.isLocal = true
        let role = try ask(list).text.split(whereSeparator: \.isNewline).first.map(\.trimmingBlanks) ?? ""
        guard !role.isEmpty else {
            throw ExportFailure(.credentials, "the instance has no role", remedy: "attach an instance profile")
        }
        var request = list
        request.what = "ask for the credentials of the instance's role"
        request.url = base + path + PercentEncoding.encode(role)
        return try keys(request, origin: "the instance's role \(role)")
    }

    private func ask(_ request: ExportRequest) throws(ExportFailure) -> ExportAnswer {
        var request = request
        request.limits = Self.limits
        let answer = try connection.send(request)
        guard answer.status == 200 else {
            let code = XMLText(answer.body).first("Code")
            var failure = answer.failure(request.what, at: request.place, detail: code ?? "")
            if (400..<500).contains(answer.status), answer.status != 429 { failure.kind = .credentials }
            throw failure
        }
        return answer
    }

    private struct Keys: Decodable {
        var accessKey: String
        var secretKey: String
        var token: String?
        var expiration: String?

        enum CodingKeys: String, CodingKey {
            case accessKey = "AccessKeyId"
            case secretKey = "SecretAccessKey"
            case token = "Token"
            case expiration = "Expiration"
        }
    }

    private func keys(_ request: ExportRequest, origin: String) throws(ExportFailure) -> AWSCredentials {
        let answer = try ask(request)
        let keys = try? JSONDecoder().decode(Keys.self, from: Data(answer.body))
        return try take(
            request,
            accessKey: keys?.accessKey,
            secretKey: keys?.secretKey,
            token: keys?.token,
            expires: keys?.expiration,
            origin: origin
        )
    }

    private func take(
        _ request: ExportRequest,
        accessKey: String?,
        secretKey: String?,
        token: String?,
        expires: String?,
        origin: String
    ) throws(ExportFailure) -> AWSCredentials {
        let found = AWSCredentials(
            accessKey: accessKey,
            secretKey: secretKey,
            sessionToken: token,
            // What does not say when it expires is asked for again in a while.
            expiresAt: expires.flatMap(Self.seconds) ?? nowSeconds() + 2 * Self.earlySeconds,
            origin: origin
        )
        guard let found else {
            throw ExportFailure(.answer, "\(request.what) at \(request.place): the answer has no keys")
        }
        return found
    }

    /// `2026-01-02T03:04:05Z`, with or without a fraction, as seconds since 1970.
    private static func seconds(_ text: String) -> Int64? {
        let whole = text.prefix { $0 != "." && $0 != "Z" && $0 != "+" } + "Z"
        return (try? Date(String(whole), strategy: .iso8601)).map { Int64($0.timeIntervalSince1970) }
    }
}
