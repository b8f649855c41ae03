import TapioRings

/// The bytes of a row group, in pieces one after another. They never change; their memory goes back to where it came from
/// with the last reference.
///
/// Invariant of the unsafe code: each piece has a block of its own, which nobody else writes, with at least `count` bytes.
@safe
public final class EncodedBytes: Sendable {
    /// A block, and how much of it counts.
    struct Piece: Sendable {
        let block: ScratchBlock
        let count: Int
    }

    /// None.
    public static let empty = EncodedBytes([])

    /// Bytes.
    public let count: Int
    /// Bytes of memory that they take: blocks are not always full.
    public let heldBytes: Int
    private let pieces: [Piece]
    private let memory: ScratchMemory

    init(_ pieces: [Piece], memory: ScratchMemory) {
        self.pieces = pieces
        self.memory = memory
        count = pieces.reduce(0) { $0 + $1.count }
        heldBytes = pieces.reduce(0) { $0 + $1.block.byteCount }
    }

    /// A copy of `bytes` on the heap.
    public convenience init(_ bytes: [UInt8]) {
        var pieces: [Piece] = []
        if !bytes.isEmpty {
            let block = ScratchMemory.heap.take(bytes.count)
            unsafe bytes.withUnsafeBytes {
                unsafe UnsafeMutableRawBufferPointer(start: block.base, count: bytes.count).copyMemory(from: $0)
            }
            pieces.append(Piece(block: block, count: bytes.count))
        }
        self.init(pieces, memory: .heap)
    }

    deinit { for piece in pieces { memory.giveBack(piece.block) } }

    /// Hands over one piece after another. The pointers are valid during the call.
    @unsafe
    public func forEachPiece<Failure: Error>(
        _ body: (UnsafeRawBufferPointer) throws(Failure) -> Void
    ) throws(Failure) {
        for piece in pieces {
            unsafe try body(UnsafeRawBufferPointer(start: piece.block.base, count: piece.count))
        }
    }
}

extension [UInt8] {
    /// Copies the bytes of a row group together.
    public init(_ bytes: EncodedBytes) {
        self = []
        reserveCapacity(bytes.count)
        unsafe bytes.forEachPiece { unsafe append(contentsOf: $0) }
    }
}
