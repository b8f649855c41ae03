/// Keys of AWS, or of what speaks its protocol. Never shown.
struct AWSCredentials: Sendable, Hashable, CustomStringConvertible {
    var accessKey: String
    var secretKey: String
    var sessionToken: String?
    /// UTC seconds since 1970; nil: they do not expire as far as is known.
    var expiresAt: Int64?
    /// Where they come from, for people.
    var origin: String

    /// Where they come from.
    var description: String { "credentials of \(origin)" }

    /// From one of several places' keys and values.
    init?(
        accessKey: String?,
        secretKey: String?,
        sessionToken: String?,
        expiresAt: Int64? = nil,
        origin: String
    ) {
        // Anything else could end a header's line and start another.
        func plain(_ text: String?) -> String? {
            guard let text, !text.isEmpty, text.utf8.allSatisfy({ (0x21...0x7E).contains($0) }) else { return nil }
            return text
        }
        guard let accessKey = plain(accessKey), let secretKey = plain(secretKey) else { return nil }
        self.accessKey = accessKey
        self.secretKey = secretKey
        self.sessionToken = plain(sessionToken)
        self.expiresAt = expiresAt
        self.origin = origin
    }

    /// The profile of a shared credentials file; nil where it is not there or has no keys.
    static func profile(_ name: String, in text: String, origin: String) -> AWSCredentials? {
        var values: [String: String] = [:]
        var isWanted = false
        for line in text.split(whereSeparator: \.isNewline).map(\.trimmingBlanks) {
            if line.hasPrefix("#") || line.hasPrefix(";") { continue }
            if line.hasPrefix("["), line.hasSuffix("]") {
                isWanted = line.dropFirst().dropLast().trimmingBlanks == name
            } else if isWanted, let equals = line.firstIndex(of: "=") {
                values[line[..<equals].trimmingBlanks.lowercased()] = line[line.index(after: equals)...].trimmingBlanks
            }
        }
        return AWSCredentials(
            accessKey: values["aws_access_key_id"],
            secretKey: values["aws_secret_access_key"],
            sessionToken: values["aws_session_token"],
            origin: origin
        )
    }
}
