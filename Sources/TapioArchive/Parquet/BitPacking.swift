/// Packs numbers of a fixed width, lowest bit first, as the Parquet encodings want it.
///
/// Invariants that the callers uphold: the source holds as many values as are asked for, each below `1 << width`; the
/// destination has room for the packed bytes plus 16 bytes of slack (a `ScratchBuffer` has 64).
enum BitPacking {
    /// The bits that `value` needs; 0 for 0.
    @inline(__always)
    static func width(of value: UInt64) -> Int { 64 - value.leadingZeroBitCount }

    /// Packs `groups` × 8 values of `width` 1...32 bits into `groups * width` bytes.
    @inline(__always)
    @unsafe static func pack(
        _ source: UnsafePointer<UInt32>,
        groups: Int,
        width: Int,
        to destination: UnsafeMutablePointer<UInt8>
    ) {
        if width <= 8 {
            unsafe packNarrow(source, groups: groups, width: width, to: destination)
        } else if width <= 16 {
            unsafe packMiddle(source, groups: groups, width: width, to: destination)
        } else {
            unsafe packWide(count: groups * 8, width: width, to: destination) { unsafe UInt64(source[$0]) }
        }
    }

    /// Eight values fit one word.
    @unsafe private static func packNarrow(
        _ source: UnsafePointer<UInt32>,
        groups: Int,
        width: Int,
        to destination: UnsafeMutablePointer<UInt8>
    ) {
        let step = UInt64(width)
        var read = unsafe source
        var write = UnsafeMutableRawPointer(destination)
        for _ in 0..<groups {
            let low = unsafe UInt64(read[0]) | UInt64(read[1]) &<< step
            let second = unsafe UInt64(read[2]) | UInt64(read[3]) &<< step
            let third = unsafe UInt64(read[4]) | UInt64(read[5]) &<< step
            let high = unsafe UInt64(read[6]) | UInt64(read[7]) &<< step
            let half = low | second &<< (step &* 2)
            let word = half | (third | high &<< (step &* 2)) &<< (step &* 4)
            unsafe write.storeBytes(of: word.littleEndian, as: UInt64.self)
            unsafe read += 8
            unsafe write += width
        }
    }

    /// Four values fit one word, eight two.
    @unsafe private static func packMiddle(
        _ source: UnsafePointer<UInt32>,
        groups: Int,
        width: Int,
        to destination: UnsafeMutablePointer<UInt8>
    ) {
        let step = UInt64(width)
        var read = unsafe source
        var write = UnsafeMutableRawPointer(destination)
        for _ in 0..<groups {
            let low =
                unsafe UInt64(read[0]) | UInt64(read[1]) &<< step | UInt64(read[2]) &<< (step &* 2)
                | UInt64(read[3]) &<< (step &* 3)
            let high =
                unsafe UInt64(read[4]) | UInt64(read[5]) &<< step | UInt64(read[6]) &<< (step &* 2)
                | UInt64(read[7]) &<< (step &* 3)
            // Smart shifts: by 64 (width 16) they give 0.
            unsafe write.storeBytes(of: (low | high << (step * 4)).littleEndian, as: UInt64.self)
            unsafe write.storeBytes(of: (high >> (64 - step * 4)).littleEndian, toByteOffset: 8, as: UInt64.self)
            unsafe read += 8
            unsafe write += width
        }
    }

    /// Packs `count` values (a multiple of 8) of `width` 1...64 bits, word by word.
    @inline(__always)
    @unsafe static func packWide(
        count: Int,
        width: Int,
        to destination: UnsafeMutablePointer<UInt8>,
        value: (Int) -> UInt64
    ) {
        var write = UnsafeMutableRawPointer(destination)
        var word: UInt64 = 0
        var used = 0
        for index in 0..<count {
            let next = value(index)
            word |= next &<< UInt64(used)
            used += width
            if used >= 64 {
                unsafe write.storeBytes(of: word.littleEndian, as: UInt64.self)
                unsafe write += 8
                used -= 64
                word = used == 0 ? 0 : next &>> UInt64(width - used)
            }
        }
        if used > 0 { unsafe write.storeBytes(of: word.littleEndian, as: UInt64.self) }
    }
}
