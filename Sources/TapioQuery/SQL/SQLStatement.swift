/// A statement that makes one thing, and what it is for.
public struct SQLStatement: Sendable, Hashable {
    /// What a statement makes.
    public enum Sort: String, Sendable, Hashable, Encodable {
        /// Of the session: it has to be said again in another.
        case setting
        /// Something to call.
        case macro
        case view
    }

    /// What it makes is called so.
    public let name: String
    /// What it makes.
    public let sort: Sort
    /// A line or two for people.
    public let summary: String
    /// Names of what has to be made before.
    public let needs: [String]
    /// The statement, with its semicolon.
    public let text: String

    /// With the summary as a comment above it: each line of it is one, whatever a reader of SQL takes for a new line.
    public var commented: String {
        // By scalars: "\r\n", or a line feed with an accent behind it, is no "\n" to who goes by characters.
        let lines = summary.unicodeScalars.split { Character($0).isNewline }
        return lines.map { "-- " + String($0) + "\n" }.joined() + text
    }
}

/// Text in lines that a terminal holds.
enum SQLText {
    /// Columns of a line.
    private static let width = 110

    /// Items with commas between, as many to a line as it holds.
    static func list(_ items: [String], indent: String) -> String {
        var lines: [String] = []
        var line = indent
        for (place, item) in items.enumerated() {
            let part = item + (place + 1 < items.count ? "," : "")
            if line != indent && line.count + part.count + 1 > width {
                lines.append(line)
                line = indent
            }
            line += line == indent ? part : " " + part
        }
        return (lines + [line]).joined(separator: "\n")
    }
}
