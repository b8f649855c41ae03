/// The few texts that are needed of S3's answers. Not a parser of XML: the answers that are asked for have no attributes,
/// comments or CDATA where these texts are, and what does not look so is not found.
struct XMLText {
    let text: String

    init(_ bytes: [UInt8]) {
        text = String(decoding: bytes, as: UTF8.self)
    }

    init(_ text: String) {
        self.text = text
    }

    /// The text of the first element of that name; nil where there is none.
    func first(_ name: String) -> String? { all(name, most: 1).first }

    /// What is in each element of that name, as it stands, in their order.
    func elements(_ name: String, most: Int = 10_000) -> [XMLText] {
        var found: [XMLText] = []
        var rest = text[...]
        while found.count < most, let open = Self.find("<\(name)", in: rest) {
            rest = rest[open.upperBound...]
            // Not a longer name.
            guard let next = rest.first, next == ">" || next == " " else { continue }
            guard let end = rest.firstIndex(of: ">"), let close = Self.find("</\(name)>", in: rest[end...]) else {
                break
            }
            found.append(XMLText(String(rest[rest.index(after: end)..<close.lowerBound])))
            rest = rest[close.upperBound...]
        }
        return found
    }

    private func all(_ name: String, most: Int) -> [String] {
        elements(name, most: most).map { Self.unescaped($0.text) }
    }

    private static func find(_ needle: String, in text: Substring) -> Range<Substring.Index>? {
        let bytes = text.utf8
        let wanted = Array(needle.utf8)
        var start = bytes.startIndex
        while let first = bytes[start...].firstIndex(of: wanted[0]) {
            if bytes[first...].starts(with: wanted) { return first..<bytes.index(first, offsetBy: wanted.count) }
            start = bytes.index(after: first)
        }
        return nil
    }

    private static func unescaped(_ text: String) -> String {
        guard text.contains("&") else { return text }
        var result = ""
        var rest = text[...]
        let entities = [
            "&lt;": "<", "&gt;": ">", "&quot;": "\"", "&apos;": "'", "&#34;": "\"", "&#39;": "'", "&amp;": "&",
        ]
        while let character = rest.first {
            if character == "&", let entity = entities.first(where: { rest.hasPrefix($0.key) }) {
                result += entity.value
                rest = rest.dropFirst(entity.key.count)
            } else {
                result.append(character)
                rest = rest.dropFirst()
            }
        }
        return result
    }

    /// A text as it may stand in an element.
    static func escaped(_ text: String) -> String {
        text.map { character in
            switch character {
            case "<": "&lt;"
            case ">": "&gt;"
            case "&": "&amp;"
            case "\"": "&quot;"
            default: String(character)
            }
        }.joined()
    }
}
