import TapioRings

extension RowGroupEncoder {
    /// Gives an int32, int64 or timestamp (µs since 1970, UTC) column. Traps when a value doesn't fit.
    ///
    /// - Parameters:
    ///   - column: Place in the schema.
    ///   - values: The values of the rows that have one, in row order.
    ///   - validity: A bit per row, lowest first, set where there is a value; nil when all have one.
    public func integers(_ column: Int, values: Span<Int64>, validity: Span<UInt64>? = nil) {
        check(column, types: [.int32, .int64, .timestampMicros])
        check(column, valueCount: values.count, validity: validity)
        guard values.count > 0 else { return allNull(column) }
        unsafe values.withUnsafeBufferPointer { unsafe encode(column, integers: $0, validity: validity) }
    }

    /// Gives a column that has the same integer (int32, int64 or timestamp) in each row. Traps when it doesn't fit.
    public func constant(_ column: Int, integer value: Int64) {
        check(column, types: [.int32, .int64, .timestampMicros])
        guard rowCount > 0 else { return allNull(column) }
        precondition(schema.columns[column].type != .int32 || Int32(exactly: value) != nil, "\(value) is no int32")
        appendConstant(
            column,
            bits: value,
            valueCount: rowCount,
            validity: nil,
            statistics: ColumnStatistics(nullCount: 0, minimum: .integer(value), maximum: .integer(value))
        )
    }

    @unsafe private func encode(
        _ column: Int,
        integers values: UnsafeBufferPointer<Int64>,
        validity: Span<UInt64>?
    ) {
        var minimum = Int64.max
        var maximum = Int64.min
        for index in 0..<values.count {
            let value = unsafe values[index]
            minimum = min(minimum, value)
            maximum = max(maximum, value)
        }
        precondition(
            schema.columns[column].type != .int32
                || (Int32(exactly: minimum) != nil && Int32(exactly: maximum) != nil),
            "\(schema.columns[column].name): \(minimum) to \(maximum) is no int32"
        )
        let statistics = ColumnStatistics(
            nullCount: rowCount - values.count,
            minimum: .integer(minimum),
            maximum: .integer(maximum)
        )
        guard minimum != maximum else {
            return appendConstant(
                column,
                bits: minimum,
                valueCount: values.count,
                validity: validity,
                statistics: statistics
            )
        }
        let start = pages.output.count
        let written = unsafe writeSmallest(column, values, bounds: (minimum, maximum), validity: validity)
        let entryEncoding: ColumnEncodings = written.dictionary == nil ? [] : [.plain]
        add(
            column,
            encodings: [entryEncoding, ColumnEncodings(written.encoding), .runLength],
            start: start,
            dictionary: written.dictionary,
            size: written.data,
            statistics: statistics
        )
    }

    /// The pages of a column.
    private struct IntegerPages {
        var encoding: PageEncoding
        var dictionary: PageWriter.Size?
        var data: PageWriter.Size
    }

    /// Writes the pages in the format that was the smallest at the last trial, or now tries them all.
    @unsafe private func writeSmallest(
        _ column: Int,
        _ values: UnsafeBufferPointer<Int64>,
        bounds: (Int64, Int64),
        validity: Span<UInt64>?
    ) -> IntegerPages {
        if values.count >= ColumnFormats.fewestValues {
            var format = formats.format(of: column)
            if format == nil {
                format = ColumnFormats.smallest(ColumnFormat.integerCandidates) { candidate in
                    let start = pages.output.count
                    guard unsafe write(column, values, bounds, candidate, validity) != nil else { return nil }
                    defer { pages.removeAll(from: start) }
                    return pages.output.count - start
                }
                if let format { formats.choose(format, for: column) }
            }
            if let format, let written = unsafe write(column, values, bounds, format, validity) { return written }
        }
        let isNarrow = schema.columns[column].type == .int32
        let encoding = unsafe chooseEncoding(values, minimum: bounds.0, maximum: bounds.1, isNarrow: isNarrow)
        let written = unsafe write(column, values, bounds, ColumnFormat(encoding: encoding), validity)
        guard let written else { preconditionFailure("an encoding was chosen that cannot hold the values") }
        return written
    }

