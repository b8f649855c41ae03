/// The part of YAML that a configuration may use: mappings, lists and values that each stand on one line. Checked before
/// the YAML parser sees the text, because what it leaves out is what makes YAML dangerous to read as root: anchors and
/// aliases (a few lines that expand to gigabytes), tags, keys that are mappings, bottomless nesting.
///
/// The check is a tokenizer that keeps in step with libyaml's: it must see a token begin wherever libyaml sees one. What
/// could bring them out of step, text that runs over several lines, is refused too. One pass, O(bytes).
struct PlainYAML {
    /// A construct that is refused. Line and column count from 1, the column in Unicode scalars.
    struct Violation: Error, Equatable {
        let line: Int
        let column: Int
        let message: String
        let remedy: String
    }

    /// Levels of nesting: the deepest key of the schema is at 4.
    static let maxDepth = 16
    /// Columns of indentation, which bounds the nesting of blocks.
    static let maxIndentation = 128
    /// Tokens in a file.
    static let maxTokens = 50_000

    private let text: [UInt8]
    private var index = 0
    private var line = 1
    private var lineStart = 0
    private var flowDepth = 0
    private var tokens = 0
    /// Whether the last token was plain text: in a flow it goes on over the line's end.
    private var endedInPlainText = false

    private init(_ text: [UInt8]) { self.text = text }

    /// Checks a text that is valid UTF-8 without control characters (``ConfigurationFileReader`` sees to both).
    static func check(_ text: [UInt8]) throws(Violation) {
        var scanner = PlainYAML(text)
        while scanner.index < text.count {
            try scanner.scanLine()
        }
    }

    private mutating func scanLine() throws(Violation) {
        skipBlanks()
        guard index - lineStart <= Self.maxIndentation else {
            throw violation(
                "is indented by more than \(Self.maxIndentation) columns",
                remedy: "indent by two for each level"
            )
        }
        if peek() == UInt8(ascii: "%"), index == lineStart {
            throw violation("a YAML directive is not supported", remedy: "remove the line")
        }
        // A document's marker may have a value behind it, on the same line.
        if index == lineStart, startsWithMarker() {
            index += 3
            endedInPlainText = false
            skipBlanks()
        }
        var dashes = 0
        while let byte = peek(), !isBreak(byte) {
            tokens += 1
            guard tokens <= Self.maxTokens else {
                throw violation("more than \(Self.maxTokens) words in one file", remedy: "is this a configuration?")
            }
            if byte == UInt8(ascii: "#") {
                skipLine()
            } else {
                if byte == UInt8(ascii: "-") { dashes += 1 }
                guard dashes <= Self.maxDepth else { throw tooDeep() }
                try scanToken(byte)
            }
            skipBlanks()
        }
        skipBreak()
    }

    private mutating func scanToken(_ byte: UInt8) throws(Violation) {
        let continuesText = endedInPlainText && flowDepth > 0
        endedInPlainText = false
        switch byte {
        case UInt8(ascii: "&"), UInt8(ascii: "*"):
            throw violation(
                "anchors and aliases (& and *) are not supported",
                remedy: "write the value out, or quote it"
            )
        case UInt8(ascii: "!"):
            throw violation("tags (!) are not supported", remedy: "remove the tag, or quote the value")
        case UInt8(ascii: "|"), UInt8(ascii: ">"):
            throw violation("text over several lines is not supported", remedy: "write the value on one line")
        case UInt8(ascii: "\""), UInt8(ascii: "'"):
            guard !continuesText else {
                throw violation(
                    "text over several lines is not supported",
                    remedy: "put a comma before it, or one line"
                )
            }
            try skipQuoted(byte)
        case UInt8(ascii: "["), UInt8(ascii: "{"):
            flowDepth += 1
            guard flowDepth <= Self.maxDepth else { throw tooDeep() }
            index += 1
        case UInt8(ascii: "]"), UInt8(ascii: "}"):
            flowDepth = max(0, flowDepth - 1)
            index += 1
        case UInt8(ascii: ","):
            index += 1
        case UInt8(ascii: "?") where flowDepth > 0 || isBlankOrEnd(index + 1):
            throw violation("keys that are not plain names (?) are not supported", remedy: "write key: value")
        case UInt8(ascii: ":") where flowDepth > 0 || isBlankOrEnd(index + 1):
            index += 1
        case UInt8(ascii: "-") where isBlankOrEnd(index + 1):
            index += 1
        default:
            skipPlainText()
            endedInPlainText = true
        }
    }

    /// Up to what ends plain text on this line: `: `, ` #`, the line's end, or within brackets one of `,[]{}`.
    private mutating func skipPlainText() {
        while let byte = peek(), !isBreak(byte) {
            if byte == UInt8(ascii: ":"), isBlankOrEnd(index + 1) { return }
            if flowDepth > 0, ",[]{}".utf8.contains(byte) { return }
            if isBlank(byte), index + 1 < text.count, text[index + 1] == UInt8(ascii: "#") { return }
            index += 1
        }
    }

    private mutating func skipQuoted(_ quote: UInt8) throws(Violation) {
        let start = index
        index += 1
        while let byte = peek(), !isBreak(byte) {
            index += 1
            if byte == UInt8(ascii: "\\"), quote == UInt8(ascii: "\"") {
                if let next = peek(), !isBreak(next) { index += 1 }
            } else if byte == quote {
                guard quote == UInt8(ascii: "'"), peek() == quote else { return }
                index += 1
            }
        }
        index = start
        throw violation("a quote is opened and not closed on its line", remedy: "close it")
    }

    private mutating func skipBlanks() {
        while let byte = peek(), isBlank(byte) { index += 1 }
    }

    private mutating func skipLine() {
        while let byte = peek(), !isBreak(byte) { index += 1 }
    }

    private mutating func skipBreak() {
        guard let byte = peek() else { return }
        index += 1
        if byte == UInt8(ascii: "\r"), peek() == UInt8(ascii: "\n") { index += 1 }
        line += 1
        lineStart = index
    }

    private func startsWithMarker() -> Bool {
        let marker = text[index...].prefix(3)
        return (marker.elementsEqual("---".utf8) || marker.elementsEqual("...".utf8)) && isBlankOrEnd(index + 3)
    }

    private func peek() -> UInt8? { index < text.count ? text[index] : nil }

    private func isBlank(_ byte: UInt8) -> Bool { byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t") }

    private func isBreak(_ byte: UInt8) -> Bool { byte == UInt8(ascii: "\n") || byte == UInt8(ascii: "\r") }

    private func isBlankOrEnd(_ position: Int) -> Bool {
        position >= text.count || isBlank(text[position]) || isBreak(text[position])
    }

    private func tooDeep() -> Violation {
        violation("is nested more than \(Self.maxDepth) levels deep", remedy: "no key is deeper than 4")
    }

    private func violation(_ message: String, remedy: String) -> Violation {
        // Bytes that begin a scalar: all but UTF-8's continuation bytes.
        let column = text[lineStart..<index].count { $0 & 0xC0 != 0x80 } + 1
        return Violation(line: line, column: column, message: message, remedy: remedy)
    }
}
