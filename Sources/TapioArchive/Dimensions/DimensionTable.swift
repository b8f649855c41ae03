import TapioRings

/// A value of a row of a ``DimensionTable``.
public enum DimensionValue: Sendable, Hashable {
    /// Not known.
    case null
    /// A number, or UTC microseconds since 1970.
    case integer(Int64)
    /// Text.
    case text(String)
}

/// A small table beside the archive: what became known of processes, containers and pods, also after their events had been
/// written. Its files are Parquet, an hour or so many rows each; a file is written again as rows come, and takes its place in
/// one step.
///
/// They are `<root>/_dimensions/<name>/node=<node>/<hour>-<run>-0000.pq`, then `…-0001.pq` and so on, so that what was written
/// later has the greater name: readers that are pointed at the archive's root pass over
/// them, those that skip what begins with `_` and those that look for `*.parquet`. Used by one caller at a time.
public struct DimensionTable: Sendable {
    /// Rows of a file at most; then another begins.
    public static let mostRows = 4096
    /// Files of a node at most; the oldest go first.
    public static let mostFiles = 24 * 31
    /// Bytes of a node's files at most, likewise.
    public static let mostBytes: Int64 = 64 << 20

    /// Where its files are.
    public let directory: String
    /// Rows that found no place, since the file before them could not be written.
    public private(set) var refused: UInt64 = 0
    private let schema: ParquetSchema
    private let run: String
    private let createdBy: String
    private let fileSystem: any FileSystem
    private var hour: ArchiveHour?
    /// Files of the hour before the open one.
    private var part = 0
    private var rows: [[DimensionValue]] = []
    private var isDirty = false
    /// Why the last ``flush()`` failed.
    private var obstacle: FileError?
    /// Whether the last ``flush()`` failed: where a file is full, rows are refused at once until one succeeds, since each
    /// attempt encodes the whole file.
    public var isBlocked: Bool { obstacle != nil }

    /// A table without rows. Nothing is written before the first ``flush()``.
    ///
    /// - Parameters:
    ///   - root: The archive's root.
    ///   - name: The table's name.
    ///   - run: What tells this run of the agent from others in the same hour, and is greater than that of one before.
    public init(
        root: String,
        name: String,
        columns: [ParquetColumn],
        node: String,
        run: String,
        createdBy: String,
        fileSystem: any FileSystem = PosixFileSystem()
    ) {
        directory = "\(root)/_dimensions/\(name)/node=\(node)"
        schema = ParquetSchema(columns: columns)
        self.run = run
        self.createdBy = createdBy
        self.fileSystem = fileSystem
    }

    /// Adds a row; it is in a file after the next ``flush()``. A new hour begins a new file, so flush first when it does.
    ///
    /// - Precondition: it has a value of its type for each column, which is not null where it must not be.
    public mutating func add(_ row: [DimensionValue], atMicroseconds now: Int64) throws(FileError) {
        precondition(row.count == schema.columns.count)
        let current = ArchiveHour(timestampNs: now.multipliedReportingOverflow(by: 1000).partialValue)
        if let hour, hour != current || rows.count >= Self.mostRows {
            do throws(FileError) {
                if let obstacle { throw obstacle }
                try flush()
            } catch {
                refused += 1
                throw error
            }
            part = hour == current ? part + 1 : 0
            rows = []
            try removeOldest()
        }
        hour = current
        rows.append(row)
        isDirty = true
    }

    /// Writes the hour's file where rows have come since the last time.
    public mutating func flush() throws(FileError) {
        guard isDirty, let hour else { return }
        do throws(FileError) {
            try write(hour)
            obstacle = nil
            isDirty = false
        } catch {
            obstacle = error
            throw error
        }
    }

    private func write(_ hour: ArchiveHour) throws(FileError) {
        let changed = try fileSystem.makeDirectories(directory)
        let number = String(part)
        let padding = String(repeating: "0", count: max(0, 4 - number.count))
        let path = "\(directory)/\(hour.fileName)-\(run)-\(padding)\(number).pq"
        let temporary = path + ".new"
        // What an earlier attempt left.
        if try fileSystem.facts(of: temporary) != nil { try fileSystem.remove(temporary) }
        do throws(FileError) {
            let file = try fileSystem.create(temporary)
            var written = 0
            try file.writeAll([.array(encoded())], at: 0, written: &written)
            try file.sync()
            try fileSystem.rename(temporary, to: path)
        } catch {
            // A part of a file is worth nothing, and the archive may need the room.
            try? fileSystem.remove(temporary)
            throw error
        }
        for directory in changed + [directory] { try fileSystem.syncDirectory(directory) }
    }

    private func removeOldest() throws(FileError) {
        let names = try fileSystem.list(directory).filter { !$0.isDirectory && $0.name.hasSuffix(".pq") }.map(\.name)
        var files: [(path: String, modifiedNs: Int64, bytes: Int64)] = []
        for path in names.map({ "\(directory)/\($0)" }) {
            if let facts = try fileSystem.facts(of: path) { files.append((path, facts.modifiedNs, facts.size)) }
        }
        files.sort { ($0.modifiedNs, $0.path) > ($1.modifiedNs, $1.path) }
        var bytes: Int64 = 0
        for (place, file) in files.enumerated() {
            bytes += file.bytes
            if place >= Self.mostFiles || bytes > Self.mostBytes { try fileSystem.remove(file.path) }
        }
    }

    /// A complete Parquet file.
    private func encoded() -> [UInt8] {
        let encoder = RowGroupEncoder(schema: schema)
        encoder.begin(rowCount: rows.count)
        for (place, column) in schema.columns.enumerated() {
            var validity = [UInt64](repeating: 0, count: (rows.count + 63) / 64)
            for (row, values) in rows.enumerated() where values[place] != .null {
                validity[row / 64] |= 1 << UInt64(row % 64)
            }
            encode(place, column, validity, encoder)
        }
        let group = encoder.finish()
        let magic = ParquetMetadata.magic
        let footer = ParquetMetadata.fileMetaData(
            schema: schema,
            rowCount: Int64(rows.count),
            rowGroups: [group.metadata(at: Int64(magic.count))],
            keyValues: [],
            createdBy: createdBy
        )
        let length = (0..<4).map { UInt8(truncatingIfNeeded: footer.count >> (8 * $0)) }
        return magic + Array(group.bytes) + footer + length + magic
    }

    private func encode(_ place: Int, _ column: ParquetColumn, _ validity: [UInt64], _ encoder: RowGroupEncoder) {
        let values = rows.map { $0[place] }.filter { $0 != .null }
        let mask = column.isRequired ? nil : validity.span
        switch column.type {
        case .string:
            var interner = BytesInterner()
            let indices = values.map { value -> UInt32 in
                guard case .text(let text) = value else { preconditionFailure("\(column.name) holds text") }
                let bytes = Array(text.utf8)
                return interner.intern(unsafe bytes.span.bytes)
            }
            encoder.strings(place, indices: indices.span, dictionary: interner.dictionary, validity: mask)
        default:
            let numbers = values.map { value -> Int64 in
                guard case .integer(let number) = value else { preconditionFailure("\(column.name) holds numbers") }
                return number
            }
            encoder.integers(place, values: numbers.span, validity: mask)
        }
    }
}
