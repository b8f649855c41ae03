/// A part of what one write puts into a file.
public enum FilePiece: Sendable {
    /// Bytes of the writer's own: headers, footers.
    case array([UInt8])
    /// A row group's.
    case encoded(EncodedBytes)

    /// Bytes.
    public var count: Int {
        switch self {
        case .array(let bytes): bytes.count
        case .encoded(let bytes): bytes.count
        }
    }

    /// A copy of the bytes.
    public var bytes: [UInt8] {
        switch self {
        case .array(let bytes): bytes
        case .encoded(let bytes): Array(bytes)
        }
    }
}
