import TapioEvents

/// Makes text safe within a page.
enum PageText {
    /// For people, as HTML: what is a control, hides or reorders is written out, and nothing is markup.
    static func html(_ text: String) -> String { markup(TerminalText.escape(text)) }

    /// Text of ours as HTML.
    static func markup(_ text: String) -> String {
        var result = ""
        result.reserveCapacity(text.utf8.count)
        for scalar in text.unicodeScalars {
            switch scalar {
            case "&": result += "&amp;"
            case "<": result += "&lt;"
            case ">": result += "&gt;"
            case "\"": result += "&quot;"
            case "'": result += "&#39;"
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result
    }

    /// JSON as it may stand in a script element: no text in it can end the element or begin a comment.
    static func script(json: String) -> String {
        var result = ""
        result.reserveCapacity(json.utf8.count + json.utf8.count / 64)
        for scalar in json.unicodeScalars {
            switch scalar {
            case "<": result += "\\u003c"
            case ">": result += "\\u003e"
            case "&": result += "\\u0026"
            case "\u{2028}": result += "\\u2028"
            case "\u{2029}": result += "\\u2029"
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result
    }
}
