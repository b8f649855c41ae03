import TapioRings
import Testing

@testable import TapioArchive

@Suite("Bytes of row groups")
struct EncodedBytesTests {
    private func bytes(_ count: Int) -> [UInt8] { (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ $0 >> 8) } }

    @Test(
        "what is appended comes out again, whatever the sizes, from the pool and from the heap",
        arguments: [0, 1, 4096, 4097, 32_768, 32_769, 65_535, 65_536, 65_537, 300_000]
    )
    func roundTrip(count: Int) throws {
        let pool = try BufferPool(limits: .init(small: 8, medium: 5))
        for memory in [
            ScratchMemory(pool: pool), ScratchMemory(), ScratchMemory(pool: try BufferPool(limits: .init())),
        ] {
            let wanted = bytes(count)
            var writer = PieceWriter(memory)
            for start in stride(from: 0, to: count, by: 7001) {
                writer.append(Array(wanted[start..<min(start + 7001, count)]))
                // A trial that is taken back.
                let end = writer.count
                writer.append(bytes(70_000))
                writer.removeAll(from: end)
            }
            #expect(writer.copy(from: count / 2) == Array(wanted[(count / 2)...]))
            do {
                let encoded = writer.finish()
                #expect(encoded.count == count)
                #expect(Array(encoded) == wanted)
                #expect(encoded.heldBytes >= count)
                #expect(XXHash64.hash(encoded) == XXHash64.hash(wanted))
                if memory.pool === pool {
                    #expect(pool.statistics.bytesInUse + memory.statistics.heapBytes == encoded.heldBytes)
                    #expect(
                        encoded.heldBytes - count < 32 << 10,
                        "a few small buffers, or one that is at least half full"
                    )
                }
                #expect(writer.count == 0)
            }
            #expect(pool.statistics.bytesInUse == 0)
            #expect(memory.statistics.heapBytes == 0)
        }
    }

    @Test("bytes outlive the writer that made them, and the pool's last other reference")
    func lifetime() throws {
        func make() throws -> EncodedBytes {
            var writer = PieceWriter(ScratchMemory(pool: try BufferPool(limits: .init(small: 2, medium: 3))))
            writer.append(bytes(100_000))
            return writer.finish()
        }
        let encoded = try make()
        #expect(Array(encoded) == bytes(100_000))
    }

    @Test("a hash of pieces is that of the whole, wherever it is cut")
    func hashOfPieces() {
        let whole = bytes(200)
        for count in [0, 1, 31, 32, 33, 64, 65, 200] {
            let part = Array(whole[..<count])
            for cut in 0...count {
                for second in [cut, min(count, cut + 5), min(count, cut + 40)] {
                    var state = XXHash64.State(seed: 3)
                    for piece in [part[..<cut], part[cut..<second], part[second...]] {
                        piece.withUnsafeBytes { state.add($0) }
                    }
                    #expect(state.result == XXHash64.hash(part, seed: 3), "\(count) bytes cut at \(cut) and \(second)")
                }
            }
        }
    }
}
