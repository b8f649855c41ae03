import TapioArchive
import TapioEvents

/// The tables beside an archive of one node, as a join asks them.
public protocol DimensionSource: Sendable {
    /// Tells it from those of other nodes.
    var name: String { get }
    /// Whether there is anything of a table.
    func has(_ table: String) -> Bool
    /// The parts of a table in the order in which they were written, and what of it cannot be read.
    func parts(of table: String) -> (parts: [any RowGroupSource], damage: [Damage])
}

/// Those on disk.
struct ArchiveDimensions: DimensionSource {
    private let reader: DimensionReader

    init(_ reader: DimensionReader) {
        self.reader = reader
    }

    var name: String { "\(reader.root) \(reader.node)" }

    func has(_ table: String) -> Bool {
        // What cannot be listed is said when it is read.
        (try? reader.files(of: table).isEmpty) != true
    }

    func parts(of table: String) -> (parts: [any RowGroupSource], damage: [Damage]) {
        var parts: [any RowGroupSource] = []
        var damage: [Damage] = []
        do throws(FileError) {
            for path in try reader.files(of: table) {
                do throws(ArchiveReadError) {
                    let file = try reader.open(path)
                    let columns = file.parquet.schema.columns.map {
                        SourceColumn(name: $0.name, type: ColumnType($0.type))
                    }
                    for group in file.parquet.rowGroups.indices {
                        parts.append(DimensionRowGroup(file: file, group: group, columns: columns))
                    }
                } catch {
                    damage.append(Damage(place: path, reason: Self.reason(error)))
                }
            }
        } catch {
            damage.append(Damage(place: "table \(table) of \(reader.node)", reason: "\(error)"))
        }
        return (parts, damage)
    }

    /// Without the file, which the damage names.
    private static func reason(_ error: ArchiveReadError) -> String {
        switch error {
        case .file(let error): "\(error)"
        case .contents(_, let error): "\(error)"
        }
    }
}

/// A row group of a table's file.
private struct DimensionRowGroup: RowGroupSource {
    let file: DimensionFile
    let group: Int
    let columns: [SourceColumn]

    var name: String { file.path }
    var rowCount: Int { file.parquet.rowGroups[group].rowCount }
    var byteCount: Int { file.parquet.rowGroups[group].columns.reduce(0) { $0 + $1.compressedByteCount } }

    func bounds(_ column: Int) -> ColumnBounds { ColumnBounds(file.parquet.rowGroups[group].statistics(column)) }

    func read(_ column: Int) throws -> ColumnVector {
        ColumnVector(try file.readColumn(column, ofGroup: group))
    }
}
