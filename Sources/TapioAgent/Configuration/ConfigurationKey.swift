/// One key's declaration: parser, checks, `config default`, `config show` and the reference are all made from it.
public struct ConfigurationKey: Sendable {
    /// Its place in the file, `archive.segment.max_bytes`.
    public let path: String
    /// What its value may be.
    public let type: ConfigurationType
    /// The word that may stand instead of a value, `auto` or `off`; `nil` where there is none.
    public let word: String?
    /// The value when nobody gives one.
    public let defaultValue: ConfigurationValue
    /// One line for the operator.
    public let summary: String
    /// When a change takes effect.
    public let reload: ConfigurationReload
    /// Whether the key is left out of documents while it has its default: one of many alike, that its section explains.
    public let isOneOfMany: Bool
    let read: @Sendable (AgentConfiguration) -> ConfigurationValue
    let write: @Sendable (inout AgentConfiguration, ConfigurationValue) -> Void

    /// The key's value in a configuration.
    public func value(in configuration: AgentConfiguration) -> ConfigurationValue { read(configuration) }

    /// The environment variable that sets it: `TAPIO_ARCHIVE_SEGMENT_MAX_BYTES`.
    public var environmentVariable: String {
        "TAPIO_" + String(path.uppercased().map { $0.isLetter || $0.isNumber ? $0 : "_" })
    }

    /// What may stand as its value, as an error and the documentation say it.
    public var expectation: String {
        word.map { "\($0), or \(type.expectation)" } ?? type.expectation
    }

    /// The value that `text` stands for.
    ///
    /// - Throws: what is wrong with it, with the allowed range named.
    func parse(_ text: String) throws(InvalidValue) -> ConfigurationValue {
        if let word, text == word { return .word(word) }
        // 0 has always meant "no limit" to operators.
        if word == ConfigurationKey.off, text == "0" { return .word(ConfigurationKey.off) }
        guard !text.isEmpty else { throw InvalidValue("has no value; it is \(expectation)") }
        guard let value = type.parse(text) else {
            throw InvalidValue("\(excerpt(of: text)) is not \(expectation)")
        }
        guard type.allows(value) else {
            throw InvalidValue("\(excerpt(of: text)) is out of range: it must be \(expectation)")
        }
        return value
    }

    /// A value in an error message: quoted, and cut, because it may be a megabyte of anything.
    private func excerpt(of text: String) -> String {
        text.count <= 60 ? QuotedText.quoted(text) : QuotedText.quoted(String(text.prefix(60))) + "..."
    }

    static let auto = "auto"
    static let off = "off"
}

/// Why a text is no value of its key.
struct InvalidValue: Error {
    let message: String

    init(_ message: String) { self.message = message }
}

/// When a changed key takes effect.
public enum ConfigurationReload: String, Sendable, Hashable {
    /// With the reload, without a gap.
    case live
    /// With the next start; a reload reports it and goes on with the old value.
    case restart
}
