import Glibc
import Synchronization
import TapioEvents

/// Keeps a frame on the terminal while the agent runs, twice a second, and lets log lines pass above it.
public final class LiveView: Sendable {
    /// Time between two frames.
    public static let interval = Duration.milliseconds(500)

    /// Events worth a look: add to it from anywhere.
    public let notable = NotableEvents()

    private let descriptor: Int32
    private let usesColour: Bool
    private let endsAt: Int64?
    private let source: @Sendable () async -> StatusReport
    private let state = Mutex(State())

    private struct State {
        var screen = LiveScreen()
        var before: StatusReport?
        var last: StatusReport?
        var isFinished = false
    }

    /// A view on `descriptor`, which is a terminal.
    ///
    /// - Parameters:
    ///   - endsAt: UTC microseconds since 1970 at which the run ends by itself.
    ///   - source: Takes a snapshot; called twice a second.
    public init(
        descriptor: Int32 = 1,
        usesColour: Bool,
        endsAt: Int64? = nil,
        source: @escaping @Sendable () async -> StatusReport
    ) {
        self.descriptor = descriptor
        self.usesColour = usesColour
        self.endsAt = endsAt
        self.source = source
    }

    /// Redraws until the task is cancelled, then removes the frame.
    public func run() async {
        while !Task.isCancelled {
            draw(await source())
            // Cancelled: the loop ends.
            try? await Task.sleep(for: LiveView.interval)
        }
        finish()
    }

    /// Writes a line, such as the log's, above the frame. Any thread.
    public func line(_ text: String) {
        state.withLock { state in
            let columns = TerminalSize(descriptor: descriptor)?.columns ?? 80
            write(state.screen.erase(columns: columns) + text + "\n" + frame(&state))
        }
    }

    /// Removes the frame; nothing is drawn after that.
    public func finish() {
        state.withLock { state in
            let columns = TerminalSize(descriptor: descriptor)?.columns ?? 80
            write(state.screen.erase(columns: columns))
            state.isFinished = true
        }
    }

    private func draw(_ report: StatusReport) {
        state.withLock { state in
            state.before = state.last
            state.last = report
            write(frame(&state))
        }
    }

    private func frame(_ state: inout State) -> String {
        guard !state.isFinished, let now = state.last else { return "" }
        let size = TerminalSize(descriptor: descriptor) ?? TerminalSize(columns: 80, rows: 24)
        var frame = LiveFrame(now: now, before: state.before)
        frame.notable = notable.events
        frame.endsAt = endsAt
        let widths = frame.lines(size).map(TerminalText.width(of:))
        frame.usesColour = usesColour
        return state.screen.draw(frame.lines(size), widths: widths, size: size)
    }

    private func write(_ text: String) {
        var bytes = Array(text.utf8)[...]
        while !bytes.isEmpty {
            let written = unsafe bytes.withUnsafeBytes { unsafe Glibc.write(descriptor, $0.baseAddress, $0.count) }
            // A terminal that is gone takes the view with it, not the agent.
            if written <= 0 { return }
            bytes = bytes.dropFirst(written)
        }
    }
}
