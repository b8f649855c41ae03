import TapioEvents

/// The metadata of an Arrow IPC file as FlatBuffers: `Message.fbs`, `Schema.fbs` and `File.fbs` of the Arrow format, version
/// V5. Numbers of fields and types are theirs.
enum ArrowMetadata {
    /// `MetadataVersion.V5`.
    private static let version: Int16 = 4

    /// A buffer of a batch: where it begins in the body, and its bytes.
    struct Extent: Sendable, Hashable {
        var offset: Int64
        var length: Int64
    }

    /// Where a message stands in the file.
    struct Block: Sendable, Hashable {
        var offset: Int64
        /// With the prefix.
        var metadataLength: Int32
        var bodyLength: Int64
    }

    /// The message that declares the columns.
    static func schema(_ columns: [Column], creator: String) -> [UInt8] {
        var builder = FlatBufferBuilder()
        let schema = schemaTable(columns, creator: creator, &builder)
        return message(header: schema, type: 1, bodyLength: 0, &builder)
    }

    /// The message before a batch's body.
    ///
    /// - Parameter nodes: Rows and nulls of each column.
    static func recordBatch(
        rows: Int,
        nodes: [(rows: Int, nulls: Int)],
        buffers: [Extent],
        bodyLength: Int64
    ) -> [UInt8] {
        var builder = FlatBufferBuilder()
        // BodyCompression: ZSTD, buffer by buffer.
        let compression = builder.table([.byte(0, 1), .byte(1, 0)])
        let nodes = builder.vector(nodes.flatMap { [Int64($0.rows), Int64($0.nulls)] }, width: 2)
        let buffers = builder.vector(buffers.flatMap { [$0.offset, $0.length] }, width: 2)
        let batch = builder.table([
            .int64(0, Int64(rows)), .place(1, nodes), .place(2, buffers), .place(3, compression),
        ])
        return message(header: batch, type: 3, bodyLength: bodyLength, &builder)
    }

    /// The file's footer, without its length.
    static func footer(_ columns: [Column], creator: String, batches: [Block]) -> [UInt8] {
        var builder = FlatBufferBuilder()
        let schema = schemaTable(columns, creator: creator, &builder)
        // A block is an i64, an i32 with four bytes of room behind it, and an i64.
        let numbers = batches.flatMap { [$0.offset, Int64($0.metadataLength), $0.bodyLength] }
        let blocks = builder.vector(numbers, width: 3)
        let dictionaries = builder.vector([], width: 3)
        let footer = builder.table([
            .place(1, schema), .place(2, dictionaries), .place(3, blocks), .int16(0, version),
        ])
        return builder.finish(footer)
    }

    private static func message(
        header: FlatBufferBuilder.Place,
        type: UInt8,
        bodyLength: Int64,
        _ builder: inout FlatBufferBuilder
    ) -> [UInt8] {
        let message = builder.table([
            .int64(3, bodyLength), .place(2, header), .int16(0, version), .byte(1, type),
        ])
        return builder.finish(message)
    }

    private static func schemaTable(
        _ columns: [Column],
        creator: String,
        _ builder: inout FlatBufferBuilder
    ) -> FlatBufferBuilder.Place {
        let fields = columns.map { field($0, &builder) }
        let list = builder.vector(fields)
        let key = builder.string("created_by")
        let value = builder.string(creator)
        let pairs = builder.vector([builder.table([.place(0, key), .place(1, value)])])
        // Little-endian is 0.
        return builder.table([.place(1, list), .place(2, pairs), .int16(0, 0)])
    }

    private static func field(_ column: Column, _ builder: inout FlatBufferBuilder) -> FlatBufferBuilder.Place {
        let name = builder.string(column.name)
        let (number, type) = type(of: column.type, &builder)
        let children = builder.vector([])
        return builder.table([
            .place(0, name), .place(3, type), .place(5, children), .byte(1, 1), .byte(2, number),
        ])
    }

    /// The number of the type in the union `Type`, and its table.
    private static func type(
        of type: ColumnType,
        _ builder: inout FlatBufferBuilder
    ) -> (UInt8, FlatBufferBuilder.Place) {
        switch type {
        case .int32: return (2, builder.table([.int32(0, 32), .byte(1, 1)]))
        case .int64: return (2, builder.table([.int32(0, 64), .byte(1, 1)]))
        // Precision DOUBLE.
        case .double: return (3, builder.table([.int16(0, 2)]))
        case .string: return (5, builder.table([]))
        case .timestamp:
            let zone = builder.string("UTC")
            // Unit MICROSECOND.
            return (10, builder.table([.place(1, zone), .int16(0, 2)]))
        }
    }
}
