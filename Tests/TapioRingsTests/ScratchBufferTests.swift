import TapioRings
import Testing

@Suite("ScratchBuffer")
struct ScratchBufferTests {
    private func memory(small: Int = 0, medium: Int = 0, large: Int = 0) throws -> ScratchMemory {
        ScratchMemory(pool: try BufferPool(limits: .init(small: small, medium: medium, large: large)))
    }

    private func inUse(_ memory: ScratchMemory) -> [Int] {
        let buffers = memory.statistics.buffers
        return [buffers?.small.inUse ?? -1, buffers?.medium.inUse ?? -1, buffers?.large.inUse ?? -1]
    }

    @Test("a buffer grows from one size of the pool to the next, keeps its elements and gives the smaller one back")
    func growth() throws {
        let memory = try memory(small: 1, medium: 1, large: 1)
        var buffer = ScratchBuffer<UInt32>(memory)
        #expect(buffer.isEmpty && buffer.capacity == 0)
        #expect(inUse(memory) == [0, 0, 0])
        for value in 0..<262_144 {
            buffer.append(UInt32(value))
            switch value {
            case 0, 1023: #expect(inUse(memory) == [1, 0, 0])
            case 1024, 16_383: #expect(inUse(memory) == [0, 1, 0])
            case 16_384, 262_143: #expect(inUse(memory) == [0, 0, 1])
            default: break
            }
        }
        #expect(buffer.capacity == 262_144, "a buffer of the pool is used to its end")
        #expect(memory.statistics.tooLarge == 0)
        buffer.append(262_144)
        #expect(inUse(memory) == [0, 0, 0])
        #expect(memory.statistics.tooLarge == 1)
        #expect(memory.statistics.heapBytes == buffer.capacity * 4)
        #expect(buffer.elements.enumerated().allSatisfy { $0.offset == Int($0.element) })
        buffer.removeAll(keepingAtMost: 1 << 20)
        #expect(buffer.capacity == 0 && memory.statistics.heapBytes == 0)
        #expect(memory.statistics.heapBytesHighWater > 1 << 20)
    }

    @Test(
        "bytes have slack behind them that may be written, in every size",
        arguments: [1, 4032, 65_472, 1_048_512, 2_000_000]
    )
    func slack(count: Int) throws {
        for memory in [try memory(small: 2, medium: 2, large: 2), ScratchMemory()] {
            var first = ScratchBuffer<UInt8>(memory)
            var second = ScratchBuffer<UInt8>(memory)
            first.fill(count, with: 1)
            second.fill(count, with: 2)
            #expect(first.capacity >= count)
            // As the packing loops do. What lies behind must not be the other's.
            (first.base + first.capacity).update(repeating: 0xFF, count: 64)
            (second.base + second.capacity).update(repeating: 0xFF, count: 64)
            #expect(first.elements.allSatisfy { $0 == 1 })
            #expect(second.elements.allSatisfy { $0 == 2 })
            let distance = abs(first.base - second.base)
            #expect(distance >= count + 64)
        }
    }

    @Test("a buffer of the pool is given back for others, what was too large for it is kept; without a pool all is")
    func giveBack() throws {
        let memory = try memory(small: 1, medium: 1)
        var buffer = ScratchBuffer<UInt64>(memory)
        buffer.fill(8192, with: 7)
        #expect(inUse(memory) == [0, 1, 0])
        buffer.giveBack()
        #expect(buffer.isEmpty && buffer.capacity == 0)
        #expect(inUse(memory) == [0, 0, 0])
        buffer.fill(200_000, with: 7)
        buffer.giveBack()
        #expect(buffer.isEmpty && buffer.capacity >= 200_000)
        #expect(memory.statistics.heapBytes >= 1_600_000)
        var own = ScratchBuffer<UInt64>(ScratchMemory())
        own.fill(100, with: 7)
        own.giveBack()
        #expect(own.isEmpty && own.capacity >= 100)
    }

    @Test("where the pool has none left the heap serves, counted, until the pool can")
    func exhaustion() throws {
        let memory = try memory(medium: 1)
        var first = ScratchBuffer<UInt8>(memory)
        first.fill(10_000, with: 1)
        do {
            var second = ScratchBuffer<UInt8>(memory)
            second.fill(10_000, with: 2)
            #expect(memory.statistics.exhausted == 1)
            #expect(memory.statistics.heapBytes == 10_064)
            #expect(first.elements.allSatisfy { $0 == 1 } && second.elements.allSatisfy { $0 == 2 })
            second.giveBack()
            #expect(memory.statistics.heapBytes == 0)
            first.giveBack()
            second.fill(10_000, with: 2)
            #expect(memory.statistics.heapBytes == 0)
            #expect(inUse(memory) == [0, 1, 0])
        }
        #expect(inUse(memory) == [0, 0, 0], "a buffer that goes takes no memory with it")
        #expect(memory.statistics.exhausted == 1)
    }

    @Test("many buffers that grow and shrink never share memory, and leave none behind")
    func many() throws {
        let memory = try memory(small: 3, medium: 3, large: 1)
        var random = Xorshift(seed: 5)
        do {
            var first = ScratchBuffer<UInt32>(memory)
            var second = ScratchBuffer<UInt32>(memory)
            var third = ScratchBuffer<UInt32>(memory)
            for round in UInt32(0)..<500 {
                let counts = (0..<3).map { _ in Int(random.next() % (random.next() % 8 == 0 ? 400_000 : 3000)) }
                first.fill(counts[0], with: round)
                second.fill(counts[1], with: round &+ 1_000_000)
                third.fill(counts[2], with: round &+ 2_000_000)
                guard first.elements.allSatisfy({ $0 == round }),
                    second.elements.allSatisfy({ $0 == round + 1_000_000 }),
                    third.elements.allSatisfy({ $0 == round + 2_000_000 })
                else {
                    Issue.record("round \(round): a buffer was written through another")
                    return
                }
                switch random.next() % 4 {
                case 0: first.giveBack()
                case 1: second.removeAll(keepingAtMost: 4096)
                case 2: third.removeAll()
                default: break
                }
            }
        }
        #expect(inUse(memory) == [0, 0, 0])
        #expect(memory.statistics.heapBytes == 0)
    }
}
