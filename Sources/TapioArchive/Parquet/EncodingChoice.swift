import TapioRings

/// Limits beyond which a dictionary is not worth it, and what the choice between encodings needs.
enum EncodingChoice {
    /// Most entries of a dictionary.
    static let mostEntries = 60_000
    /// Largest dictionary page in bytes, unless the values without it would take four times as much.
    static let dictionaryBytes = 1 << 20
    /// Largest page of plain strings in bytes; above it a dictionary is made in any case.
    static let plainBytes = 128 << 20
    /// The sample: this many pieces of this many neighbours.
    static let sampleRuns = 8
    static let sampleRunLength = 129

    /// Bits of an index into a dictionary. Some readers dislike width 0.
    static func indexWidth(entryCount: Int) -> Int { max(1, BitPacking.width(of: UInt64(max(entryCount, 1) - 1))) }

    /// Whether differences can hold values from `minimum` to `maximum` in every reader.
    static func allowsDelta(_ minimum: Int64, _ maximum: Int64, isNarrow: Bool) -> Bool {
        let range = UInt64(bitPattern: maximum &- minimum)
        return range <= (isNarrow ? DeltaBinaryPacking.largestRange32 : DeltaBinaryPacking.largestRange)
            && maximum >= minimum
    }

    /// Most entries for `count` values of `size` bytes.
    static func limit(count: Int, size: Int) -> Int { min(mostEntries, count / 2, dictionaryBytes / size) }
}

extension RowGroupEncoder {
    /// Chooses by a sample and, where that promises something, by trying the dictionary, which is then in `integers`.
    @unsafe func chooseEncoding(
        _ values: UnsafeBufferPointer<Int64>,
        minimum: Int64,
        maximum: Int64,
        isNarrow: Bool
    ) -> PageEncoding {
        let range = UInt64(bitPattern: maximum &- minimum)
        let limit = EncodingChoice.limit(count: values.count, size: isNarrow ? 4 : 8)
        let sample = unsafe sample(values, minimum: minimum, maximum: maximum)
        let deltaBits = EncodingChoice.allowsDelta(minimum, maximum, isNarrow: isNarrow) ? sample.deltaBits : .max
        // zstd makes of a plain integer about its bytes that vary.
        let plainBits = (BitPacking.width(of: range) + 7) / 8 * 8
        if limit >= 2, sample.isRepetitive || range < UInt64(limit),
            unsafe integers.intern(values, minimum: minimum, maximum: maximum, limit: limit)
        {
            let entries = integers.entries.count
            let width = EncodingChoice.indexWidth(entryCount: entries)
            let packed = width * min(values.count, integers.changeCount * 4) / values.count
            let dictionaryBits = entries * (isNarrow ? 32 : 64) / values.count + packed
            if dictionaryBits <= min(deltaBits, plainBits) { return .dictionary }
        }
        return deltaBits <= plainBits ? .deltaBinaryPacked : .plain
    }

    /// The same for doubles, which differences don't help.
    @unsafe func chooseEncoding(doubleBits: UnsafeBufferPointer<Int64>) -> PageEncoding {
        let limit = EncodingChoice.limit(count: doubleBits.count, size: 8)
        guard limit >= 2 else { return .plain }
        let sample = unsafe sample(doubleBits, minimum: .min, maximum: .max)
        guard sample.isRepetitive else { return .plain }
        return unsafe integers.intern(doubleBits, minimum: .min, maximum: .max, limit: limit) ? .dictionary : .plain
    }

    @unsafe private func sample(
        _ values: UnsafeBufferPointer<Int64>,
        minimum: Int64,
        maximum: Int64
    ) -> (isRepetitive: Bool, deltaBits: Int) {
        let length = min(values.count, EncodingChoice.sampleRunLength)
        let runs = values.count < EncodingChoice.sampleRunLength * 2 ? 1 : EncodingChoice.sampleRuns
        var bits = 0
        var repeated = 0
        for run in 0..<runs {
            let start = runs == 1 ? 0 : run * (values.count - length) / (runs - 1)
            let piece = values.extracting(start..<start + length)
            bits += unsafe DeltaBinaryPacking.estimatedBits(piece)
            _ = unsafe integers.intern(piece, minimum: .min, maximum: .max, limit: length)
            repeated += length - integers.entries.count
        }
        // Spread-out repeats don't show in short pieces: a twentieth of the sample is enough to try.
        return (repeated * 20 >= runs * length, bits / runs)
    }
}
