import TapioArchive
import TapioEvents

@testable import TapioPipeline

/// A row group, read back through a whole file: the values of each row by column name.
struct DecodedGroup {
    let file: ParquetFile
    let rows: [[String: EventValue]]

    /// Reads all columns, or those that are named.
    init(_ batch: ArchiveBatch, registry: SchemaRegistry, columns: Set<String>? = nil) throws {
        let schema = registry.parquetSchema
        var bytes = ParquetMetadata.magic
        let start = bytes.count
        bytes += Array(batch.group.bytes)
        let footer = ParquetMetadata.fileMetaData(
            schema: schema,
            rowCount: Int64(batch.group.rowCount),
            rowGroups: [batch.group.metadata(at: Int64(start))],
            keyValues: [],
            createdBy: "test"
        )
        bytes += footer
        bytes += withUnsafeBytes(of: UInt32(footer.count).littleEndian) { Array($0) }
        bytes += ParquetMetadata.magic
        file = try ParquetFile(bytes: bytes)
        var rows = [[String: EventValue]](repeating: [:], count: file.rowCount)
        for (index, column) in schema.columns.enumerated() where columns?.contains(column.name) ?? true {
            let data = try file.readColumn(group: 0, column: index, from: bytes)
            for row in 0..<file.rowCount where data.isValid(row) {
                rows[row][column.name] =
                    switch data.values {
                    case .integers(let values):
                        column.type == .timestampMicros ? .timestamp(values[row]) : .int(values[row])
                    case .doubles(let values): .double(values[row])
                    case .strings(let values): .string(values.text(Int(values.indices[row])))
                    }
            }
        }
        self.rows = rows
    }
}
