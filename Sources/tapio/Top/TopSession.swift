import Glibc
import TapioAgent

/// The full-screen view of `tapio top`: waits for readings, keys and signals, and draws.
struct TopSession {
    private let usesColour: Bool
    private let terminal: TerminalSession
    private let signals: Int32
    private let feed: TopFeed
    private var data = TopData()
    /// What is drawn: ``data``, unless the screen stands still.
    private var shown = TopData()
    private var controls = TopControls()
    private var screen: ScreenDiff

    /// Takes over the terminal and begins to ask.
    init(_ client: ControlClient, _ request: ControlRequest.Top, usesColour: Bool) throws {
        self.usesColour = usesColour
        signals = TerminalSignals.start()
        feed = try TopFeed(client, request) { SignalPipe.ring() }
        screen = ScreenDiff()
        terminal = TerminalSession()
    }

    /// Runs until somebody quits, and gives the terminal back. The signal that ended it, if one did.
    mutating func run() -> Int32? {
        defer {
            feed.stop()
            terminal.restore()
        }
        draw()
        while true {
            var waiting = [pollfd(fd: signals, events: Int16(POLLIN), revents: 0)]
            if let keyboard = terminal.keyboard {
                waiting.append(pollfd(fd: keyboard, events: Int16(POLLIN), revents: 0))
            }
            let count = unsafe poll(&waiting, nfds_t(waiting.count), -1)
            if count < 0 && errno != EINTR { return nil }
            if count > 0, waiting[0].revents != 0 {
                for byte in Self.read(signals) {
                    switch Int32(byte) {
                    case SIGINT: return nil
                    case SIGTERM, SIGHUP, SIGQUIT: return Int32(byte)
                    case SIGTSTP: pause()
                    default: break
                    }
                }
            }
            if count > 0, waiting.count > 1, waiting[1].revents != 0 {
                let keys = Self.read(waiting[1].fd)
                // A keyboard that has ended is a terminal that is gone.
                if keys.isEmpty || !controls.press(keys) { return nil }
            }
            look()
            if !draw() { return nil }
        }
    }

    private mutating func look() {
        let news = feed.take()
        for reading in news.readings { data.add(reading) }
        controls.trouble = news.trouble
        if !controls.isPaused { shown = data }
    }

    /// Whether the terminal took it.
    @discardableResult
    private mutating func draw() -> Bool {
        let size = terminal.size
        let text = screen.draw(TopFrame(shown, controls), size: size, usesColour: usesColour)
        return text.isEmpty || terminal.write(text)
    }

    /// Ctrl-Z: stops as a program does that knows nothing of it, with the terminal as it was.
    private mutating func pause() {
        terminal.restore()
        raise(SIGSTOP)
        terminal.take()
        screen.forget()
    }

    /// What is there now, at most some hundred bytes.
    private static func read(_ descriptor: Int32) -> [UInt8] {
        var buffer = [UInt8](repeating: 0, count: 256)
        let count = unsafe Glibc.read(descriptor, &buffer, buffer.count)
        return Array(buffer[..<max(0, count)])
    }
}
