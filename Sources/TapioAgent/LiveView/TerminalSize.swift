import Glibc

/// Columns and rows of a terminal.
public struct TerminalSize: Sendable, Hashable {
    /// Characters in a line.
    public var columns: Int
    /// Lines.
    public var rows: Int

    /// A size.
    public init(columns: Int, rows: Int) {
        self.columns = columns
        self.rows = rows
    }

    /// The size of the terminal behind a descriptor; nil where there is none, or it does not say.
    public init?(descriptor: Int32) {
        var size = winsize()
        guard unsafe ioctl(descriptor, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0, size.ws_row > 0 else {
            return nil
        }
        self.init(columns: Int(size.ws_col), rows: Int(size.ws_row))
    }
}
