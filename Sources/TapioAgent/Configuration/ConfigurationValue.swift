/// The value of one key, in the unit that the code computes with.
public enum ConfigurationValue: Sendable, Hashable {
    /// `true` or `false`.
    case flag(Bool)
    /// A whole number.
    case integer(Int)
    /// Bytes.
    case bytes(Int)
    /// Nanoseconds.
    case duration(UInt64)
    /// A probability.
    case fraction(Double)
    /// Free text, or a path.
    case text(String)
    /// Several texts, in their order.
    case list([String])
    /// One of a key's choices, or the word that stands for "no value here", `auto` or `off`, as its declaration names it.
    case word(String)
}

extension ConfigurationValue: CustomStringConvertible {
    /// The value as a file would say it: units, and quotes only where YAML needs them. It parses back to the same value.
    public var description: String {
        switch self {
        case .flag(let value): value ? "true" : "false"
        case .integer(let value): String(value)
        case .bytes(let value): SizeNotation.text(value)
        case .duration(let ns): DurationNotation.text(ns)
        case .fraction(let value): value == 1 ? "1" : String(value)
        case .text(let value): QuotedText.text(value)
        case .list(let values): "[" + values.map(QuotedText.text).joined(separator: ", ") + "]"
        case .word(let value): value
        }
    }
}