    /// Appends the pages in one format; nil, and nothing is appended, when it can't hold these values or isn't worth it.
    @unsafe private func write(
        _ column: Int,
        _ values: UnsafeBufferPointer<Int64>,
        _ bounds: (minimum: Int64, maximum: Int64),
        _ format: ColumnFormat,
        _ validity: Span<UInt64>?
    ) -> IntegerPages? {
        let isNarrow = schema.columns[column].type == .int32
        var dictionary: PageWriter.Size?
        switch format.encoding {
        case .dictionary:
            let limit = EncodingChoice.limit(count: values.count, size: isNarrow ? 4 : 8)
            guard limit >= 2,
                unsafe integers.intern(values, minimum: bounds.minimum, maximum: bounds.maximum, limit: limit)
            else { return nil }
            dictionary = appendDictionary(isNarrow: isNarrow)
            beginDataPage(column, valueCount: values.count, validity: validity)
            appendIndices(format)
        case .deltaBinaryPacked:
            guard EncodingChoice.allowsDelta(bounds.minimum, bounds.maximum, isNarrow: isNarrow) else { return nil }
            beginDataPage(column, valueCount: values.count, validity: validity)
            unsafe DeltaBinaryPacking.append(values, isByteAligned: format.isByteAligned, to: &page)
        default:
            beginDataPage(column, valueCount: values.count, validity: validity)
            unsafe page.append(plain: values, isNarrow: isNarrow)
        }
        let data = pages.appendData(page, count: rowCount, encoding: format.encoding, effort: format.effort)
        return IntegerPages(encoding: format.encoding, dictionary: dictionary, data: data)
    }

    /// Appends the entries in the interner as a dictionary page.
    private func appendDictionary(isNarrow: Bool) -> PageWriter.Size {
        page.removeAll()
        unsafe page.append(plain: integers.entries.elements, isNarrow: isNarrow)
        return pages.appendDictionary(page, count: integers.entries.count)
    }

    /// Adds the indices in the interner to the data page.
    private func appendIndices(_ format: ColumnFormat) {
        let width = format.packedWidth(EncodingChoice.indexWidth(entryCount: integers.entries.count))
        page.append(UInt8(width))
        unsafe RunLengthHybrid.append(integers.indices.elements, width: width, to: &page)
    }

    /// Writes a dictionary of one entry and a run over it.
    func appendConstant(
        _ column: Int,
        bits: Int64,
        valueCount: Int,
        validity: Span<UInt64>?,
        statistics: ColumnStatistics
    ) {
        integers.setConstant(bits)
        let start = pages.output.count
        page.removeAll()
        unsafe page.append(plain: integers.entries.elements, isNarrow: schema.columns[column].type == .int32)
        let dictionary = pages.appendDictionary(page, count: 1)
        beginDataPage(column, valueCount: valueCount, validity: validity)
        page.append(1)
        RunLengthHybrid.appendRun(of: 0, count: valueCount, width: 1, to: &page)
        let size = pages.appendData(page, count: rowCount, encoding: .dictionary)
        add(
            column,
            encodings: [.dictionary, .plain, .runLength],
            start: start,
            dictionary: dictionary,
            size: size,
            statistics: statistics
        )
    }

    /// Writes what the interner holds: its entries as the dictionary, its indices as the data.
    func appendDictionaryColumn(
        _ column: Int,
        valueCount: Int,
        validity: Span<UInt64>?,
        statistics: ColumnStatistics
    ) {
        let start = pages.output.count
        let dictionary = appendDictionary(isNarrow: schema.columns[column].type == .int32)
        beginDataPage(column, valueCount: valueCount, validity: validity)
        appendIndices(ColumnFormat(encoding: .dictionary))
        let size = pages.appendData(page, count: rowCount, encoding: .dictionary)
        add(
            column,
            encodings: [.dictionary, .plain, .runLength],
            start: start,
            dictionary: dictionary,
            size: size,
            statistics: statistics
        )
    }
}

extension ScratchBuffer where Element == UInt8 {
    /// Appends values as they are in memory, in 8 bytes each, or 4 when `isNarrow`.
    @unsafe mutating func append(plain values: UnsafeBufferPointer<Int64>, isNarrow: Bool) {
        let size = isNarrow ? 4 : 8
        reserve(values.count * size)
        let target = unsafe UnsafeMutableRawPointer(base + count)
        for index in 0..<values.count {
            if isNarrow {
                unsafe target.storeBytes(
                    of: UInt32(truncatingIfNeeded: values[index]).littleEndian,
                    toByteOffset: index * 4,
                    as: UInt32.self
                )
            } else {
                unsafe target.storeBytes(of: values[index].littleEndian, toByteOffset: index * 8, as: Int64.self)
            }
        }
        count += values.count * size
    }

    /// Overwrites four bytes that were appended earlier.
    mutating func store(littleEndian value: UInt32, at offset: Int) {
        precondition(offset >= 0 && offset + 4 <= count)
        unsafe UnsafeMutableRawPointer(base + offset).storeBytes(of: value.littleEndian, as: UInt32.self)
    }
}
