/// The encodings that occur in a column chunk.
public struct ColumnEncodings: OptionSet, Sendable, Hashable {
    /// Bit `n` stands for number `n` of the Parquet format's `Encoding` enumeration.
    public let rawValue: UInt32

    /// Makes a set from its bits.
    public init(rawValue: UInt32) { self.rawValue = rawValue }

    /// Values one after another, little-endian; strings with a 32-bit length before each.
    public static let plain = Self(.plain)
    /// The old name for ``dictionary``; read, never written.
    public static let plainDictionary = Self(.plainDictionary)
    /// Runs and bit-packed numbers: the definition levels.
    public static let runLength = Self(.runLength)
    /// Differences, bit-packed in blocks of 128.
    public static let deltaBinaryPacked = Self(.deltaBinaryPacked)
    /// Numbers of dictionary entries, as runs and bit-packed.
    public static let dictionary = Self(.dictionary)

    init(_ encoding: PageEncoding) { self.init(rawValue: 1 << UInt32(encoding.rawValue)) }

    /// The encodings' numbers, ascending.
    var numbers: [Int32] { (0..<32).filter { rawValue & (1 << UInt32($0)) != 0 } }
}

/// `Encoding` of the Parquet format; the ones that the reader knows.
enum PageEncoding: Int32, Sendable {
    case plain = 0
    case plainDictionary = 2
    case runLength = 3
    case deltaBinaryPacked = 5
    case dictionary = 8
}
