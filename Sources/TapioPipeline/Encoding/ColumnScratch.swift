import TapioRings

/// Memory in which one column is put together: its values, and a bit for each row that has one.
///
/// Invariants: each pointer is the base of its buffer, which has room for the rows of the batch (`validity` for as many bits,
/// rounded up to words) from ``begin(rows:)`` on; at most one value per row is added.
@safe
final class ColumnScratch {
    private(set) var rows = 0
    /// Values so far, in whichever of the three.
    var count = 0
    private(set) var integers: UnsafeMutablePointer<Int64>
    private(set) var indices: UnsafeMutablePointer<UInt32>
    private(set) var validity: UnsafeMutablePointer<UInt64>
    private var integerBuffer: ScratchBuffer<Int64>
    private var indexBuffer: ScratchBuffer<UInt32>
    private var validityBuffer: ScratchBuffer<UInt64>

    /// What a column's values are.
    enum Content {
        /// Numbers, in ``ColumnScratch/integers``.
        case numbers
        /// Texts, by their numbers in ``ColumnScratch/indices``.
        case texts
    }

    init(_ memory: ScratchMemory) {
        integerBuffer = ScratchBuffer(memory)
        indexBuffer = ScratchBuffer(memory)
        validityBuffer = ScratchBuffer(memory)
        unsafe integers = integerBuffer.base
        unsafe indices = indexBuffer.base
        unsafe validity = validityBuffer.base
    }

    /// Forgets the column, and gives memory back that others could use.
    func giveBack() {
        integerBuffer.giveBack()
        indexBuffer.giveBack()
        validityBuffer.giveBack()
        rows = 0
        count = 0
        notePlaces()
    }

    /// Starts a column without a value.
    func begin(rows: Int, _ content: Content) {
        switch content {
        case .numbers:
            indexBuffer.giveBack()
            integerBuffer.reserve(rows)
        case .texts:
            integerBuffer.giveBack()
            indexBuffer.reserve(rows)
        }
        validityBuffer.reserve(rows / 64 + 1)
        notePlaces()
        self.rows = rows
        count = 0
        unsafe validity.update(repeating: 0, count: rows / 64 + 1)
    }

    private func notePlaces() {
        unsafe integers = integerBuffer.base
        unsafe indices = indexBuffer.base
        unsafe validity = validityBuffer.base
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
