/// Why segments were not merged. They are as they were.
public enum MergeError: Error, Sendable, CustomStringConvertible {
    /// The disk.
    case file(FileError)
    /// A segment that cannot be read in full.
    case damaged(path: String, reason: String)
    /// What came of it is not what went in: a mistake of ours, or of the disk.
    case different(path: String, reason: String)
    /// Segments that do not belong together: other columns, another run of the agent.
    case unlike(path: String, reason: String)
    /// Whoever asked for it does not want it any more.
    case cancelled

    /// One line.
    public var description: String {
        switch self {
        case .file(let error): "\(error)"
        case .damaged(let path, let reason): "\(path) is damaged: \(reason); tapio repair saves what is whole of it"
        case .different(let path, let reason): "\(path) is not what was merged (\(reason)); it was given up"
        case .unlike(let path, let reason): "\(path) can't be merged with the ones before it: \(reason)"
        case .cancelled: "stopped"
        }
    }

    init(_ error: ArchiveReadError) {
        switch error {
        case .file(let error): self = .file(error)
        case .contents(let path, let reason): self = .damaged(path: path, reason: "\(reason)")
        }
    }
}
