/// An S3 bucket, and how to reach it.
public struct S3Settings: Sendable, Hashable {
    /// How the bucket is named in a request.
    public enum Addressing: String, Sendable, Hashable, CaseIterable {
        /// In the path where an endpoint is given, else in the host.
        case auto
        /// `https://host/bucket/key`.
        case path
        /// `https://bucket.host/key`.
        case host
    }

    /// The bucket's name.
    public var bucket: String
    /// `https://host[:port]`; nil: AWS's own for the region.
    public var endpoint: String?
    /// nil: what AWS_REGION or AWS_DEFAULT_REGION says, else us-east-1.
    public var region: String?
    /// What stands before all keys, without slashes at its ends; empty for none.
    public var prefix = ""
    /// How the bucket is named in a request.
    public var addressing = Addressing.auto
    /// Files up to this size go in one request, larger ones in parts of it (more where there would be over 1,000 parts).
    public var partBytes: Int64 = 16 << 20
    /// PEM file of the authorities that count; nil: those of the system.
    public var caFile: String?
    /// Whether the instance's metadata service is asked for credentials where nothing else has any.
    public var usesInstanceCredentials = false
    /// How long a request may go without a byte moving, milliseconds.
    public var stallMs = 30_000

    /// The defaults for a bucket.
    public init(bucket: String) {
        self.bucket = bucket
    }

    /// What is wrong with it as far as that shows without asking anybody, a line each with the part that it is about.
    public var flaws: [(part: String, message: String)] {
        var flaws: [(String, String)] = []
        let isName = bucket.utf8.allSatisfy { byte in
            (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte)
                || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
                || "-._".utf8.contains(byte) || (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte)
        }
        if !isName || bucket.utf8.count < 3 || bucket.utf8.count > 255 {
            flaws.append(("bucket", "\"\(bucket)\" is no name of a bucket: 3..255 letters, digits, dots and hyphens"))
        }
        if let endpoint, let flaw = ServerURL.complaint(endpoint) { flaws.append(("endpoint", flaw)) }
        if prefix.hasPrefix("/") || prefix.hasSuffix("/") || prefix.contains("//") {
            flaws.append(("prefix", "\"\(prefix)\" begins or ends with a slash, or has two in a row"))
        }
        return flaws
    }

    func region(_ environment: [String: String]) -> String {
        let named = [region, environment["AWS_REGION"], environment["AWS_DEFAULT_REGION"]].compactMap { $0 }
        return named.first { !$0.isEmpty } ?? "us-east-1"
    }

    /// The bucket's URL, without a slash at its end.
    func url(region: String) -> String {
        let isByPath = addressing == .path || (addressing == .auto && endpoint != nil) || bucket.contains(".")
        let suffix = region.hasPrefix("cn-") ? "amazonaws.com.cn" : "amazonaws.com"
        let base = endpoint.map(ServerURL.trimmed) ?? "https://s3.\(region).\(suffix)"
        guard !isByPath, let host = base.startOfHost else { return "\(base)/\(bucket)" }
        return "\(base[..<host])\(bucket).\(base[host...])"
    }

    /// The key of a file that lies at `path` below the archive's root.
    func key(_ path: String) -> String { prefix.isEmpty ? path : "\(prefix)/\(path)" }
}

extension String {
    /// Where the host of a URL begins.
    fileprivate var startOfHost: Index? {
        for scheme in ["https://", "http://"] where hasPrefix(scheme) {
            return index(startIndex, offsetBy: scheme.count)
        }
        return nil
    }
}
