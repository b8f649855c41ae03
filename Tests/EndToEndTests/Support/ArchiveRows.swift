import TapioArchive

/// Some columns of all rows of an archive (or of one file), read with our own reader.
struct ArchiveRows {
    fileprivate final class Group {
        let columns: [String: ColumnData]
        let rowCount: Int

        init(columns: [String: ColumnData], rowCount: Int) {
            self.columns = columns
            self.rowCount = rowCount
        }
    }

    /// A row of the archive.
    struct Row {
        fileprivate let group: Group
        fileprivate let index: Int

        /// The number (or timestamp, in microseconds) in a column; nil where it is null or there is no such column.
        func int(_ column: String) -> Int64? {
            guard let data = group.columns[column], data.isValid(index), case .integers(let values) = data.values
            else { return nil }
            return values[index]
        }

        func double(_ column: String) -> Double? {
            guard let data = group.columns[column], data.isValid(index), case .doubles(let values) = data.values
            else { return nil }
            return values[index]
        }

        /// The text in a column; nil where it is null.
        func text(_ column: String) -> String? {
            guard let data = group.columns[column], data.isValid(index), case .strings(let values) = data.values
            else { return nil }
            return values.text(Int(values.indices[index]))
        }
    }

    /// Files that were left out, and what is wrong with those that were read.
    let problems: [String]
    /// How many segments there are.
    let segmentCount: Int
    /// The key-values of each segment, in order of time.
    let segmentFacts: [[String: String]]
    private let groups: [Group]

    /// Reads the named columns of the archive at `path`.
    init(_ path: String, columns: [String], scope: ArchiveReader.Scope = .sealedAndOpen) throws {
        let reader = try ArchiveReader(path: path, scope: scope)
        var problems = reader.warnings
        var groups: [Group] = []
        var facts: [[String: String]] = []
        for segment in reader.segments {
            let opened = try segment.open()
            problems += opened.problems.map { "\(segment.path): \($0)" }
            facts.append(Dictionary(opened.keyValues.map { ($0.key, $0.value) }, uniquingKeysWith: { $1 }))
            let places = opened.schema.columns.enumerated().filter { columns.contains($0.element.name) }
            for group in opened.rowGroups {
                var read: [String: ColumnData] = [:]
                for (place, column) in places { read[column.name] = try opened.readColumn(place, of: group) }
                groups.append(Group(columns: read, rowCount: group.rowCount))
            }
        }
        self.problems = problems
        self.groups = groups
        segmentCount = reader.segments.count
        segmentFacts = facts
    }

    /// All rows, in the order of the files.
    var all: [Row] {
        groups.flatMap { group in (0..<group.rowCount).map { Row(group: group, index: $0) } }
    }

    /// The rows of some kinds. Needs the column `kind`.
    func of(_ kinds: String...) -> [Row] {
        all.filter { row in row.text("kind").map(kinds.contains) ?? false }
    }
}
