import TapioEvents

/// The part of time that a story is about.
public struct StoryRange: Sendable, Hashable {
    /// Not before, UTC nanoseconds since 1970; nil: from the archive's begin.
    public var sinceNs: Int64?
    /// Before, UTC nanoseconds since 1970; nil: to its end.
    public var untilNs: Int64?

    /// A range; all of time by default.
    public init(sinceNs: Int64? = nil, untilNs: Int64? = nil) {
        self.sinceNs = sinceNs
        self.untilNs = untilNs
    }

    /// What is in both.
    func within(_ other: StoryRange) -> StoryRange {
        StoryRange(
            sinceNs: [sinceNs, other.sinceNs].compactMap { $0 }.max(),
            untilNs: [untilNs, other.untilNs].compactMap { $0 }.min()
        )
    }
}

/// An archive with the names that its questions may use: what stories are read from.
public struct StoryArchive: Sendable {
    /// Answers questions.
    public let engine: QueryEngine
    /// The fields and kinds of the archive and of this version.
    public let schema: QuerySchema
    /// Whether nulls are filled in from the tables beside the archive.
    public var joins = true

    /// An archive to tell stories of.
    public init(engine: QueryEngine, schema: QuerySchema) {
        self.engine = engine
        self.schema = schema
    }

    /// The nodes that wrote it. A pid or an address means something on one node only.
    public var nodes: [String] { Set(engine.segments.compactMap(\.node)).sorted() }

    /// Hands over the rows that pass `filter`, in the order of time.
    ///
    /// - Parameter columns: Those that are read, where the archive has them; all where none is named.
    @discardableResult
    func forEach(
        _ filter: String,
        in range: StoryRange,
        columns: [String] = [],
        _ emit: (StoryRow) throws -> Bool
    ) throws -> ScanSummary {
        var spec = QuerySpec()
        spec.filter = filter
        spec.sinceNs = range.sinceNs
        spec.untilNs = range.untilNs
        spec.select = columns.filter { schema[$0] != nil }
        spec.joins = joins
        return try engine.forEachRow(try Query(spec, schema: schema)) { try emit(StoryRow($0)) }
    }

    /// The values of `columns` that there are, each with what `aggregates` make of its rows.
    func groups(
        _ filter: String,
        in range: StoryRange,
        by columns: [String],
        of aggregates: [String] = []
    ) throws -> [[EventValue]] {
        var spec = QuerySpec()
        spec.filter = filter
        spec.sinceNs = range.sinceNs
        spec.untilNs = range.untilNs
        spec.groupBy = columns
        spec.aggregates = aggregates
        spec.joins = joins
        return try engine.table(try Query(spec, schema: schema)).rows
    }

    /// How many events there are by the values of `columns`.
    func counts(
        _ filter: String,
        in range: StoryRange,
        by columns: [String]
    ) throws -> [(key: [EventValue], count: Double)] {
        try groups(filter, in: range, by: columns).map { row in
            let count: Double =
                switch row.last {
                case .int(let number): Double(number)
                case .double(let number): number
                default: 0
                }
            return (Array(row.dropLast()), count)
        }
    }
}

/// Parts of filters, written so that they mean what they hold.
enum FilterText {
    /// `column = value` for any text.
    static func equals(_ column: String, _ value: String) -> String {
        // Not by characters: a quote before a combining mark is another character.
        let scalars = value.unicodeScalars
        if !scalars.contains("\"") && scalars.last != "\\" { return "\(column) = \"\(value)\"" }
        if !scalars.contains("'") && scalars.last != "\\" { return "\(column) = '\(value)'" }
        // In quotes a backslash before a quote cannot be said: there, any character passes.
        return "\(column) ~ '^\(pattern(value))$'"
    }

    /// `column` is what the glob says: `*` for any text, `?` for one character.
    static func matches(_ column: String, glob: String) -> String {
        guard glob.unicodeScalars.contains(where: { $0 == "*" || $0 == "?" }) else { return equals(column, glob) }
        return "\(column) ~ '^\(pattern(glob, isGlob: true))$'"
    }

    /// `column` begins with the text.
    static func begins(_ column: String, with text: String) -> String { "\(column) ~ '^\(pattern(text))'" }

    /// A pattern for exactly the text, without quotes and backslashes, for which a dot stands.
    static func pattern(_ text: String, isGlob: Bool = false) -> String {
        var pattern = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "*" where isGlob: pattern += ".*"
            case "?" where isGlob: pattern += "."
            case "'", "\"", "\\": pattern += "."
            case ".", "*", "?", "+", "(", ")", "[", "]", "{", "}", "|", "^", "$":
                pattern += "[\(scalar == "^" ? "\\^" : String(scalar))]"
            default: pattern.unicodeScalars.append(scalar)
            }
        }
        return pattern
    }

    /// `column in (1, 2)`.
    static func isOne(of numbers: some Collection<Int64>, _ column: String) -> String {
        "\(column) in (\(numbers.sorted().map(String.init).joined(separator: ", ")))"
    }

    /// `kind in (a, b)`.
    static func kinds(_ names: some Sequence<String>) -> String { "kind in (\(names.joined(separator: ", ")))" }
}
