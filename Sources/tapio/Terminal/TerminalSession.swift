import CTapioSystem
import Glibc
import TapioAgent

/// A terminal that a full-screen view has taken over: another screen, no cursor, keys as they are pressed. It is given back
/// with ``restore()``, or with the session.
final class TerminalSession {
    private let input: Int32
    private let output: Int32
    private var before = termios()
    private let hasKeys: Bool
    private var isTaken = false

    /// Takes over the terminal of `output`; keys come from `input` where that is one, too.
    init(input: Int32 = STDIN_FILENO, output: Int32 = STDOUT_FILENO) {
        self.input = input
        self.output = output
        hasKeys = unsafe isatty(input) == 1 && tcgetattr(input, &before) == 0
        take()
    }

    deinit { restore() }

    /// Where keys can be read; nil where there is no keyboard.
    var keyboard: Int32? { hasKeys ? input : nil }

    /// Takes it over, again after ``restore()``.
    func take() {
        guard !isTaken else { return }
        isTaken = true
        if hasKeys {
            var raw = before
            // Signals stay: Ctrl-C and Ctrl-Z mean what they always do.
            raw.c_lflag &= ~tcflag_t(ICANON | ECHO)
            unsafe tcsetattr(input, TCSAFLUSH, &raw)
        }
        write("\u{1b}[?1049h\u{1b}[?25l")
    }

    /// Gives it back as it was; not more than once.
    func restore() {
        guard isTaken else { return }
        isTaken = false
        write("\u{1b}[0m\u{1b}[?25h\u{1b}[?1049l")
        if hasKeys { unsafe tcsetattr(input, TCSAFLUSH, &before) }
    }

    /// Its size now; 80 by 24 where it does not say.
    var size: TerminalSize { TerminalSize(descriptor: output) ?? TerminalSize(columns: 80, rows: 24) }

    /// Whether all was written; false where the terminal is gone.
    @discardableResult
    func write(_ text: String) -> Bool {
        var bytes = Array(text.utf8)[...]
        while !bytes.isEmpty {
            let count = unsafe bytes.withUnsafeBytes { unsafe Glibc.write(output, $0.baseAddress, $0.count) }
            if count > 0 {
                bytes = bytes.dropFirst(count)
            } else if errno != EINTR {
                return false
            }
        }
        return true
    }
}
