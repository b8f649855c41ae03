/// The forms of files that events are exported to.
public enum EventFileFormat: String, Sendable, Hashable, CaseIterable {
    /// A JSON object a line, as `tapio cat --json` writes it. Without nulls.
    case ndjson
    /// RFC 4180, with a header.
    case csv
    /// Arrow IPC file: typed columns, for programs that map it.
    case arrow
    /// Perfetto trace: a timeline for people.
    case perfetto

    /// What a file's name says: the form, and whether it is compressed as a whole. Nil where it says nothing.
    public static func named(_ path: String) -> (format: EventFileFormat, isCompressed: Bool)? {
        let name = path.lowercased()
        let isCompressed = name.hasSuffix(".zst")
        let plain = isCompressed ? String(name.dropLast(4)) : name
        for (ending, format) in endings where plain.hasSuffix(ending) { return (format, isCompressed) }
        return nil
    }

    /// The endings of names, the usual one of each form first.
    public static let endings: [(String, EventFileFormat)] = [
        (".ndjson", .ndjson), (".jsonl", .ndjson), (".json", .ndjson), (".csv", .csv), (".arrow", .arrow),
        (".feather", .arrow), (".ipc", .arrow), (".pftrace", .perfetto), (".perfetto-trace", .perfetto),
        (".perfetto", .perfetto),
    ]

    /// Whether the form is text that is worth compressing as a whole.
    public var isText: Bool { self == .ndjson || self == .csv }
}
