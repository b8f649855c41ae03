/// Compares and hashes short byte strings, a word at a time. Reads exactly the bytes that it is given.
@usableFromInline
enum ByteComparison {
    /// Whether two strings of `count` bytes are equal.
    @inlinable
    @inline(__always)
    @unsafe static func areEqual(_ left: UnsafeRawPointer, _ right: UnsafeRawPointer?, count: Int) -> Bool {
        guard let right = unsafe right else { return count == 0 }
        if count >= 8 {
            var index = 0
            while index + 8 <= count {
                guard unsafe word(left, index) == word(right, index) else { return false }
                index += 8
            }
            // The last word may overlap the one before.
            return unsafe word(left, count - 8) == word(right, count - 8)
        }
        var index = 0
        while index < count {
            guard
                unsafe left.load(fromByteOffset: index, as: UInt8.self)
                    == right.load(fromByteOffset: index, as: UInt8.self)
            else { return false }
            index += 1
        }
        return true
    }

    /// A hash for tables in memory; not for storing.
    @unsafe static func hash(_ bytes: UnsafeRawBufferPointer) -> UInt64 {
        var state = UInt64(bytes.count) &* 0x9E37_79B9_7F4A_7C15
        guard let base = bytes.baseAddress else { return fold(state, 0) }
        var index = 0
        while index + 8 <= bytes.count {
            state = unsafe fold(state, word(base, index))
            index += 8
        }
        if index < bytes.count {
            var rest: UInt64 = 0
            if bytes.count >= 8 {
                rest = unsafe word(base, bytes.count - 8)
            } else {
                for offset in index..<bytes.count { rest = unsafe rest << 8 | UInt64(bytes[offset]) }
            }
            state = fold(state, rest)
        }
        return fold(state, 0xA076_1D64_78BD_642F)
    }

    /// Whether `left` comes before `right`, byte by byte.
    @unsafe static func isBefore(_ left: UnsafeBufferPointer<UInt8>, _ right: UnsafeBufferPointer<UInt8>) -> Bool {
        let shared = min(left.count, right.count)
        var index = 0
        if let leftBase = left.baseAddress, let rightBase = right.baseAddress {
            while index + 8 <= shared {
                let leftWord = UInt64(bigEndian: unsafe word(UnsafeRawPointer(leftBase), index))
                let rightWord = UInt64(bigEndian: unsafe word(UnsafeRawPointer(rightBase), index))
                if leftWord != rightWord { return leftWord < rightWord }
                index += 8
            }
        }
        while index < shared {
            if unsafe left[index] != right[index] { return unsafe left[index] < right[index] }
            index += 1
        }
        return left.count < right.count
    }

    @inlinable
    @inline(__always)
    @unsafe static func word(_ base: UnsafeRawPointer, _ offset: Int) -> UInt64 {
        unsafe base.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
    }

    @inline(__always)
    private static func fold(_ state: UInt64, _ word: UInt64) -> UInt64 {
        let product = (state ^ word ^ 0xE703_7ED1_A0B4_28DB).multipliedFullWidth(by: 0x8EBC_6AF0_9C88_C6E3)
        return product.high ^ product.low
    }
}
