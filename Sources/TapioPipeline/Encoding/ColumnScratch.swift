/// Memory in which one column is put together: its values, and a bit for each row that has one.
///
/// Invariants: each pointer has room for `capacity` elements (`validity` for as many bits, rounded up to words), which
/// ``begin(rows:)`` makes at least the rows of the batch; at most one value per row is added.
@safe
final class ColumnScratch {
    private(set) var rows = 0
    /// Values so far, in whichever of the three.
    var count = 0
    private(set) var integers: UnsafeMutablePointer<Int64>
    private(set) var indices: UnsafeMutablePointer<UInt32>
    private(set) var validity: UnsafeMutablePointer<UInt64>
    private var capacity = 1024

    init() {
        unsafe integers = .allocate(capacity: capacity)
        unsafe indices = .allocate(capacity: capacity)
        unsafe validity = .allocate(capacity: capacity / 64 + 1)
    }

    deinit {
        unsafe integers.deallocate()
        unsafe indices.deallocate()
        unsafe validity.deallocate()
    }

    /// Starts a column without a value.
    func begin(rows: Int) {
        if rows > capacity {
            unsafe integers.deallocate()
            unsafe indices.deallocate()
            unsafe validity.deallocate()
            capacity = rows
            unsafe integers = .allocate(capacity: capacity)
            unsafe indices = .allocate(capacity: capacity)
            unsafe validity = .allocate(capacity: capacity / 64 + 1)
        }
        self.rows = rows
        count = 0
        unsafe validity.update(repeating: 0, count: rows / 64 + 1)
    }

    /// Says that all of these rows have a value.
    func markAll(_ range: Range<Int>) {
        precondition(range.lowerBound >= 0 && range.upperBound <= rows)
        var row = range.lowerBound
        while row < range.upperBound {
            let bit = row & 63
            let bits = min(64 - bit, range.upperBound - row)
            let mask = bits == 64 ? UInt64.max : (1 << UInt64(bits) - 1) << UInt64(bit)
            unsafe validity[row >> 6] |= mask
            row += bits
        }
    }

    /// Where the bits of `rows` go, one after another.
    func bits(of rows: Range<Int>) -> ValidityBits {
        precondition(rows.lowerBound >= 0 && rows.upperBound <= self.rows)
        return unsafe ValidityBits(words: validity, rows: rows)
    }
}

/// Says of rows, one after another, whether they have a value: a word of memory at a time, as adding to a word in memory for
/// each row would make each wait for the one before.
///
/// Invariant: `words` has a bit for each row below `end`, and bits are added below it only.
@safe
struct ValidityBits: ~Copyable {
    private let words: UnsafeMutablePointer<UInt64>
    private let end: Int
    private var row: Int
    private var word: UInt64 = 0

    fileprivate init(words: UnsafeMutablePointer<UInt64>, rows: Range<Int>) {
        unsafe self.words = words
        row = rows.lowerBound
        end = rows.upperBound
    }

    /// Says it of the next row.
    @inline(__always)
    mutating func add(_ isPresent: Bool) {
        word |= (isPresent ? 1 : 0) << UInt64(row & 63)
        row += 1
        if row & 63 == 0 { store() }
    }

    /// Call it after the last row.
    @inline(__always)
    mutating func finish() {
        precondition(row == end, "a bit for each row")
        if row & 63 != 0 { store() }
    }

    /// Adds the bits up to `row` to those of other rows in their word.
    @inline(__always)
    private mutating func store() {
        unsafe words[(row - 1) >> 6] |= word
        word = 0
    }
}
