import TapioRings
import Testing

@Suite("CounterBlock")
struct CounterBlockTests {
    @Test("threads that add to the same counters lose no count", arguments: [CounterBlock.Layout.padded, .packed])
    func shared(layout: CounterBlock.Layout) throws {
        let block = CounterBlock(count: 3, layout: layout)
        let rounds = itemCount(release: 200_000, debug: 20_000)
        let threads = try (0..<3).map { index in
            try PinnedThread(name: "adder-\(index)") {
                for _ in 0..<rounds {
                    block.add(0)
                    block.add(1, 2)
                }
            }
        }
        for thread in threads { thread.join() }
        #expect(block.values == [UInt64(3 * rounds), UInt64(6 * rounds), 0])
    }

    @Test("each thread's own counter is exact without atomic adds")
    func onlyWriters() throws {
        let block = CounterBlock(count: 4)
        let rounds = itemCount(release: 200_000, debug: 20_000)
        let threads = try (0..<4).map { index in
            try PinnedThread(name: "writer-\(index)") {
                for _ in 0..<rounds { block.addAsOnlyWriter(index, UInt64(index)) }
            }
        }
        for thread in threads { thread.join() }
        #expect(block.values == (0..<4).map { UInt64($0 * rounds) })
    }

    @Test("an empty block is fine, a counter that is not there traps")
    func bounds() async {
        #expect(CounterBlock(count: 0).values == [])
        await #expect(processExitsWith: .failure) { CounterBlock(count: 2).add(2) }
        await #expect(processExitsWith: .failure) { _ = CounterBlock(count: 2).load(-1) }
    }
}
