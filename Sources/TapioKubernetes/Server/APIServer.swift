/// Which API server to ask, and as whom.
///
/// `HTTPS_PROXY`, `HTTP_PROXY` and `NO_PROXY` count as libcurl takes them.
public struct APIServer: Sendable, Equatable {
    /// How to show who asks.
    public enum Credentials: Sendable, Equatable {
        /// Not at all: for `kubectl proxy`.
        case none
        /// With the token in this file. It is read again for every request, so that a rotated one counts at once.
        case tokenFile(String)
        /// With this token.
        case token(String)
        /// With a certificate and its key: PEM files, read when a connection is made.
        case clientCertificate(certificate: String, key: String)
        /// With a certificate and its key: what is in such files.
        case clientCertificateData(certificate: [UInt8], key: [UInt8])
    }

    /// Scheme, host, port and where there is one a path; without a slash at its end.
    public let url: String
    /// PEM file of the authorities that may have signed the server's certificate; nil: those of the system.
    public let caFile: String?
    /// The same as what is in such a file; nil: ``caFile`` counts.
    public let caData: [UInt8]?
    /// As whom to ask.
    public let credentials: Credentials
    /// The namespace of the pod that we run in; nil outside of a cluster.
    public let namespace: String?

    /// Where kubelet puts a pod's own credentials.
    public static let serviceAccountDirectory = "/var/run/secrets/kubernetes.io/serviceaccount"

    /// A server by its URL.
    ///
    /// - Parameters:
    ///   - url: `https://host[:port][/path]`, or `http://…` without credentials.
    ///   - caFile: See ``caFile``.
    ///   - caData: See ``caData``.
    /// - Throws: If the URL is none, a file cannot be read, a token is none, or a secret would go over plain HTTP.
    public init(
        url: String,
        caFile: String? = nil,
        caData: [UInt8]? = nil,
        credentials: Credentials
    ) throws(KubernetesError) {
        try self.init(url: url, caFile: caFile, caData: caData, credentials: credentials, namespace: nil)
    }

    /// The server of the cluster in which this process is a pod.
    ///
    /// - Parameters:
    ///   - environment: With `KUBERNETES_SERVICE_HOST` and `KUBERNETES_SERVICE_PORT`.
    ///   - directory: With `token`, `ca.crt` and `namespace`.
    /// - Throws: If one of them is missing.
    public static func inCluster(
        environment: [String: String],
        directory: String = serviceAccountDirectory
    ) throws(KubernetesError) -> APIServer {
        let name = "KUBERNETES_SERVICE_HOST"
        guard let host = environment[name], !host.isEmpty else {
            throw KubernetesError(
                action: "find the API server",
                place: "the environment",
                reason: "\(name) is not set",
                remedy: "run as a pod, or configure the server's URL, CA and token"
            )
        }
        let port = environment["KUBERNETES_SERVICE_PORT"] ?? ""
        let shownHost = host.contains(":") ? "[\(host)]" : host
        let namespace = (try? SmallFile.read(directory + "/namespace", most: 253)).map {
            String(decoding: $0.prefix { $0 > 0x20 }, as: UTF8.self)
        }
        return try APIServer(
            url: "https://\(shownHost):\(port.isEmpty ? "443" : port)",
            caFile: directory + "/ca.crt",
            credentials: .tokenFile(directory + "/token"),
            namespace: namespace.flatMap { $0.isEmpty ? nil : $0 }
        )
    }

    private init(
        url: String,
        caFile: String?,
        caData: [UInt8]? = nil,
        credentials: Credentials,
        namespace: String?
    ) throws(KubernetesError) {
        var url = url
        while url.hasSuffix("/") { url.removeLast() }
        if let flaw = Self.flaw(inURL: url) {
            throw KubernetesError(
                action: "use the API server's URL",
                place: "'\(Self.withoutUser(url))'",
                reason: flaw,
                remedy: "give it as https://host:port"
            )
        }
        guard credentials == .none || url.hasPrefix("https://") else {
            throw KubernetesError(
                action: "use the API server's URL",
                place: "'\(Self.withoutUser(url))'",
                reason: "credentials would go over plain HTTP",
                remedy: "use https, or no credentials"
            )
        }
        self.url = url
        self.caFile = caFile
        self.caData = caData
        self.credentials = credentials
        self.namespace = namespace
        try checkFiles()
    }

    /// Finds at start what would otherwise show at the first request.
    private func checkFiles() throws(KubernetesError) {
        var files: [(what: String, path: String)] = []
        if let caFile, caData == nil { files.append(("the CA certificate", caFile)) }
        switch credentials {
        case .none, .clientCertificateData: break
        case .token(let token):
            // Never shown, not even in part.
            guard BearerToken.isPlain(token) else {
                throw KubernetesError(
                    action: "use the token",
                    place: url,
                    reason: "it is empty, or holds bytes that no token has",
                    remedy: "check where it was written"
                )
            }
        case .tokenFile(let path): _ = try BearerToken(path: path).read()
        case .clientCertificate(let certificate, let key):
            files += [("the client certificate", certificate), ("the client's key", key)]
        }
        for file in files {
            guard let reason = SmallFile.obstacle(file.path) else { continue }
            throw KubernetesError(
                action: "read \(file.what)",
                place: file.path,
                reason: reason,
                remedy: "check the path and its permissions"
            )
        }
    }

    /// The URL without what may be a password.
    private static func withoutUser(_ url: String) -> String {
        guard let end = url.lastIndex(of: "@") else { return url }
        let scheme = ["https://", "http://"].first(where: url.hasPrefix) ?? ""
        return scheme + "…" + url[end...]
    }

    /// What is wrong with a URL of an API server, or nil.
    public static func flaw(inURL url: String) -> String? {
        guard let scheme = ["https://", "http://"].first(where: url.hasPrefix) else {
            return "it begins with neither https:// nor http://"
        }
        guard url.utf8.count <= 2048, url.utf8.allSatisfy({ (0x21...0x7E).contains($0) }) else {
            return "it is too long, or holds spaces or other than ASCII"
        }
        let rest = url.dropFirst(scheme.count)
        if rest.contains(where: { "?#@\\".contains($0) }) { return "it has a query, a fragment or a user" }
        return rest.isEmpty || rest.hasPrefix("/") || rest.hasPrefix(":") ? "it has no host" : nil
    }
}
