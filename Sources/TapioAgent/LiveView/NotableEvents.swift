import Synchronization

/// The last few lines worth a look. Bounded: the oldest goes. Any thread may add.
public final class NotableEvents: Sendable {
    /// Lines that are kept.
    public static let limit = 64

    private let kept = Mutex<[String]>([])

    /// None yet.
    public init() {}

    /// Adds a line, escaped already.
    public func add(_ line: String) {
        kept.withLock { lines in
            if lines.count == NotableEvents.limit { lines.removeFirst() }
            lines.append(line)
        }
    }

    /// Oldest first.
    public var lines: [String] { kept.withLock { $0 } }
}
