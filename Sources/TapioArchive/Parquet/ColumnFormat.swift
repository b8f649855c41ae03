/// How the values of a column are written: the encoding, whether bit-packed numbers fill whole bytes, and how hard zstd tries.
///
/// zstd sees bytes. Numbers of 9 to 15 bits lie across them and hide what repeats; the same numbers in 16 bits take more
/// before compression and may take a fifth less after it. Which way pays is a property of the column, so it is tried.
struct ColumnFormat: Sendable, Hashable {
    var encoding: PageEncoding
    /// Widths of packed numbers are multiples of 8.
    var isByteAligned = false
    var effort = CompressionEffort.usual

    /// What is tried, cheapest first: of formats that are about as small, the first is taken.
    static let integerCandidates: [Self] = [
        Self(encoding: .deltaBinaryPacked),
        Self(encoding: .dictionary),
        Self(encoding: .deltaBinaryPacked, isByteAligned: true),
        Self(encoding: .dictionary, isByteAligned: true),
        Self(encoding: .plain),
        Self(encoding: .deltaBinaryPacked, isByteAligned: true, effort: .more),
        Self(encoding: .plain, effort: .more),
    ]
    /// The same for the indices of string columns.
    static let indexCandidates: [Self] = [
        Self(encoding: .dictionary),
        Self(encoding: .dictionary, isByteAligned: true),
        Self(encoding: .dictionary, isByteAligned: true, effort: .more),
    ]

    /// The bits of a packed number that needs `width`.
    func packedWidth(_ width: Int) -> Int { isByteAligned ? (width + 7) & ~7 : width }
}

/// The format of each column that was the smallest when all were tried.
///
/// All formats are tried on whole columns, once at first and then in one of ``period`` groups, another one for each column:
/// about a thirtieth more time, spread evenly. In between a column that changes is written correctly, only not at its smallest.
struct ColumnFormats {
    /// Groups from one trial of a column to the next.
    static let period = 128
    /// Columns with fewer values are neither tried nor written as tried: they take few bytes and tell little.
    static let fewestValues = 8_192

    private var chosen: [ColumnFormat?]
    private var group = 0

    init(columnCount: Int) { chosen = Array(repeating: nil, count: columnCount) }

    /// Counts a group.
    mutating func beginGroup() { group = (group + 1) % Self.period }

    /// The format to write `column` with; nil when it is to be tried.
    func format(of column: Int) -> ColumnFormat? { group == column % Self.period ? nil : chosen[column] }

    /// Notes what a trial gave.
    mutating func choose(_ format: ColumnFormat, for column: Int) { chosen[column] = format }

    /// The candidate with the fewest bytes; one that is dearer to write has to save a sixty-fourth, more effort is tried only
    /// where the same with less comes within an eighth of the best, and compression has to save a sixty-fourth as well.
    static func smallest(_ candidates: [ColumnFormat], byteCount: (ColumnFormat) -> Int?) -> ColumnFormat? {
        var best: (format: ColumnFormat, bytes: Int)?
        var tried: [ColumnFormat: Int] = [:]
        for candidate in candidates {
            if candidate.effort == .more, let known = best {
                var same = candidate
                same.effort = .usual
                guard let bytes = tried[same], bytes <= known.bytes + known.bytes / 8 else { continue }
            }
            guard let bytes = byteCount(candidate) else { continue }
            tried[candidate] = bytes
            if let known = best, bytes > known.bytes - known.bytes / 64 { continue }
            best = (candidate, bytes)
        }
        guard let best else { return nil }
        var stored = best.format
        stored.effort = .none
        guard let bytes = byteCount(stored), bytes <= best.bytes + best.bytes / 64 else { return best.format }
        return stored
    }
}
