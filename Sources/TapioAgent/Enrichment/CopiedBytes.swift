import TapioEvents

/// Bytes of a record on their way from the reader who saw it to who learns from it: copied without allocation, up to `8 * words`.
struct CopiedBytes<let words: Int>: Sendable {
    /// How many there are.
    let count: Int
    private var content: InlineArray<words, UInt64>

    /// `wanted` bytes from `start` on, all of which the record has; what finds no room is left out.
    init(_ record: RawSpan, from start: Int, count wanted: Int) {
        count = min(wanted, 8 * words)
        content = InlineArray(repeating: 0)
        for word in 0..<count / 8 { content[word] = record.uint64(at: start + 8 * word) }
        for byte in count & ~7..<count {
            content[byte / 8] |= UInt64(record.uint8(at: start + byte)) << UInt64(8 * (byte % 8))
        }
    }

    /// A byte; 0 behind the last one.
    subscript(_ place: Int) -> UInt8 { UInt8(truncatingIfNeeded: content[place / 8] >> UInt64(8 * (place % 8))) }

    /// Four bytes that lie within a word.
    func uint32(at place: Int) -> UInt32 { UInt32(truncatingIfNeeded: content[place / 8] >> UInt64(8 * (place % 8))) }

    /// A word.
    func uint64(at place: Int) -> UInt64 { content[place / 8] }
}
