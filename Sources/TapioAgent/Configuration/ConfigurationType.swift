/// What a key's value may be: its form, its unit and its range.
public enum ConfigurationType: Sendable, Hashable {
    /// `true` or `false`.
    case flag
    /// A whole number and what it counts.
    case integer(ClosedRange<Int>, unit: String)
    /// Bytes.
    case size(ClosedRange<Int>)
    /// Bytes, a power of two.
    case powerOfTwoSize(ClosedRange<Int>)
    /// Nanoseconds, written with a unit.
    case duration(ClosedRange<UInt64>)
    /// A probability p with 0 < p ≤ 1.
    case probability
    /// A part of a whole.
    case fraction(ClosedRange<Double>)
    /// One of these words.
    case choice([String])
    /// One of these words, or a number.
    case choiceOrCount([String], ClosedRange<Int>, unit: String)
    /// One line of at most this many bytes.
    case text(maxBytes: Int)
    /// An absolute path of at most this many bytes.
    case path(maxBytes: Int)
    /// A list of at most so many items.
    case list(ListItem, most: Int)

    /// What a list's items may be.
    public enum ListItem: Sendable, Hashable {
        /// An absolute path of at most this many bytes.
        case path(maxBytes: Int)
        /// Text on one line of at most this many bytes.
        case text(maxBytes: Int)
        /// One of these words.
        case choice([String])
    }

    /// The form, the unit and the range, as an error and the documentation say them.
    public var expectation: String {
        switch self {
        case .flag: "true or false"
        case .integer(let range, let unit): "a whole number of \(unit), \(range.lowerBound)..\(range.upperBound)"
        case .size(let range): "\(SizeNotation.examples), \(SizeNotation.text(range))"
        case .powerOfTwoSize(let range): "\(SizeNotation.examples), a power of two, \(SizeNotation.text(range))"
        case .duration(let range): "\(DurationNotation.examples), \(DurationNotation.text(range))"
        case .probability: "a probability p with 0 < p <= 1"
        case .fraction(let range): "a fraction, \(range.lowerBound)..\(range.upperBound)"
        case .choice(let words): "one of " + words.joined(separator: ", ")
        case .choiceOrCount(let words, let range, _): Self.alternatives(words, range)
        case .text(let maxBytes): "text on one line, 1..\(maxBytes) bytes"
        case .path(let maxBytes): "an absolute path, 1..\(maxBytes) bytes"
        case .list(.path(let maxBytes), let most):
            "a list as in [/etc/a, /etc/b], 0..\(most) absolute paths of 1..\(maxBytes) bytes"
        case .list(.text(let maxBytes), let most): "a list as in [a, b], 0..\(most) texts of 1..\(maxBytes) bytes"
        case .list(.choice(let words), let most):
            "a list as in [\(words.prefix(2).joined(separator: ", "))], 0..\(most) of \(Self.choices(words))"
        }
    }

    /// The unit and the range alone, for tables.
    public var unitAndRange: (unit: String, range: String) {
        switch self {
        case .flag: ("none", "true, false")
        case .integer(let range, let unit): (unit, "\(range.lowerBound)..\(range.upperBound)")
        case .size(let range): ("bytes", SizeNotation.text(range))
        case .powerOfTwoSize(let range): ("bytes", SizeNotation.text(range) + ", a power of two")
        case .duration(let range): ("time", DurationNotation.text(range))
        case .probability: ("probability", "0 < p <= 1")
        case .fraction(let range): ("fraction", "\(range.lowerBound)..\(range.upperBound)")
        case .choice(let words): ("none", words.joined(separator: ", "))
        case .choiceOrCount(let words, let range, let unit): (unit, Self.alternatives(words, range))
        case .text(let maxBytes): ("text", "1..\(maxBytes) bytes")
        case .path(let maxBytes): ("path", "absolute, 1..\(maxBytes) bytes")
        case .list(.path(let maxBytes), let most): ("list of paths", "0..\(most), absolute, 1..\(maxBytes) bytes")
        case .list(.text(let maxBytes), let most): ("list", "0..\(most), 1..\(maxBytes) bytes")
        case .list(.choice(let words), let most): ("list", "0..\(most) of \(Self.choices(words))")
        }
    }

