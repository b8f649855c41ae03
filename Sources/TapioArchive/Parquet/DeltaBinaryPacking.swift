import TapioRings

/// DELTA_BINARY_PACKED: differences between neighbours, less the smallest of their block, bit-packed.
///
/// Blocks of 128 in four miniblocks of 32, each miniblock with its own width.
enum DeltaBinaryPacking {
    static let blockSize = 128
    static let miniblockSize = 32
    static let miniblockCount = 4

    /// The largest `maximum - minimum` of values that may be encoded: differences of differences then stay below 2^57.
    static let largestRange: UInt64 = 1 << 55
    /// The same for INT32, whose differences must fit 32 bits in every reader.
    static let largestRange32: UInt64 = 1 << 31 - 1

    /// Appends `values`, whose range is at most ``largestRange``; with widths in whole bytes if `isByteAligned`.
    @unsafe static func append(
        _ values: UnsafeBufferPointer<Int64>,
        isByteAligned: Bool = false,
        to page: inout ScratchBuffer<UInt8>
    ) {
        let step = isByteAligned ? 8 : 1
        page.append(varint: UInt64(blockSize))
        page.append(varint: UInt64(miniblockCount))
        page.append(varint: UInt64(values.count))
        page.append(zigzag: unsafe values.isEmpty ? 0 : values[0])
        guard values.count > 1, let base = values.baseAddress else { return }
        unsafe withUnsafeTemporaryAllocation(of: Int64.self, capacity: blockSize) { deltas in
            guard let deltas = deltas.baseAddress else { return }
            var previous = unsafe base
            var rest = values.count - 1
            while rest > 0 {
                let count = min(rest, blockSize)
                var smallest = Int64.max
                for index in 0..<count {
                    let delta = unsafe previous[index + 1] &- previous[index]
                    unsafe deltas[index] = delta
                    smallest = min(smallest, delta)
                }
                for index in count..<blockSize { unsafe deltas[index] = smallest }
                unsafe appendBlock(deltas, count: count, smallest: smallest, widthStep: step, to: &page)
                unsafe previous += count
                rest -= count
            }
        }
    }

    /// The bits per value that ``append(_:to:)`` would need for `values`, block headers included. At most 129 values.
    @unsafe static func estimatedBits(_ values: UnsafeBufferPointer<Int64>) -> Int {
        guard values.count > 1, let base = values.baseAddress else { return 64 }
        var smallest = Int64.max
        var largest = Int64.min
        for index in 0..<values.count - 1 {
            let delta = unsafe base[index + 1] &- base[index]
            smallest = min(smallest, delta)
            largest = max(largest, delta)
        }
        let count = values.count - 1
        var bits = 72
        for start in stride(from: 0, to: count, by: miniblockSize) {
            var all: UInt64 = 0
            for index in start..<min(count, start + miniblockSize) {
                all |= unsafe UInt64(bitPattern: base[index + 1] &- base[index] &- smallest)
            }
            bits += BitPacking.width(of: all) * miniblockSize
        }
        return bits / count
    }

    @unsafe private static func appendBlock(
        _ deltas: UnsafeMutablePointer<Int64>,
        count: Int,
        smallest: Int64,
        widthStep: Int,
        to page: inout ScratchBuffer<UInt8>
    ) {
        page.append(zigzag: smallest)
        page.reserve(miniblockCount + blockSize * 8)
        let widths = page.count
        page.count += miniblockCount
        for miniblock in 0..<miniblockCount {
            let start = miniblock * miniblockSize
            var all: UInt64 = 0
            for index in start..<start + miniblockSize {
                all |= unsafe UInt64(bitPattern: deltas[index] &- smallest)
            }
            let needed = start < count ? BitPacking.width(of: all) : 0
            let width = (needed + widthStep - 1) & ~(widthStep - 1)
            unsafe page.base[widths + miniblock] = UInt8(width)
            guard width > 0 else { continue }
            unsafe BitPacking.packWide(count: miniblockSize, width: width, to: page.base + page.count) {
                unsafe UInt64(bitPattern: deltas[start + $0] &- smallest)
            }
            page.count += miniblockSize * width / 8
        }
    }
}
