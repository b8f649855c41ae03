/// Sizes as people write them: `256MiB`, `1GB`, `1.5GiB`, or a plain number of bytes.
enum SizeNotation {
    private static let binary: [(name: String, bytes: Int)] = [
        ("TiB", 1 << 40), ("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10),
    ]
    /// `kB` and `KB` are both seen for 1000 bytes; the binary ones have the `i`.
    private static let others: [(name: String, bytes: Int)] = [
        ("TB", 1_000_000_000_000), ("GB", 1_000_000_000), ("MB", 1_000_000), ("kB", 1000), ("KB", 1000), ("B", 1),
        ("", 1),
    ]
    /// What an error message offers.
    static let examples = "bytes as in 256MiB, 1GB or 4096"

    /// The bytes, or `nil` where the text is no size, is not a whole number of bytes or exceeds `Int`.
    static func parse(_ text: String) -> Int? {
        guard let number = DecimalNumber(prefixOf: text[...]) else { return nil }
        guard let unit = (binary + others).first(where: { $0.name == number.rest }) else { return nil }
        return number.multiplied(by: UInt64(unit.bytes)).flatMap(Int.init(exactly:))
    }

    /// The size in the largest binary unit that it is a whole number of.
    static func text(_ bytes: Int) -> String {
        guard bytes > 0, let unit = binary.first(where: { bytes % $0.bytes == 0 }) else { return String(bytes) }
        return "\(bytes / unit.bytes)\(unit.name)"
    }
}
