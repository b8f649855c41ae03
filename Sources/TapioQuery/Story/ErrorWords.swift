import Glibc
import TapioEvents

/// Errors and signals in words.
enum ErrorWords {
    /// `ENOENT (No such file or directory)`.
    static func error(_ number: Int64, name: String? = nil) -> String {
        let symbol = name.map { TerminalText.escape($0, limit: 40) } ?? KernelNames.error(number)
        guard let code = Int32(exactly: number), code > 0, code < 134, let text = unsafe strerror(code) else {
            return symbol
        }
        return unsafe "\(symbol) (\(String(cString: text)))"
    }

    /// `SIGKILL`.
    static func signal(_ number: Int64) -> String { SignalName.name(of: number) }
}
