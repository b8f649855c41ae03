/// A SchemaElement of the Parquet format, as it stands in a file.
struct SchemaElement {
    var physicalType: Int32?
    var repetition: Int32?
    var name = ""
    var childCount = 0
    var convertedType: Int32?
    var fieldID: Int32 = 0
    var logicalType: Int16?
    var isMicros = false
    var isUTC = false

    /// The column that it declares.
    func column() throws(ParquetError) -> ParquetColumn {
        guard childCount == 0 else { throw ParquetError(.unsupported, "nested column", column: name) }
        guard let repetition, (0...1).contains(repetition) else {
            throw ParquetError(.unsupported, "repeated column", column: name)
        }
        return ParquetColumn(name: name, type: try type(), isRequired: repetition == 0, fieldID: fieldID)
    }

    private func type() throws(ParquetError) -> ParquetType {
        let isText = convertedType == ConvertedType.utf8 || logicalType == LogicalType.string
        let isTimestamp =
            convertedType == ConvertedType.timestampMicros
            || (logicalType == LogicalType.timestamp && isMicros && isUTC)
        let isPlain = convertedType == nil && logicalType == nil
        switch physicalType.flatMap(PhysicalType.init(rawValue:)) {
        case .int32 where isPlain: return .int32
        case .int64 where isPlain: return .int64
        case .int64 where isTimestamp: return .timestampMicros
        case .double where isPlain: return .double
        case .byteArray where isText: return .string
        default:
            throw ParquetError(
                .unsupported,
                "physical type \(physicalType ?? -1), converted type \(convertedType ?? -1)",
                column: name
            )
        }
    }
}

extension ThriftCompactReader {
    mutating func schemaElement() throws(ParquetError) -> SchemaElement {
        var element = SchemaElement()
        var hasName = false
        try structure { (reader, field) throws(ParquetError) in
            switch field.number {
            case 1: element.physicalType = try reader.int32(field)
            case 3: element.repetition = try reader.int32(field)
            case 4:
                element.name = try reader.string(field)
                hasName = true
            case 5: element.childCount = Int(try reader.int32(field))
            case 6: element.convertedType = try reader.int32(field)
            case 9: element.fieldID = try reader.int32(field)
            case 10: try reader.logicalType(field, into: &element)
            default: try reader.skip(field)
            }
        }
        guard hasName else { throw ParquetError(.malformed, "schema element without a name", offset: position) }
        return element
    }

    private mutating func logicalType(_ field: Field, into element: inout SchemaElement) throws(ParquetError) {
        try structure(field) { (reader, field) throws(ParquetError) in
            element.logicalType = field.number
            guard field.number == LogicalType.timestamp else { return try reader.skip(field) }
            try reader.structure(field) { (reader, field) throws(ParquetError) in
                switch field.number {
                case 1: element.isUTC = try reader.bool(field)
                case 2:
                    try reader.structure(field) { (reader, unit) throws(ParquetError) in
                        element.isMicros = unit.number == 2
                        try reader.skip(unit)
                    }
                default: try reader.skip(field)
                }
            }
        }
    }

    mutating func keyValue() throws(ParquetError) -> (key: String, value: String) {
        var pair = (key: "", value: "")
        var hasKey = false
        try structure { (reader, field) throws(ParquetError) in
            switch field.number {
            case 1:
                pair.key = try reader.string(field)
                hasKey = true
            case 2: pair.value = try reader.string(field)
            default: try reader.skip(field)
            }
        }
        guard hasKey else { throw ParquetError(.malformed, "key-value pair without a key", offset: position) }
        return pair
    }
}
