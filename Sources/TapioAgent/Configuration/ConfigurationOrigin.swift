/// Where a value was given.
public enum ConfigurationOrigin: Sendable, Hashable {
    /// Nowhere: the default.
    case defaults
    /// A file. Line and column count from 1, the column in Unicode scalars; both are 0 for the file as a whole.
    case file(path: String, line: Int, column: Int)
    /// An environment variable.
    case environment(String)
    /// A flag of the command line, as it is spelled there.
    case flag(String)

    /// A file as a whole.
    static func file(_ path: String) -> Self { .file(path: path, line: 0, column: 0) }
}

extension ConfigurationOrigin: CustomStringConvertible {
    /// `default`, `path:line`, the variable's name, or the flag.
    public var description: String {
        switch self {
        case .defaults: "default"
        case .file(let path, let line, _): line > 0 ? "\(path):\(line)" : path
        case .environment(let name): name
        case .flag(let spelling): spelling
        }
    }
}
