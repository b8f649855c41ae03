import TapioArchive
import TapioEvents

/// What the statements for an archive have to know of it: where it lies, and what is in it.
public struct SQLArchive: Sendable, Hashable {
    /// Files by a directory (or a file) that is meant as it is written, and a pattern below it.
    struct Files: Sendable, Hashable {
        var directory: String
        /// With `*` for any name; empty where `directory` is the file.
        var pattern: String

        func text(_ dialect: SQLDialect) -> String? {
            dialect.pattern(directory).map { pattern.isEmpty ? $0 : $0 == "/" ? "/" + pattern : "\($0)/\(pattern)" }
        }

        /// Whether paths of these files tell this partition.
        func tells(_ partition: String) -> Bool {
            "\(directory)/\(pattern)".split(separator: "/").contains { $0.hasPrefix(partition + "=") }
        }
    }

    /// The sealed segments.
    let segments: Files
    /// Whether there is one.
    public let hasSegments: Bool
    /// By table, its files; a table of which there is none is missing.
    let tables: [String: Files]
    /// The columns of the newest segment; empty where none opens.
    let columns: [Column]
    /// The kinds of which there are rows.
    let kinds: Set<String>
    /// Files that are left out, or disturb, and why: a line each.
    public let warnings: [String]
    /// See ``ArchiveSource/newerSchemaVersion``.
    public let newerSchemaVersion: String?

    /// Looks at what is at `path`: an archive's root, a node's directory, or one file. Reads the footer of one segment.
    ///
    /// - Parameter path: Absolute, since the statements are for programs that run elsewhere.
    public init(path: String) throws {
        let reader = try ArchiveReader(path: path, scope: .sealed)
        warnings = reader.warnings + Self.disturbances(reader)
        newerSchemaVersion = ArchiveSource.newerSchemaVersion(of: reader.segments)
        hasSegments = !reader.segments.isEmpty
        kinds = Set(reader.segments.flatMap { $0.totals.kinds.map(\.name) }.filter(SQLDialect.isWord))
        columns = Self.columns(reader.segments)
        let directory = path.count > 1 && path.hasSuffix("/") ? String(path.dropLast()) : path
        let isFile = reader.segments.contains { $0.path == path }
        let parts = directory.split(separator: "/")
        let isNode = parts.last?.hasPrefix("node=") ?? false
        // An archive's root holds nodes; a node's directory, whatever it is called, holds days.
        let isRoot =
            !isFile && !isNode
            && reader.segments.allSatisfy { segment in
                segment.path.dropFirst(directory.count).split(separator: "/").first?.hasPrefix("node=") ?? false
            }
        segments = Files(
            directory: directory,
            pattern: isFile ? "" : (isRoot ? "node=*/" : "") + "date=*/hour=*/*.parquet"
        )
        tables = Self.tables(of: parts.map(String.init), isRoot: isRoot)
    }

    /// Segments that are named one by one where a backup has all of them twice.
    private static let mostNamed = 10

    /// What is in the way of programs that read all files of the archive.
    private static func disturbances(_ reader: ArchiveReader) -> [String] {
        var lines = reader.segments.filter(\.isDamaged).map {
            "\($0.path) is damaged, and who meets it refuses the whole view; tapio repair saves what is whole of it"
        }
        let twice = reader.duplicates.sorted { $0.key < $1.key }
        for (path, merged) in twice.prefix(mostNamed) {
            lines.append("\(path) counts twice: its rows are in \(merged) as well; remove it")
        }
        if twice.count > mostNamed { lines.append("\(twice.count - mostNamed) more segments count twice") }
        return lines
    }

    /// Of the newest segment that opens.
    private static func columns(_ segments: [ArchiveSegment]) -> [Column] {
        for segment in segments.reversed() {
            guard let opened = try? segment.open(), !opened.schema.columns.isEmpty else { continue }
            return opened.schema.columns.filter { SQLDialect.isWord($0.name) }.map { column in
                Column(column.fieldID, column.name, ColumnType(column.type), isRequired: column.isRequired, "")
            }
        }
        return []
    }

    private static func tables(of parts: [String], isRoot: Bool) -> [String: Files] {
        let node = parts.last { $0.hasPrefix("node=") }
        let root = isRoot ? parts : node.flatMap { parts.lastIndex(of: $0) }.map { Array(parts[..<$0]) }
        guard let root else { return [:] }
        let path = root.map { "/" + $0 }.joined()
        let files = PosixFileSystem()
        func nodes(_ table: String) -> [String] {
            guard let entries = try? files.list("\(path)/_dimensions/\(table)") else { return [] }
            let names = entries.filter { $0.isDirectory && $0.name.hasPrefix("node=") }.map(\.name)
            return isRoot ? names : names.filter { $0 == node }
        }
        var tables: [String: Files] = [:]
        for table in JoinTable.all.map(\.name) {
            let isThere = nodes(table).contains { name in
                (try? files.list("\(path)/_dimensions/\(table)/\(name)"))?.contains { $0.name.hasSuffix(".pq") }
                    ?? false
            }
            guard isThere else { continue }
            let directory = "\(path)/_dimensions/\(table)"
            tables[table] =
                isRoot
                ? Files(directory: directory, pattern: "node=*/*.pq")
                : Files(directory: "\(directory)/\(node ?? "")", pattern: "*.pq")
        }
        return tables
    }
}
