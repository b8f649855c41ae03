/// What a command asks the running agent, as one line of JSON over the control socket.
public enum ControlRequest: Codable, Sendable, Equatable {
    /// Answered with one line: a ``StatusReport``.
    case status
    /// Answered with one line: a ``ReadinessReport``.
    case readiness
    /// Answered with Prometheus' text format.
    case metrics
    /// Answered with a line per event until either side closes.
    case events(EventStream)
    /// Answered with a line per interval, a ``TopReading``, until either side closes.
    case top(Top)

    /// What is counted, and how often it is told. The agent counts: that costs it less than to write every event as a line.
    public struct Top: Codable, Sendable, Equatable {
        /// Intervals that an agent keeps, milliseconds.
        public static let intervals = 100...60_000
        /// Entries of a ranking that an agent tells at most.
        public static let mostEntries = 200

        /// Time between two readings, milliseconds; what is outside ``intervals`` is brought into them.
        public var intervalMs: Int
        /// Entries of each ranking, up to ``mostEntries``.
        public var entries: Int

        /// Readings at this interval.
        public init(intervalMs: Int, entries: Int = 50) {
            self.intervalMs = min(max(intervalMs, Self.intervals.lowerBound), Self.intervals.upperBound)
            self.entries = min(max(entries, 1), Self.mostEntries)
        }

        /// The same within its bounds: what a client sends need not be what ``init(intervalMs:entries:)`` made.
        var bounded: Top { Top(intervalMs: intervalMs, entries: entries) }
    }

    /// Which events, and in what form.
    public struct EventStream: Codable, Sendable, Equatable {
        /// The form of a line.
        public enum Format: String, Codable, Sendable {
            /// A line of JSON.
            case json
            /// A line for people, escaped for a terminal.
            case text
            /// The same with ANSI colours.
            case colour
        }

        /// The form of each line.
        public var format: Format
        /// Names of kinds; empty for all.
        public var kinds: [String]
        /// Lines are cut at this many columns; nil for no limit.
        public var width: Int?
        /// Whether lines of JSON may also say how many events were left out so far because the stream could not follow:
        /// `{"_skipped":1234}`, whenever the number grew. Nil: no.
        public var tellsSkipped: Bool?

        /// A stream of events of these kinds.
        public init(format: Format, kinds: [String] = [], width: Int? = nil, tellsSkipped: Bool? = nil) {
            self.format = format
            self.kinds = kinds
            self.width = width
            self.tellsSkipped = tellsSkipped
        }
    }
}

/// What the agent answers when it cannot do what was asked.
public struct ControlRefusal: Codable, Sendable, Error, CustomStringConvertible {
    /// One line: what was wrong.
    public var error: String

    /// A refusal.
    public init(error: String) {
        self.error = error
    }

    /// The line.
    public var description: String { error }
}