    /// The value in this form, unchecked against the range; `nil` where the form is another.
    func parse(_ text: String) -> ConfigurationValue? {
        switch self {
        case .flag:
            switch text {
            case "true": .flag(true)
            case "false": .flag(false)
            default: nil
            }
        case .integer: wholeNumber(text).map { .integer($0) }
        case .size, .powerOfTwoSize: SizeNotation.parse(text).map { .bytes($0) }
        case .duration: DurationNotation.parse(text).map { .duration($0) }
        case .probability, .fraction: decimal(text).map { .fraction($0) }
        case .choice(let words): words.contains(text) ? .word(text) : nil
        case .choiceOrCount(let words, _, _):
            words.contains(text) ? .word(text) : wholeNumber(text).map { .integer($0) }
        case .text, .path: .text(text)
        case .list: Self.items(of: text).map { .list($0) }
        }
    }

    private static func alternatives(_ words: [String], _ range: ClosedRange<Int>) -> String {
        words.joined(separator: ", ") + " or \(range.lowerBound)..\(range.upperBound)"
    }

    /// Whether a value of this form is within the range.
    func allows(_ value: ConfigurationValue) -> Bool {
        switch (self, value) {
        case (.flag, .flag): true
        case (.integer(let range, _), .integer(let value)): range.contains(value)
        case (.size(let range), .bytes(let value)): range.contains(value)
        case (.powerOfTwoSize(let range), .bytes(let value)): range.contains(value) && value.nonzeroBitCount == 1
        case (.duration(let range), .duration(let value)): range.contains(value)
        case (.probability, .fraction(let value)): value > 0 && value <= 1
        case (.fraction(let range), .fraction(let value)): range.contains(value)
        case (.choice(let words), .word(let value)): words.contains(value)
        case (.choiceOrCount(let words, _, _), .word(let value)): words.contains(value)
        case (.choiceOrCount(_, let range, _), .integer(let value)): range.contains(value)
        case (.text(let maxBytes), .text(let value)): isOneLine(value, maxBytes)
        case (.path(let maxBytes), .text(let value)):
            isOneLine(value, maxBytes) && value.utf8.first == UInt8(ascii: "/")
        case (.list(let item, let most), .list(let values)):
            values.count <= most && Set(values).count == values.count && values.allSatisfy { allows($0, as: item) }
        default: false
        }
    }

    /// All words where they are few, else some of them and how many there are.
    private static func choices(_ words: [String]) -> String {
        words.count <= 12
            ? words.joined(separator: ", ")
            : "\(words.count) names: \(words.prefix(3).joined(separator: ", ")), …, \(words.last!)"
    }

    private func allows(_ text: String, as item: ListItem) -> Bool {
        switch item {
        case .path(let maxBytes): isOneLine(text, maxBytes) && text.utf8.first == UInt8(ascii: "/")
        case .text(let maxBytes): isOneLine(text, maxBytes)
        case .choice(let words): words.contains(text)
        }
    }

    /// A document gives a list's items on a line each; variables and flags with commas between, or in brackets, as YAML.
    private static func items(of text: String) -> [String]? {
        if text.hasSuffix(itemEnd) { return text.split(separator: itemEnd).map(String.init) }
        if text.hasPrefix("[") { return ConfigurationDocument.list(in: text) }
        return text.split(separator: ",").map { item in
            String(item.drop { $0 == " " }.reversed().drop { $0 == " " }.reversed())
        }
    }

    /// What a document puts behind each item, and no item can hold.
    static let itemEnd = "\n"

    /// Digits with an optional sign only: `Int.init` would take more on other days.
    private func wholeNumber(_ text: String) -> Int? {
        text.utf8.allSatisfy { (48...57).contains($0) || $0 == UInt8(ascii: "-") } ? Int(text) : nil
    }

    /// Decimal notation only: `nan`, `inf` and hexadecimal floats are nobody's intention.
    private func decimal(_ text: String) -> Double? {
        guard text.utf8.count <= 40, text.utf8.allSatisfy({ (48...57).contains($0) || ".eE+-".utf8.contains($0) })
        else {
            return nil
        }
        return Double(text)
    }

    private func isOneLine(_ text: String, _ maxBytes: Int) -> Bool {
        (1...maxBytes).contains(text.utf8.count)
            && !text.unicodeScalars.contains { $0.value < 0x20 || (0x7F...0x9F).contains($0.value) }
    }
}

extension SizeNotation {
    static func text(_ range: ClosedRange<Int>) -> String { "\(text(range.lowerBound))..\(text(range.upperBound))" }
}

extension DurationNotation {
    static func text(_ range: ClosedRange<UInt64>) -> String { "\(text(range.lowerBound))..\(text(range.upperBound))" }
}
