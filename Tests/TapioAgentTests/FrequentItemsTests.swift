import TapioEvents
import Testing

@testable import TapioAgent

@Suite("The greatest sums of a stream in bounded memory")
struct FrequentItemsTests {
    @Test("while there is room every sum is exact")
    func exact() {
        var items = FrequentItems<Int>(capacity: 10)
        for number in 0..<1000 { items.add(number % 10, Double(number % 3)) }
        var sums = [Double](repeating: 0, count: 10)
        for number in 0..<1000 { sums[number % 10] += Double(number % 3) }
        #expect(items.error == 0)
        #expect((0..<10).map { items.items[$0]?.sum } == sums)
    }

    @Test("beyond that no sum is too great, and none too small by more than the error", arguments: [2, 16, 100])
    func bounded(capacity: Int) {
        var items = FrequentItems<Int>(capacity: capacity)
        var sums: [Int: Double] = [:]
        var random = SystemRandomNumberGenerator()
        for number in 0..<20_000 {
            // A third of all are of five keys.
            let key = number % 3 == 0 ? number % 5 : Int.random(in: 5..<5000, using: &random)
            let weight = Double(Int.random(in: 1...4, using: &random))
            items.add(key, weight)
            sums[key, default: 0] += weight
        }
        #expect(items.items.count <= capacity)
        #expect(items.error > 0)
        for (key, sum) in sums {
            let counted = items.items[key]?.sum ?? 0
            #expect(
                counted <= sum && sum <= counted + items.error,
                "\(key): \(counted) of \(sum), error \(items.error)"
            )
        }
        // What is taken off at a time is taken off half of all keys at least.
        #expect(items.error <= 2 * sums.values.reduce(0, +) / Double(capacity))
        if capacity == 100 { #expect((0..<5).allSatisfy { items.items[$0] != nil }) }
    }

    @Test("what is remembered with a key is merged as asked")
    func notes() {
        var items = FrequentItems<String>(capacity: 4)
        items.add("a", 1, EnrichmentID(owner: 7))
        items.add("a", 1, EnrichmentID(owner: 9)) { old, _ in old }
        #expect(items.items["a"]?.note == EnrichmentID(owner: 7))
        items.add("a", 1, EnrichmentID(owner: 9))
        #expect(items.items["a"]?.note == EnrichmentID(owner: 9))
    }
}
