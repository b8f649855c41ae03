import Foundation

/// Everything that may set a key. Later ones win: defaults, file, drop-ins in order, environment, flags.
public struct ConfigurationSources: Sendable, Hashable {
    /// The main file. Its drop-ins are `<path>.d/*.yaml` in the order of their names' bytes.
    public var file: File
    /// The environment. Only names that begin with `TAPIO_` are looked at.
    public var environment: [String: String]
    /// The command line's settings, in its order.
    public var flags: [ConfigurationFlag]

    /// The main file.
    public enum File: Sendable, Hashable {
        /// The place where it is looked for when nobody names one; it may be missing.
        case standard(String)
        /// A file that somebody named; an error where it is missing.
        case named(String)

        /// The file's path.
        public var path: String {
            switch self {
            case .standard(let path), .named(let path): path
            }
        }
    }

    /// Where the agent looks for its file when nobody names one.
    public static let standardPath = "/etc/tapio/tapio.yaml"

    /// The sources as given.
    public init(
        file: File = .standard(standardPath),
        environment: [String: String] = [:],
        flags: [ConfigurationFlag] = []
    ) {
        self.file = file
        self.environment = environment
        self.flags = flags
    }

    /// The environment of this process.
    public static var processEnvironment: [String: String] { ProcessInfo.processInfo.environment }
}

/// A key that the command line sets.
public struct ConfigurationFlag: Sendable, Hashable {
    /// The key's path.
    public let key: String
    /// The value's text.
    public let value: String
    /// The flag as the user wrote it, for errors and `config show`.
    public let spelling: String

    /// A flag of its own, as in `--archive /x` for `archive.path`.
    public init(key: String, value: String, spelling: String) {
        self.key = key
        self.value = value
        self.spelling = spelling
    }

    /// The argument of `--set`, as in `archive.path=/x`.
    ///
    /// - Throws: where it has no `=` or nothing before it.
    public init(set argument: String) throws(ConfigurationError) {
        guard let separator = argument.firstIndex(of: "="), separator != argument.startIndex else {
            throw ConfigurationError(
                .flag("--set \(argument)"),
                "has no key and value",
                remedy: "write --set archive.path=/data"
            )
        }
        let key = String(argument[..<separator])
        self.init(key: key, value: String(argument[argument.index(after: separator)...]), spelling: "--set \(key)")
    }
}
