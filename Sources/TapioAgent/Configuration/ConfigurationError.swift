/// One thing that is wrong with the configuration: where, what, and what to do.
public struct ConfigurationError: Error, Sendable, Hashable, CustomStringConvertible {
    /// Where it was found.
    public let origin: ConfigurationOrigin
    /// The key that it is about, as it was written; `nil` where it is about the file.
    public let key: String?
    /// What is wrong.
    public let message: String
    /// What to do.
    public let remedy: String

    init(_ origin: ConfigurationOrigin, key: String? = nil, _ message: String, remedy: String) {
        self.origin = origin
        self.key = key
        self.message = message
        self.remedy = remedy
    }

    /// The file's path; `nil` for environment and flags.
    public var file: String? {
        guard case .file(let path, _, _) = origin else { return nil }
        return path
    }

    /// Line from 1; `nil` where it is about no line.
    public var line: Int? {
        guard case .file(_, let line, _) = origin, line > 0 else { return nil }
        return line
    }

    /// Column from 1, in Unicode scalars; `nil` where it is about no column.
    public var column: Int? {
        guard case .file(_, _, let column) = origin, column > 0 else { return nil }
        return column
    }

    /// One line: `path:line:column: error: key: message; remedy`, as compilers write it and editors read it.
    public var description: String {
        var place =
            switch origin {
            case .defaults: "configuration"
            case .file(let path, _, _): path
            case .environment(let name): name
            case .flag(let spelling): spelling
            }
        if let line { place += ":\(line)" }
        if let column { place += ":\(column)" }
        // Names come from files and environments: no control character of theirs may reach a terminal or break the line.
        let subject = key.map { "\(Self.printable($0)): " } ?? ""
        return "\(Self.printable(place)): error: \(subject)\(message); \(remedy)"
    }

    private static func printable(_ text: String) -> String {
        let short = text.count <= 200 ? text : String(text.prefix(200)) + "..."
        let quoted = QuotedText.quoted(short)
        return quoted.contains("\\") ? quoted : short
    }
}

/// All that is wrong with the configuration, as far as it is worth reading at once.
public struct ConfigurationErrors: Error, Sendable, Hashable, CustomStringConvertible {
    /// At most this many are kept; the rest are counted.
    public static let limit = 20

    /// The first ``limit`` errors in the order of discovery; never empty once thrown.
    public private(set) var errors: [ConfigurationError] = []
    /// How many more there are.
    public private(set) var omitted = 0

    /// A line for each error, and one for those left out.
    public var description: String {
        var lines = errors.map(\.description)
        if omitted > 0 { lines.append("and \(omitted) more; correct these first") }
        return lines.joined(separator: "\n")
    }

    var isEmpty: Bool { errors.isEmpty }

    /// Keeps or counts an error; one that is only counted is never built.
    mutating func add(_ error: @autoclosure () -> ConfigurationError) {
        guard errors.count < Self.limit else { return omitted += 1 }
        errors.append(error())
    }
}
