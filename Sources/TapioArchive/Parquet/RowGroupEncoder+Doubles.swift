import TapioRings

extension RowGroupEncoder {
    /// Gives a double column; parameters as for ``int64(_:values:validity:)``. All bit patterns are kept.
    public func double(_ column: Int, values: Span<Double>, validity: Span<UInt64>? = nil) {
        check(column, types: [.double])
        check(column, valueCount: values.count, validity: validity)
        guard values.count > 0 else { return allNull(column) }
        widened.removeAll()
        widened.reserve(values.count)
        var minimum = Double.infinity
        var maximum = -Double.infinity
        var hasNaN = false
        var first: UInt64 = 0
        var differences: UInt64 = 0
        unsafe values.withUnsafeBufferPointer { values in
            first = unsafe values[0].bitPattern
            for index in 0..<values.count {
                let value = unsafe values[index]
                unsafe widened.base[index] = Int64(bitPattern: value.bitPattern)
                differences |= value.bitPattern ^ first
                hasNaN = hasNaN || value != value
                minimum = value < minimum ? value : minimum
                maximum = value > maximum ? value : maximum
            }
        }
        widened.count = values.count
        let statistics = Self.statistics(
            nullCount: rowCount - values.count,
            bounds: hasNaN ? nil : (minimum, maximum)
        )
        if differences == 0 {
            return appendConstant(
                column,
                bits: Int64(bitPattern: first),
                valueCount: values.count,
                validity: validity,
                statistics: statistics
            )
        }
        if unsafe chooseEncoding(doubleBits: widened.elements) == .dictionary {
            return appendDictionaryColumn(column, valueCount: values.count, validity: validity, statistics: statistics)
        }
        let start = pages.output.count
        beginDataPage(column, valueCount: values.count, validity: validity)
        unsafe page.append(plain: widened.elements, isNarrow: false)
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
