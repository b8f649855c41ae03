import Glibc
public import Logging
import Synchronization

/// Writes log messages to standard error, one line each, as text or JSON. Control characters in a message are escaped:
/// what a monitored process chose never reaches the terminal as it is.
public struct AgentLogHandler: LogHandler {
    /// The form of a line.
    public enum Form: Sendable {
        case text
        case json
    }

    /// Settings that may change while the agent runs, shared by all its handlers.
    public final class Settings: Sendable {
        private struct State {
            var level = Logger.Level.info
            var form = Form.text
            var sink: (@Sendable (String) -> Void)?
        }

        private let state = Mutex(State())

        /// Text from `info` on.
        public init() {}

        /// The least severe level that is written.
        public var level: Logger.Level {
            get { state.withLock { $0.level } }
            set { state.withLock { $0.level = newValue } }
        }

        /// The form of a line.
        public var form: Form {
            get { state.withLock { $0.form } }
            set { state.withLock { $0.form = newValue } }
        }

        /// Who takes the lines instead of standard error: a live view, which shows them above itself.
        public var sink: (@Sendable (String) -> Void)? {
            get { state.withLock { $0.sink } }
            set { state.withLock { $0.sink = newValue } }
        }
    }

    private let settings: Settings
    /// Goes with every message of this handler.
    public var metadata: Logger.Metadata = [:]

    /// A handler that follows `settings`.
    public init(settings: Settings) {
        self.settings = settings
    }

    /// The least severe level that is written; shared by all handlers.
    public var logLevel: Logger.Level {
        get { settings.level }
        set { settings.level = newValue }
    }

    /// One value of the metadata.
    public subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    /// Writes one line, with one call to the system.
    public func log(event: LogEvent) {
        let merged = metadata.merging(event.metadata ?? [:]) { $1 }.sorted { $0.key < $1.key }
        let time = AgentLogHandler.timestamp()
        var line: String
        switch settings.form {
        case .text:
            line = "\(time) \(event.level) \(AgentLogHandler.escaped("\(event.message)"))"
            for (key, value) in merged { line += " \(key)=\(AgentLogHandler.escaped("\(value)"))" }
        case .json:
            line =
                "{\"time\":\"\(time)\",\"level\":\"\(event.level)\",\"message\":\"\(AgentLogHandler.escaped("\(event.message)", json: true))\""
            for (key, value) in merged {
                line +=
                    ",\"\(AgentLogHandler.escaped(key, json: true))\":\"\(AgentLogHandler.escaped("\(value)", json: true))\""
            }
            line += "}"
        }
        if let sink = settings.sink {
            sink(line)
            return
        }
        let bytes = Array(line.utf8) + [UInt8(ascii: "\n")]
        // One write: lines of several threads do not mix.
        _ = unsafe bytes.withUnsafeBytes { unsafe write(STDERR_FILENO, $0.baseAddress!, $0.count) }
    }

    /// Bounds what one message may put on a line.
    private static let maxScalars = 4096

    static func escaped(_ text: String, json: Bool = false) -> String {
        var result = ""
        for scalar in text.unicodeScalars.prefix(maxScalars) {
            switch scalar.value {
            case 0x22 where json, 0x5c where json: result += "\\" + String(scalar)
            case 0..<0x20, 0x7f..<0xa0, 0x200b...0x200f, 0x2028...0x202e, 0x2066...0x2069:
                let digits = String(scalar.value, radix: 16)
                result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result
    }

    private static func timestamp() -> String {
        var now = timespec()
        unsafe clock_gettime(CLOCK_REALTIME, &now)
        var parts = unsafe tm()
        unsafe gmtime_r(&now.tv_sec, &parts)
        var buffer = [CChar](repeating: 0, count: 32)
        let count = unsafe strftime(&buffer, buffer.count, "%Y-%m-%dT%H:%M:%S", &parts)
        let milliseconds = String(now.tv_nsec / 1_000_000)
        return String(decoding: buffer[..<count].map { UInt8(bitPattern: $0) }, as: UTF8.self)
            + "." + String(repeating: "0", count: 3 - milliseconds.count) + milliseconds + "Z"
    }
}
