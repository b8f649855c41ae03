/// A column of a row group, decoded: an entry per row.
public struct ColumnData: Sendable {
    /// The values. Rows without one hold 0, or ``StringColumn/noValue``.
    public enum Values: Sendable {
        /// Of an int32, int64 or timestamp (µs since 1970, UTC) column.
        case integers([Int64])
        /// Of a double column.
        case doubles([Double])
        /// Of a string column.
        case strings(StringColumn)
    }

    /// Rows.
    public let rowCount: Int
    /// Rows without a value.
    public let nullCount: Int
    /// A bit per row, lowest first, set where there is a value; nil when all rows have one.
    public let validity: [UInt64]?
    /// The values.
    public let values: Values

    /// Whether row `row` has a value. Traps outside the rows.
    public func isValid(_ row: Int) -> Bool {
        precondition(row >= 0 && row < rowCount, "no row \(row)")
        guard let validity else { return true }
        return validity[row / 64] >> UInt64(row % 64) & 1 != 0
    }
}

/// Strings as numbers of dictionary entries, so that a predicate can be evaluated once per entry.
///
/// An entry may occur twice, and (where a column was written without a dictionary) each row may have its own.
public struct StringColumn: Sendable {
    /// The index of rows without a value.
    public static let noValue = UInt32.max

    /// The entries' bytes one after another; UTF-8 when our writer made them.
    public fileprivate(set) var bytes: [UInt8] = []
    /// `offsets[i]..<offsets[i + 1]` is entry `i` in `bytes`.
    public fileprivate(set) var offsets: [UInt32] = [0]
    /// Per row, the place of its entry, or ``noValue``.
    public internal(set) var indices: [UInt32] = []

    /// The number of entries.
    public var entryCount: Int { offsets.count - 1 }

    /// The bytes of entry `index`. Traps when there is none.
    public func entry(_ index: Int) -> ArraySlice<UInt8> { bytes[Int(offsets[index])..<Int(offsets[index + 1])] }

    /// Entry `index` as text. Traps when there is none.
    public func text(_ index: Int) -> String { String(decoding: entry(index), as: UTF8.self) }

    /// Adds the entries of a PLAIN page part.
    mutating func append(plain page: DecodedPage, from start: Int, count: Int) throws(ParquetError) {
        guard count * 4 <= page.count - start else {
            throw ParquetError(.malformed, "\(count) strings don't fit the page")
        }
        offsets.reserveCapacity(offsets.count + count)
        bytes.reserveCapacity(bytes.count + page.count - start)
        var position = start
        for _ in 0..<count {
            guard position + 4 <= page.count else { throw ParquetError(.malformed, "a string is cut short") }
            let length = Int(page.uint32(at: position))
            position += 4
            guard length <= page.count - position else { throw ParquetError(.malformed, "a string is cut short") }
            bytes.append(contentsOf: page.bytes[position..<position + length])
            position += length
            guard let end = UInt32(exactly: bytes.count) else { throw ParquetError(.limit, "strings of over 4 GiB") }
            offsets.append(end)
        }
        guard position == page.count else { throw ParquetError(.malformed, "bytes behind the last string") }
    }
}
