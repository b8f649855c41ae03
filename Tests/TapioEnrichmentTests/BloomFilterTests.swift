import TapioEnrichment
import Testing

@Suite("Bloom filter")
struct BloomFilterTests {
    @Test(
        "what was added may be there; of other keys, at most one in 500 is taken for one",
        arguments: [1, 100, 20_000]
    )
    func rate(capacity: Int) {
        let filter = BloomFilter(capacity: capacity)
        // Neighbours, as ids of cgroups are.
        let keys = (0..<UInt64(capacity)).map { 4_294_967_296 + $0 * 3 }
        for key in keys { filter.add(key) }
        #expect(keys.allSatisfy { filter.mayContain($0) })
        let others = (0..<200_000).map { 4_294_967_297 + UInt64($0) * 3 }
        let wrong = others.count { filter.mayContain($0) }
        #expect(wrong <= others.count / 500, "\(wrong)")
        filter.clear()
        #expect(!keys.contains { filter.mayContain($0) })
    }

    @Test("an empty one has nothing")
    func empty() {
        let filter = BloomFilter(capacity: 10)
        #expect(!(0..<10_000).contains { filter.mayContain(UInt64($0)) })
        #expect(!filter.mayContain(.max))
    }

    #if DEBUG
        @Test("a filter for nothing is refused")
        func refused() async {
            await #expect(processExitsWith: .failure) { _ = BloomFilter(capacity: 0) }
        }
    #endif
}
