import Synchronization

/// What servers did since the program started: shared by those that follow each other when the address changes. Never reset.
public final class HTTPServerStatistics: Sendable {
    /// Why a connection was ended by the server.
    public enum Ending: String, CaseIterable, Sendable {
        /// Its request was not complete in time.
        case requestTimeout = "request_timeout"
        /// The client did not read its response in time.
        case readTimeout = "read_timeout"
        /// It kept the server waiting while another one needed its place.
        case evicted
        /// There was no place, and none that could be made: all were being answered.
        case refused
    }

    /// The counts at one time.
    public struct Snapshot: Sendable, Hashable {
        /// Responses by status code.
        public var responses: [Int: UInt64] = [:]
        /// Connections that were accepted.
        public var connections: UInt64 = 0
        /// Connections that the server ended, by reason.
        public var endings: [Ending: UInt64] = [:]

        /// All zero.
        public init() {}
    }

    private let counts = Mutex(Snapshot())

    /// All zero.
    public init() {}

    /// The counts so far.
    public var snapshot: Snapshot { counts.withLock { $0 } }

    func countResponse(_ status: Int) { counts.withLock { $0.responses[status, default: 0] += 1 } }
    func countConnection() { counts.withLock { $0.connections += 1 } }
    func count(_ ending: Ending) { counts.withLock { $0.endings[ending, default: 0] += 1 } }
}
