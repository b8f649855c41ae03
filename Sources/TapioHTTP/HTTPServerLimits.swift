/// What a server grants its clients. Whoever needs more is refused or cut off, and counted.
public struct HTTPServerLimits: Sendable {
    /// Connections at a time. A further one takes the place of that which has kept the server waiting for longest, so that a
    /// client that does nothing can keep nobody out.
    public var connections = 64
    /// Bytes of a request's line and headers.
    public var headBytes = 16 << 10
    /// Header fields of a request.
    public var headerFields = 64
    /// Milliseconds from the connection until its first request is complete.
    public var firstRequestMs: Int64 = 10_000
    /// Milliseconds from a response until the next request is complete: longer than the minute that scrapers may pause.
    public var nextRequestMs: Int64 = 90_000
    /// Milliseconds that the answer may take to be made; then the client gets 503.
    public var answerMs: Int64 = 30_000
    /// Milliseconds that a client may take to read a response.
    public var readingMs: Int64 = 10_000

    /// The defaults.
    public init() {}
}
