import TapioRings

/// Puts bytes together that become ``EncodedBytes``: in blocks of the pool's middle size, so that nothing is copied when it
/// grows or is handed over, and of the smallest where a few of these hold the end.
///
/// Invariant of the unsafe code: all blocks have ``blockBytes``, and there are enough for `count` bytes.
@safe
struct PieceWriter: ~Copyable {
    private static let blockBytes = PoolTier.medium.byteCount
    /// The most blocks of the smallest size that take the place of one of the middle.
    private static let mostSmall = 8

    private let memory: ScratchMemory
    private var blocks: [ScratchBlock] = []
    /// Bytes so far.
    private(set) var count = 0

    init(_ memory: ScratchMemory) { self.memory = memory }

    deinit { for block in blocks { memory.giveBack(block) } }

    mutating func append(_ bytes: [UInt8]) { unsafe bytes.withUnsafeBytes { unsafe append(copying: $0) } }

    @unsafe mutating func append(copying source: UnsafeRawBufferPointer) {
        guard let start = source.baseAddress else { return }
        var copied = 0
        while copied < source.count {
            let (number, offset) = count.quotientAndRemainder(dividingBy: Self.blockBytes)
            if number == blocks.count { blocks.append(memory.take(Self.blockBytes)) }
            let part = min(source.count - copied, Self.blockBytes - offset)
            unsafe (blocks[number].base + offset).copyMemory(from: start + copied, byteCount: part)
            copied += part
            count += part
        }
    }

    /// Forgets what was appended from `offset` on.
    mutating func removeAll(from offset: Int) {
        precondition(offset >= 0 && offset <= count)
        count = offset
    }

    /// Copies out what was appended from `offset` on.
    func copy(from offset: Int) -> [UInt8] {
        precondition(offset >= 0 && offset <= count)
        var result: [UInt8] = []
        result.reserveCapacity(count - offset)
        var next = offset
        while next < count {
            let (number, start) = next.quotientAndRemainder(dividingBy: Self.blockBytes)
            let part = min(count - next, Self.blockBytes - start)
            unsafe result.append(
                contentsOf: UnsafeRawBufferPointer(start: blocks[number].base + start, count: part)
            )
            next += part
        }
        return result
    }

    /// Hands over what was appended, and begins anew.
    mutating func finish() -> EncodedBytes {
        let (full, rest) = count.quotientAndRemainder(dividingBy: Self.blockBytes)
        var pieces = blocks[..<full].map { EncodedBytes.Piece(block: $0, count: Self.blockBytes) }
        var unused = full
        if rest > 0 {
            if let small = shrink(blocks[full], to: rest) {
                pieces += small
            } else {
                pieces.append(EncodedBytes.Piece(block: blocks[full], count: rest))
                unused += 1
            }
        }
        for block in blocks[unused...] { memory.giveBack(block) }
        blocks.removeAll(keepingCapacity: true)
        count = 0
        return EncodedBytes(pieces, memory: memory)
    }

    /// Copies the first bytes of a block into smaller ones; nil where that isn't worth it, or there are none.
    private func shrink(_ block: ScratchBlock, to count: Int) -> [EncodedBytes.Piece]? {
        let smallBytes = PoolTier.small.byteCount
        var small: [ScratchBlock] = []
        if memory.pool == nil {
            small.append(memory.take(count))
        } else {
            let needed = (count + smallBytes - 1) / smallBytes
            guard needed <= Self.mostSmall else { return nil }
            while small.count < needed, let taken = memory.takePooled(.small) { small.append(taken) }
            guard small.count == needed else {
                for block in small { memory.giveBack(block) }
                return nil
            }
        }
        var pieces: [EncodedBytes.Piece] = []
        var copied = 0
        for target in small {
            let part = min(target.byteCount, count - copied)
            unsafe target.base.copyMemory(from: block.base + copied, byteCount: part)
            pieces.append(EncodedBytes.Piece(block: target, count: part))
            copied += part
        }
        return pieces
    }
}
