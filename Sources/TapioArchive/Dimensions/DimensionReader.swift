import Glibc

/// The tables of one node beside an archive, as ``DimensionTable`` writes them. Needs no lock and never writes.
public struct DimensionReader: Sendable {
    /// The archive's root.
    public let root: String
    /// Whose tables they are.
    public let node: String
    private let fileSystem: any FileSystem

    /// The tables of `node` in the archive at `root`, whether there are any or not.
    public init(root: String, node: String, fileSystem: any FileSystem = PosixFileSystem()) {
        self.root = root
        self.node = node
        self.fileSystem = fileSystem
    }

    /// The tables that belong to a segment; nil where it does not lie in an archive's directories.
    ///
    /// - Parameter node: Who wrote the segment, for a node's directory that has lost its name.
    public init?(besideSegment path: String, node: String?, fileSystem: any FileSystem = PosixFileSystem()) {
        let hour = FilePath.directory(of: path)
        let date = FilePath.directory(of: hour)
        guard FilePath.name(of: hour).hasPrefix("hour="), FilePath.name(of: date).hasPrefix("date=") else { return nil }
        let directory = FilePath.directory(of: date)
        let name = FilePath.name(of: directory)
        if name.hasPrefix("node=") {
            let root = FilePath.directory(of: directory)
            self.init(root: root.isEmpty ? "." : root, node: String(name.dropFirst(5)), fileSystem: fileSystem)
        } else if let node {
            self.init(root: directory.isEmpty ? ".." : directory + "/..", node: node, fileSystem: fileSystem)
        } else {
            return nil
        }
    }

    /// The files of a table in the order in which they were written; empty where there is no such table.
    ///
    /// An hour's files of several runs come in the order of their last change.
    public func files(of table: String) throws(FileError) -> [String] {
        let directory = "\(root)/_dimensions/\(table)/node=\(node)"
        let names: [String]
        do throws(FileError) {
            names = try fileSystem.list(directory).filter { !$0.isDirectory && $0.name.hasSuffix(".pq") }.map(\.name)
        } catch  where error.code == ENOENT || error.code == ENOTDIR {
            return []
        }
        var files: [(hour: Substring, changed: Int64, path: String)] = []
        for name in names {
            let path = "\(directory)/\(name)"
            // What the agent removes meanwhile was its oldest.
            guard let facts = try fileSystem.facts(of: path) else { continue }
            files.append((name.prefix(Self.hourLength), facts.modifiedNs, path))
        }
        return files.sorted { ($0.hour, $0.changed, $0.path) < ($1.hour, $1.changed, $1.path) }.map(\.path)
    }

    /// `YYYY-MM-DDTHH`.
    private static let hourLength = 13

    /// Maps a file and reads what is in it. It stays readable when the agent writes it again or deletes it.
    public func open(_ path: String) throws(ArchiveReadError) -> DimensionFile {
        let file: MappedFile
        do throws(FileError) {
            file = try fileSystem.map(path)
        } catch {
            throw .file(error)
        }
        do throws(ParquetError) {
            let parquet = try file.withBytes { (bytes: RawSpan) throws(ParquetError) in try ParquetFile(bytes: bytes) }
            return DimensionFile(path: path, parquet: parquet, file: file)
        } catch {
            throw .contents(path: path, error)
        }
    }
}

/// A file of a table, mapped for reading.
public struct DimensionFile: Sendable {
    /// Where it lies.
    public let path: String
    /// Its columns and row groups.
    public let parquet: ParquetFile
    private let file: MappedFile

    init(path: String, parquet: ParquetFile, file: MappedFile) {
        self.path = path
        self.parquet = parquet
        self.file = file
    }

    /// Decodes a column of a row group.
    ///
    /// - Precondition: there are such.
    public func readColumn(_ column: Int, ofGroup group: Int) throws(ArchiveReadError) -> ColumnData {
        do throws(ParquetError) {
            return try file.withBytes { (bytes: RawSpan) throws(ParquetError) in
                try parquet.readColumn(group: group, column: column, from: bytes)
            }
        } catch {
            throw .contents(path: path, error)
        }
    }
}
