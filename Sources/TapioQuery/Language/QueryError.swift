import TapioEvents

/// A query that cannot be asked: what is wrong, where, and what was perhaps meant.
public struct QueryError: Error, Sendable, Hashable, CustomStringConvertible {
    /// What is wrong, in one line.
    public let message: String
    /// The text in which it is wrong; empty where the query has no single text.
    public let text: String
    /// Unicode scalars of `text` that are to blame.
    public let range: Range<Int>

    /// An error in a part of `text`.
    public init(_ message: String, in text: String = "", at range: Range<Int> = 0..<0) {
        self.message = message
        self.text = text
        self.range = range
    }

    /// The message, and below it the text with a caret under what is wrong. Safe for a terminal.
    public var description: String {
        let shown = TerminalText.escape(message)
        if text.isEmpty { return shown }
        let scalars = Array(text.unicodeScalars)
        let start = min(range.lowerBound, scalars.count)
        let end = min(max(range.upperBound, start), scalars.count)
        func escaped(_ part: ArraySlice<Unicode.Scalar>) -> String {
            var view = String.UnicodeScalarView()
            view.append(contentsOf: part)
            return TerminalText.escape(String(view))
        }
        let before = escaped(scalars[..<start])
        let blamed = escaped(scalars[start..<end])
        let marks = "^" + String(repeating: "~", count: max(0, TerminalText.width(of: blamed) - 1))
        let indent = String(repeating: " ", count: TerminalText.width(of: before))
        return "\(shown)\n  \(before)\(blamed)\(escaped(scalars[end...]))\n  \(indent)\(marks)"
    }
}
