/// xxh64, the 64-bit variant of the public xxHash algorithm: finds damage, does not resist forgery.
public enum XXHash64 {
    private static let prime1: UInt64 = 0x9E37_79B1_85EB_CA87
    private static let prime2: UInt64 = 0xC2B2_AE3D_27D4_EB4F
    private static let prime3: UInt64 = 0x1656_67B1_9E37_79F9
    private static let prime4: UInt64 = 0x85EB_CA77_C2B2_AE63
    private static let prime5: UInt64 = 0x27D4_EB2F_1656_67C5

    /// The hash of `bytes`.
    public static func hash(_ bytes: RawSpan, seed: UInt64 = 0) -> UInt64 {
        unsafe bytes.withUnsafeBytes { unsafe hash($0, seed: seed) }
    }

    /// The hash of `bytes`.
    public static func hash(_ bytes: [UInt8], seed: UInt64 = 0) -> UInt64 {
        unsafe bytes.withUnsafeBytes { unsafe hash($0, seed: seed) }
    }

    /// The hash of `bytes`. Reads every byte once, nothing beyond them.
    @unsafe public static func hash(_ bytes: UnsafeRawBufferPointer, seed: UInt64 = 0) -> UInt64 {
        var state = State(seed: seed)
        unsafe state.add(bytes)
        return state.result
    }

    /// The hash of a row group's bytes.
    static func hash(_ bytes: EncodedBytes) -> UInt64 {
        var state = State()
        unsafe bytes.forEachPiece { unsafe state.add($0) }
        return state.result
    }

    /// The hash of bytes that come in pieces.
    struct State {
        private let seed: UInt64
        private var lane1: UInt64
        private var lane2: UInt64
        private var lane3: UInt64
        private var lane4: UInt64
        private var count = 0
        /// The last `count % stripeBytes` bytes.
        private var rest = SIMD32<UInt8>()

        /// Bytes that the lanes take in at a time.
        private static let stripeBytes = 32

        init(seed: UInt64 = 0) {
            self.seed = seed
            lane1 = seed &+ prime1 &+ prime2
            lane2 = seed &+ prime2
            lane3 = seed
            lane4 = seed &- prime1
        }

        /// Goes on with `bytes`.
        @unsafe mutating func add(_ bytes: UnsafeRawBufferPointer) {
            var offset = 0
            let waiting = count % Self.stripeBytes
            count += bytes.count
            if waiting > 0 {
                offset = min(Self.stripeBytes - waiting, bytes.count)
                for index in 0..<offset { unsafe rest[waiting + index] = bytes[index] }
                guard waiting + offset == Self.stripeBytes else { return }
                let full = rest
                _ = unsafe withUnsafeBytes(of: full) { unsafe takeStripes($0, from: 0) }
            }
            offset = unsafe takeStripes(bytes, from: offset)
            for index in offset..<bytes.count { unsafe rest[index - offset] = bytes[index] }
        }

        /// Takes whole stripes into the lanes, and says where they end.
        @unsafe private mutating func takeStripes(_ bytes: UnsafeRawBufferPointer, from start: Int) -> Int {
            var offset = start
            while offset + Self.stripeBytes <= bytes.count {
                lane1 = round(lane1, unsafe word(bytes, offset))
                lane2 = round(lane2, unsafe word(bytes, offset + 8))
                lane3 = round(lane3, unsafe word(bytes, offset + 16))
                lane4 = round(lane4, unsafe word(bytes, offset + 24))
                offset += Self.stripeBytes
            }
            return offset
        }

        /// The hash of all that was added.
        var result: UInt64 {
            var result = seed &+ prime5
            if count >= Self.stripeBytes {
                result = rotate(lane1, 1) &+ rotate(lane2, 7) &+ rotate(lane3, 12) &+ rotate(lane4, 18)
                for lane in [lane1, lane2, lane3, lane4] { result = (result ^ round(0, lane)) &* prime1 &+ prime4 }
            }
            result &+= UInt64(count)
            let waiting = count % Self.stripeBytes
            return unsafe withUnsafeBytes(of: rest) {
                unsafe finish(result, UnsafeRawBufferPointer(rebasing: $0[..<waiting]))
            }
        }
    }

    /// Takes in the bytes behind the last stripe.
    @unsafe private static func finish(_ start: UInt64, _ bytes: UnsafeRawBufferPointer) -> UInt64 {
        var result = start
        var offset = 0
        while offset <= bytes.count - 8 {
            result = rotate(result ^ round(0, unsafe word(bytes, offset)), 27) &* prime1 &+ prime4
            offset += 8
        }
        if offset <= bytes.count - 4 {
            let half = unsafe bytes.loadUnaligned(fromByteOffset: offset, as: UInt32.self)
            result = rotate(result ^ UInt64(UInt32(littleEndian: half)) &* prime1, 23) &* prime2 &+ prime3
            offset += 4
        }
        while offset < bytes.count {
            result = rotate(result ^ UInt64(unsafe bytes[offset]) &* prime5, 11) &* prime1
            offset += 1
        }
        result = (result ^ result >> 33) &* prime2
        result = (result ^ result >> 29) &* prime3
        return result ^ result >> 32
    }

    @unsafe private static func word(_ bytes: UnsafeRawBufferPointer, _ offset: Int) -> UInt64 {
        UInt64(littleEndian: unsafe bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
    }

    private static func round(_ lane: UInt64, _ input: UInt64) -> UInt64 {
        rotate(lane &+ input &* prime2, 31) &* prime1
    }

    private static func rotate(_ value: UInt64, _ bits: UInt64) -> UInt64 { value << bits | value >> (64 - bits) }
}
