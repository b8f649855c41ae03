/// A page after decompression, with slack behind it so that words may be loaded near its end.
struct DecodedPage {
    /// Zero bytes behind the content.
    static let slack = 16

    /// The content and the slack.
    let bytes: [UInt8]
    /// Bytes of the content.
    let count: Int

    /// Takes content that is already followed by ``slack`` bytes.
    init(withSlack bytes: [UInt8]) {
        precondition(bytes.count >= Self.slack)
        self.bytes = bytes
        self.count = bytes.count - Self.slack
    }

    func uint32(at offset: Int) -> UInt32 {
        UInt32(bytes[offset]) | UInt32(bytes[offset + 1]) << 8 | UInt32(bytes[offset + 2]) << 16
            | UInt32(bytes[offset + 3]) << 24
    }

    /// A number of 7 bits a byte; moves `position` behind it.
    func varint(at position: inout Int, end: Int) throws(ParquetError) -> UInt64 {
        var value: UInt64 = 0
        for shift in stride(from: UInt64(0), to: 64, by: 7) {
            guard position < end else { throw ParquetError(.malformed, "a number is cut short") }
            let next = bytes[position]
            position += 1
            value |= UInt64(next & 0x7F) << shift
            if next & 0x80 == 0 { return value }
        }
        throw ParquetError(.malformed, "a number is too long")
    }

    func zigzag(at position: inout Int, end: Int) throws(ParquetError) -> Int64 {
        let value = try varint(at: &position, end: end)
        return Int64(bitPattern: value >> 1) ^ -Int64(bitPattern: value & 1)
    }
}

/// Unpacks numbers of a fixed width, lowest bit first.
///
/// Invariant: bounds are checked once per run, before the loop; words are loaded up to 8 bytes behind the run, which
/// ``DecodedPage/slack`` covers.
enum BitUnpacking {
    /// Copies `count` bits that start at byte `start` to bit `position` of a bitmap that is clear there, 64 at a time. How many of
    /// them are set.
    static func copyBits(
        _ page: DecodedPage,
        start: Int,
        count: Int,
        into bitmap: inout [UInt64],
        at position: Int
    ) -> Int {
        precondition(count >= 0 && start >= 0 && start + (count + 7) / 8 <= page.count, "bit run out of bounds")
        let bytes = unsafe page.bytes.span.bytes
        var set = 0
        var done = 0
        while done < count {
            let length = min(64, count - done)
            var word = unsafe UInt64(
                littleEndian: bytes.unsafeLoadUnaligned(fromByteOffset: start + (done >> 3), as: UInt64.self)
            )
            if length < 64 { word &= (1 << UInt64(length)) - 1 }
            set += word.nonzeroBitCount
            let place = position + done
            let shift = UInt64(place & 63)
            bitmap[place >> 6] |= word << shift
            if shift > 0, shift + UInt64(length) > 64 { bitmap[(place >> 6) + 1] |= word >> (64 - shift) }
            done += length
        }
        return set
    }

    /// Hands `count` numbers of `width` 0...64 bits, which start at byte `start`, to `body`.
    @inline(__always)
    static func unpack(
        _ page: DecodedPage,
        start: Int,
        count: Int,
        width: Int,
        _ body: (UInt64) throws(ParquetError) -> Void
    ) throws(ParquetError) {
        precondition(width >= 0 && width <= 64 && count >= 0 && start >= 0, "bit run out of bounds")
        precondition(start + (count * width + 7) / 8 <= page.count, "bit run out of bounds")
        let mask = width == 64 ? UInt64.max : (1 << UInt64(width)) - 1
        let bytes = unsafe page.bytes.span.bytes
        for index in 0..<count {
            let bit = index * width
            let offset = start + bit >> 3
            let shift = UInt64(bit & 7)
            var word = unsafe UInt64(littleEndian: bytes.unsafeLoadUnaligned(fromByteOffset: offset, as: UInt64.self))
            word >>= shift
            if shift + UInt64(width) > 64 {
                word |= unsafe UInt64(bytes.unsafeLoad(fromByteOffset: offset + 8, as: UInt8.self)) << (64 - shift)
            }
            try body(word & mask)
        }
    }
}
