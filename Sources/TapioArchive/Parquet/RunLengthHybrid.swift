import TapioRings

/// Parquet's mix of runs and bit-packed numbers, which carries dictionary indices and definition levels.
enum RunLengthHybrid {
    /// Appends `values`, each below `1 << width` (width 1...32). Runs that fill at least one aligned group of eight become
    /// runs, all else is packed.
    @unsafe static func append(
        _ values: UnsafeBufferPointer<UInt32>,
        width: Int,
        to page: inout ScratchBuffer<UInt8>
    ) {
        guard let base = values.baseAddress else { return }
        let count = values.count
        var packedFrom = 0
        var index = 0
        while index + 8 <= count {
            let first = unsafe base[index]
            let splat = SIMD8(repeating: first)
            guard unsafe load(base + index) == splat else {
                index += 8
                continue
            }
            var end = index + 8
            while end + 8 <= count, unsafe load(base + end) == splat { end += 8 }
            while end < count, unsafe base[end] == first { end += 1 }
            unsafe appendPacked(base + packedFrom, count: index - packedFrom, width: width, to: &page)
            appendRun(of: first, count: end - index, width: width, to: &page)
            index = end
            packedFrom = end
        }
        // The last group may be short: it is filled up with zeros from a copy.
        let whole = (count - packedFrom) & ~7
        unsafe appendPacked(
            base + packedFrom,
            count: whole,
            width: width,
            tail: (base + packedFrom + whole, count - packedFrom - whole),
            to: &page
        )
    }

    /// Appends `count` times `value`.
    static func appendRun(of value: UInt32, count: Int, width: Int, to page: inout ScratchBuffer<UInt8>) {
        guard count > 0 else { return }
        page.append(varint: UInt64(count) << 1)
        for byte in 0..<(width + 7) / 8 { page.append(UInt8(truncatingIfNeeded: value >> UInt32(byte * 8))) }
    }

    /// Appends the first `count` bits of a bitmap as one bit-packed run of width 1: the bytes *are* the run.
    @unsafe static func append(bitmap: UnsafeBufferPointer<UInt64>, count: Int, to page: inout ScratchBuffer<UInt8>) {
        let bytes = (count + 7) / 8
        page.append(varint: UInt64(bytes) << 1 | 1)
        unsafe page.append(copying: UnsafeRawBufferPointer(bitmap).bindMemory(to: UInt8.self).extracting(0..<bytes))
        // Bits behind the last row are the caller's business no longer: they are written as 0.
        if count % 8 != 0 { unsafe page.base[page.count - 1] &= (1 << UInt8(count % 8)) - 1 }
    }

    @inline(__always)
    @unsafe private static func load(_ pointer: UnsafePointer<UInt32>) -> SIMD8<UInt32> {
        unsafe UnsafeRawPointer(pointer).loadUnaligned(as: SIMD8<UInt32>.self)
    }

    @unsafe private static func appendPacked(
        _ values: UnsafePointer<UInt32>,
        count: Int,
        width: Int,
        tail: (start: UnsafePointer<UInt32>, count: Int)? = nil,
        to page: inout ScratchBuffer<UInt8>
    ) {
        let tailGroups = unsafe (tail?.count ?? 0) > 0 ? 1 : 0
        let groups = count / 8 + tailGroups
        guard groups > 0 else { return }
        page.append(varint: UInt64(groups) << 1 | 1)
        page.reserve(groups * width)
        unsafe BitPacking.pack(values, groups: count / 8, width: width, to: page.base + page.count)
        page.count += count / 8 * width
        if let tail = unsafe tail, unsafe tail.count > 0 {
            var padded: SIMD8<UInt32> = .zero
            for lane in unsafe 0..<tail.count { unsafe padded[lane] = tail.start[lane] }
            unsafe withUnsafeBytes(of: padded) {
                let lanes = unsafe $0.assumingMemoryBound(to: UInt32.self)
                if let start = lanes.baseAddress {
                    unsafe BitPacking.pack(start, groups: 1, width: width, to: page.base + page.count)
                }
            }
            page.count += width
        }
    }
}
