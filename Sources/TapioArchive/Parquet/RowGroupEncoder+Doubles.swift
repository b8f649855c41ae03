import TapioRings

extension RowGroupEncoder {
    /// Gives a double column; parameters as for ``integers(_:values:validity:)``. All bit patterns are kept.
    public func double(_ column: Int, values: Span<Double>, validity: Span<UInt64>? = nil) {
        check(column, types: [.double])
        check(column, valueCount: values.count, validity: validity)
        guard values.count > 0 else { return allNull(column) }
        unsafe values.withUnsafeBufferPointer { values in
            unsafe values.withMemoryRebound(to: Int64.self) { bits in
                unsafe double(column, bits: bits, validity: validity)
            }
        }
    }

    /// Encodes doubles by their bit patterns.
    @unsafe private func double(_ column: Int, bits: UnsafeBufferPointer<Int64>, validity: Span<UInt64>?) {
        var minimum = Double.infinity
        var maximum = -Double.infinity
        var hasNaN = false
        let first = unsafe bits[0]
        var differences: Int64 = 0
        for index in 0..<bits.count {
            let value = unsafe Double(bitPattern: UInt64(bitPattern: bits[index]))
            differences |= unsafe bits[index] ^ first
            hasNaN = hasNaN || value != value
            minimum = value < minimum ? value : minimum
            maximum = value > maximum ? value : maximum
        }
        let statistics = Self.statistics(
            nullCount: rowCount - bits.count,
            bounds: hasNaN ? nil : (minimum, maximum)
        )
        if differences == 0 {
            return appendConstant(
                column,
                bits: first,
                valueCount: bits.count,
                validity: validity,
                statistics: statistics
            )
        }
        if unsafe chooseEncoding(doubleBits: bits) == .dictionary {
            return appendDictionaryColumn(column, valueCount: bits.count, validity: validity, statistics: statistics)
        }
        let start = pages.output.count
        beginDataPage(column, valueCount: bits.count, validity: validity)
        unsafe page.append(plain: bits, isNarrow: false)
        let size = pages.appendData(page, count: rowCount, encoding: .plain)
        add(column, encodings: [.plain, .runLength], start: start, size: size, statistics: statistics)
    }

    /// Gives a column that has the same double in each row.
    public func constant(_ column: Int, double value: Double) {
        check(column, types: [.double])
        guard rowCount > 0 else { return allNull(column) }
        appendConstant(
            column,
            bits: Int64(bitPattern: value.bitPattern),
            valueCount: rowCount,
            validity: nil,
            statistics: Self.statistics(nullCount: 0, bounds: value.isNaN ? nil : (value, value))
        )
    }

    /// Zero bounds take the sign that encloses both zeros, as the format asks.
    private static func statistics(nullCount: Int, bounds: (Double, Double)?) -> ColumnStatistics {
        guard let (minimum, maximum) = bounds else { return ColumnStatistics(nullCount: nullCount) }
        return ColumnStatistics(
            nullCount: nullCount,
            minimum: .double(minimum == 0 ? -0.0 : minimum),
            maximum: .double(maximum == 0 ? 0.0 : maximum)
        )
    }
}
