/// What a client asks for.
public struct HTTPRequest: Sendable {
    /// The path, without the question mark and what follows it; as sent, at most ``HTTPServerLimits/headBytes``.
    public var path: String
    /// All `Accept` fields, joined by commas; empty where the client sent none.
    public var accept: String

    /// A request.
    public init(path: String, accept: String = "") {
        self.path = path
        self.accept = accept
    }
}

/// What it gets. For HEAD the server leaves out the body and tells its length all the same.
public struct HTTPResponse: Sendable {
    /// The status code, such as 200.
    public var status: Int
    /// MIME type of the body.
    public var contentType: String
    /// The body.
    public var body: [UInt8]

    /// A response.
    public init(status: Int = 200, contentType: String = "text/plain; charset=utf-8", body: [UInt8]) {
        self.status = status
        self.contentType = contentType
        self.body = body
    }

    /// A response for people.
    public init(status: Int = 200, contentType: String = "text/plain; charset=utf-8", text: String) {
        self.init(status: status, contentType: contentType, body: Array(text.utf8))
    }
}
