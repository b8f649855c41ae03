/// Why a file, or a part of it, can't be read: what is wrong, in which column, at which byte.
public struct ParquetError: Error, Sendable, Hashable, CustomStringConvertible {
    /// The kind of trouble.
    public enum Reason: String, Sendable {
        /// Ends before it should.
        case truncated
        /// Contradicts the format or itself.
        case malformed
        /// Valid Parquet perhaps, but nothing that this reader knows.
        case unsupported
        /// Larger than this reader is willing to hold.
        case limit
        /// The content isn't what was written.
        case checksum
    }

    /// The kind of trouble.
    public let reason: Reason
    /// What was read, and what is wrong with it.
    public let message: String
    /// The column that was read, if it was one.
    public var column: String?
    /// The byte in the file near which it was found, if known.
    public var offset: Int?

    init(_ reason: Reason, _ message: String, column: String? = nil, offset: Int? = nil) {
        self.reason = reason
        self.message = message
        self.column = column
        self.offset = offset
    }

    /// One line: reason, column, offset, message.
    public var description: String {
        var text = "Parquet: \(reason.rawValue)"
        if let column { text += ", column \(column)" }
        if let offset { text += ", at byte \(offset)" }
        return text + ": " + message
    }
}

/// What the reader is willing to hold, so that no file can make it allocate without bound.
enum ReaderLimit {
    /// Largest page after decompression; the writer stays below.
    static let pageBytes = 256 << 20
    /// Largest footer; 64 groups of 160 columns take about 1 MiB.
    static let footerBytes = 32 << 20
    /// Largest page header; the writer's have about 20 bytes.
    static let pageHeaderBytes = 4096
    /// Most rows of a group.
    static let rows = RowGroupEncoder.mostRows
    /// Deepest nesting of Thrift structs; metadata needs 6.
    static let depth = 16
}
