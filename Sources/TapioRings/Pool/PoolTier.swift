/// The sizes of buffers that a ``BufferPool`` has.
public enum PoolTier: UInt8, Sendable, CaseIterable, CustomStringConvertible {
    /// 4 KiB: a page, for what a batch carries beside its rows.
    case small
    /// 64 KiB: part of a column, or of what a batch was encoded into.
    case medium
    /// 1 MiB: a piece of a batch, or a whole column while it is encoded.
    case large

    /// Bytes of a buffer; also what its address is a multiple of, but at most ``PoolTier/greatestAlignment``.
    @inlinable
    public var byteCount: Int {
        switch self {
        case .small: 4 << 10
        case .medium: 64 << 10
        case .large: 1 << 20
        }
    }

    /// Every buffer starts on a page at least, so that no two share a cache line.
    public static let greatestAlignment = 64 << 10

    /// The smallest size that has so many bytes; nil where none has.
    @inlinable
    public static func smallest(holding bytes: Int) -> PoolTier? { allCases.first { $0.byteCount >= bytes } }

    /// The size in words.
    public var description: String {
        switch self {
        case .small: "4 KiB"
        case .medium: "64 KiB"
        case .large: "1 MiB"
        }
    }
}
