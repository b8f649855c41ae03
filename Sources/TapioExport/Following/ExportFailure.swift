/// Why something could not be sent: what was tried, where, why, and what to do. One line, without secrets.
public struct ExportFailure: Error, Sendable, Hashable, CustomStringConvertible {
    /// Under which word it is counted.
    public enum Kind: String, Sendable, Hashable, CaseIterable {
        /// The server's name is not known.
        case unresolved
        /// Nobody listens there, or nothing gets there.
        case unreachable
        /// The server's certificate is not accepted, or TLS fails otherwise.
        case tls
        /// No byte moved for too long, or all of it took too long.
        case timeout
        /// The connection broke off.
        case broken
        /// Who we are, or what we may do, is not accepted.
        case credentials
        /// The bucket, table or path does not exist there.
        case missing
        /// The server asks to come more slowly (429, 503).
        case throttled
        /// The server failed (5xx).
        case server
        /// The server says that what was sent is wrong.
        case refused
        /// The answer is not what such a server says.
        case answer
        /// What arrived is not what was sent.
        case checksum
        /// A file here cannot be read or written.
        case file
        /// The segment is not there any more.
        case gone
        /// The agent stops, or the configuration has changed.
        case cancelled
    }

    /// Under which word it is counted.
    public var kind: Kind
    /// What was tried, where and why it failed; at most 400 characters, without control characters.
    public var message: String
    /// What to do; may be empty.
    public var remedy: String
    /// What the server asks to wait, seconds; 0: it does not say.
    public var retryAfterSeconds: Int

    /// The most characters of a message: part of it comes from the network.
    static let longestMessage = 400

    /// A failure; its message is cut and cleaned.
    public init(_ kind: Kind, _ message: String, remedy: String = "", retryAfterSeconds: Int = 0) {
        self.kind = kind
        self.message = Self.oneLine(message)
        self.remedy = remedy
        self.retryAfterSeconds = retryAfterSeconds
    }

    /// One line.
    public var description: String { message + (remedy.isEmpty ? "" : "; \(remedy)") }

    private static func oneLine(_ text: String) -> String {
        var result = ""
        for scalar in text.unicodeScalars.prefix(longestMessage) {
            switch scalar.properties.generalCategory {
            case .control, .format, .lineSeparator, .paragraphSeparator: result.unicodeScalars.append(" ")
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result
    }
}
