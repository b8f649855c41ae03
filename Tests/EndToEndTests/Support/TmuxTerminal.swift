import Glibc
import TapioTestSupport

/// A terminal of a given size in a tmux server of its own, in which one shell command runs. The server is ended with the object.
final class TmuxTerminal {
    private let directory: TemporaryDirectory
    private var socket: String { directory.file("tmux.sock") }
    /// The server, and what runs in its terminal.
    private var processes: [pid_t] = []

    /// Starts the command. When it has ended, the terminal stays, with what it showed.
    init(_ command: String, columns: Int, rows: Int, in directory: TemporaryDirectory) throws {
        self.directory = directory
        // A shell remains, so that what the command left of the terminal can be seen.
        try tmux([
            "-f", "/dev/null", "new-session", "-d", "-s", "top", "-x", String(columns), "-y", String(rows),
            "trap : INT; \(command); exec sleep 600",
        ])
        let ids = try tmux(["display-message", "-p", "-t", "top", "#{pid} #{pane_pid}"])
        processes = ids.split(whereSeparator: \.isWhitespace).compactMap { pid_t($0) }
    }

    // By their ids: the socket may be gone by now, and with it the way to ask the server to end.
    deinit { for process in processes.reversed() { kill(process, SIGKILL) } }

    /// What is on the screen, a line for each row.
    func screen() throws -> [String] {
        try tmux(["capture-pane", "-p", "-t", "top"]).split(separator: "\n", omittingEmptySubsequences: false).map(
            String.init
        )
    }

    /// The same with its escape sequences for colours.
    func colours() throws -> String { try tmux(["capture-pane", "-p", "-e", "-t", "top"]) }

    /// Waits until the screen is as wanted; gives it, and whether it was in time.
    func wait(seconds: Double = 30, until condition: ([String]) -> Bool) throws -> (screen: [String], isAsWanted: Bool)
    {
        let deadline = Deadline(seconds: seconds)
        var last: [String] = []
        repeat {
            last = try screen()
            if condition(last) { return (last, true) }
            usleep(50_000)
        } while !deadline.isOver
        return (last, false)
    }

    /// Presses keys, by tmux's names for them.
    func press(_ keys: String...) throws { try tmux(["send-keys", "-t", "top"] + keys) }

    func resize(columns: Int, rows: Int) throws {
        try tmux(["resize-window", "-t", "top", "-x", String(columns), "-y", String(rows)])
    }

    /// Whether a program has taken the other screen, and whether the cursor is shown.
    func state() throws -> (isOtherScreen: Bool, hasCursor: Bool) {
        let text = try tmux(["display-message", "-p", "-t", "top", "#{alternate_on} #{cursor_flag}"])
        return (text.hasPrefix("1"), text.hasSuffix("1"))
    }

    @discardableResult
    private func tmux(_ arguments: [String]) throws -> String {
        try InteractiveProcess.run(
            ["env", "-u", "NO_COLOR", "LC_ALL=C.UTF-8", "TERM=xterm-256color", "tmux", "-S", socket] + arguments
        )
    }
}
