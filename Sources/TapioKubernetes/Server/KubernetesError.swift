/// What could not be done with the API server, where, why, and what to do: one line.
public struct KubernetesError: Error, Sendable, Equatable, CustomStringConvertible {
    /// What was tried, such as "list pods".
    public var action: String
    /// Where: a URL without its query, or a file.
    public var place: String
    /// Why it failed; at most 300 characters, without control characters.
    public var reason: String
    /// What to do about it; may be empty.
    public var remedy: String
    /// The HTTP status; nil where there was no answer.
    public var status: Int?

    /// The most characters of a reason: it may come from the network.
    static let longestReason = 300

    /// An error; its reason is cut and cleaned.
    public init(action: String, place: String, reason: String, remedy: String = "", status: Int? = nil) {
        self.action = action
        self.place = place
        self.reason = Self.oneLine(reason)
        self.remedy = remedy
        self.status = status
    }

    /// One line.
    public var description: String {
        "cannot \(action) at \(place): \(reason)" + (remedy.isEmpty ? "" : "; \(remedy)")
    }

    /// Text from elsewhere as a part of a line in a log.
    private static func oneLine(_ text: String) -> String {
        var result = ""
        for scalar in text.unicodeScalars.prefix(longestReason) {
            switch scalar.properties.generalCategory {
            case .control, .format, .lineSeparator, .paragraphSeparator: result.unicodeScalars.append(" ")
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result
    }
}

extension KubernetesError {
    /// The error that an answer is.
    ///
    /// - Parameters:
    ///   - action: What was asked for; for a 403, its first word is the verb that is missing.
    ///   - message: What the server says about it.
    init(action: String, place: String, status: Int, message: String, retryAfterSeconds: Int = 0) {
        let words = action.split(separator: " ", maxSplits: 1)
        let remedy =
            switch status {
            case 401:
                "the token or certificate is not accepted: check that it belongs to this cluster and has not expired"
            case 403:
                "grant the service account the verb '\(words.first ?? "")' on '\(words.last ?? "")' (ClusterRole and binding)"
            case 404: "this server does not serve it: check the URL, and that the cluster has this API version"
            case 410: "the version asked for is gone: the next list starts anew"
            case 429, 503:
                retryAfterSeconds > 0 ? "the server asks to wait \(retryAfterSeconds) s" : "the server is busy"
            case 500...: "the server failed: see its log"
            default: "check that this is a Kubernetes API server"
            }
        self.init(
            action: action,
            place: place,
            reason: "HTTP \(status)" + (message.isEmpty ? "" : ": \(message)"),
            remedy: remedy,
            status: status
        )
    }
}
