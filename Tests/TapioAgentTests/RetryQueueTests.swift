import TapioArchive
import TapioPipeline
import Testing

@testable import TapioAgent

@Suite("The queue of batches that are tried again")
struct RetryQueueTests {
    /// An entry whose bytes are exactly `bytes`, known by its number.
    private func entry(_ number: Int, bytes: Int, isCritical: Bool = false) -> RetryQueue.Entry {
        let group = EncodedRowGroup(bytes: [UInt8](repeating: 0, count: bytes), rowCount: 1, columns: [])
        let batch = ArchiveBatch(
            group: group,
            sequence: UInt64(number),
            lane: 0,
            minTimestampNs: 0,
            maxTimestampNs: 0,
            kinds: []
        )
        return RetryQueue.Entry(batch: batch, isCritical: isCritical, fromNs: 0, toNs: 0)
    }

    private func numbers(_ entries: [RetryQueue.Entry]) -> [Int] { entries.map { Int($0.batch.sequence) } }

    private func drain(_ queue: inout RetryQueue) -> [Int] {
        var found: [Int] = []
        while let entry = queue.popFirst() { found.append(Int(entry.batch.sequence)) }
        return found
    }

    @Test("hands out what it kept in the order in which it came")
    func order() {
        var queue = RetryQueue(maxBytes: 1000)
        for number in 0..<10 { #expect(queue.keep(entry(number, bytes: 100, isCritical: number % 3 == 0)).isEmpty) }
        #expect(queue.bytes == 1000 && queue.count == 10)
        #expect(queue.first?.batch.sequence == 0)
        #expect(drain(&queue) == Array(0..<10))
        #expect(queue.bytes == 0 && queue.isEmpty && queue.highWaterBytes == 1000)
    }

    @Test("gives up the oldest batch without critical rows first, and critical ones last")
    func whoGoesFirst() {
        var queue = RetryQueue(maxBytes: 400)
        _ = queue.keep(entry(0, bytes: 100, isCritical: true))
        _ = queue.keep(entry(1, bytes: 100))
        _ = queue.keep(entry(2, bytes: 100, isCritical: true))
        _ = queue.keep(entry(3, bytes: 100))
        #expect(numbers(queue.keep(entry(4, bytes: 150, isCritical: true))) == [1, 3])
        #expect(numbers(queue.keep(entry(5, bytes: 100, isCritical: true))) == [0])
        #expect(drain(&queue) == [2, 4, 5])
    }

    @Test("a batch that cannot fit is given up itself, and takes no other with it")
    func nothingInVain() {
        var queue = RetryQueue(maxBytes: 300)
        _ = queue.keep(entry(0, bytes: 200, isCritical: true))
        _ = queue.keep(entry(1, bytes: 100))
        #expect(numbers(queue.keep(entry(2, bytes: 101))) == [2])
        #expect(numbers(queue.keep(entry(3, bytes: 301, isCritical: true))) == [3])
        #expect(numbers(queue.keep(entry(4, bytes: 60))) == [1])
        #expect(drain(&queue) == [0, 4])
    }

    @Test("a bound of zero keeps nothing")
    func zero() {
        var queue = RetryQueue(maxBytes: 0)
        #expect(numbers(queue.keep(entry(0, bytes: 1, isCritical: true))) == [0])
        #expect(queue.isEmpty)
    }

    @Test("random batches: it does what a plain list would, and is never beyond its bound", arguments: 0..<50)
    func model(seed: Int) {
        var random = SplitMix64(state: UInt64(seed))
        let bound = Int.random(in: 0...2000, using: &random)
        var queue = RetryQueue(maxBytes: bound)
        var model: [RetryQueue.Entry] = []
        var handedOut = 0
        var givenUp = 0
        let count = 400
        for number in 0..<count {
            if Int.random(in: 0..<3, using: &random) == 0 {
                let expected = model.isEmpty ? nil : model.removeFirst()
                let entry = queue.popFirst()
                #expect(entry?.batch.sequence == expected?.batch.sequence)
                if entry != nil { handedOut += 1 }
            }
            let new = entry(
                number,
                bytes: Int.random(in: 1...400, using: &random),
                isCritical: Int.random(in: 0..<4, using: &random) == 0
            )
            let gone = queue.keep(new)
            givenUp += gone.count
            #expect(numbers(gone) == expected(new, &model, bound), "batch \(number)")
            #expect(queue.bytes == model.reduce(0) { $0 + $1.bytes })
            #expect(queue.bytes <= bound)
            #expect(queue.count == model.count)
            if gone.contains(where: \.isCritical) && !gone.contains(where: { $0.batch.sequence == UInt64(number) }) {
                #expect(model.allSatisfy { $0.isCritical }, "a critical batch went while another was left")
            }
        }
        handedOut += drain(&queue).count
        #expect(handedOut + givenUp == count)
    }

    /// The rule in its plainest form: one at a time, by looking at all.
    private func expected(_ new: RetryQueue.Entry, _ model: inout [RetryQueue.Entry], _ bound: Int) -> [Int] {
        let critical = model.filter(\.isCritical).reduce(0) { $0 + $1.bytes }
        if new.bytes > bound || (!new.isCritical && new.bytes + critical > bound) { return [Int(new.batch.sequence)] }
        var gone: [RetryQueue.Entry] = []
        while model.reduce(0, { $0 + $1.bytes }) + new.bytes > bound {
            let place = model.firstIndex { !$0.isCritical } ?? 0
            gone.append(model.remove(at: place))
        }
        model.append(new)
        return gone.map { Int($0.batch.sequence) }.sorted()
    }
}

/// Random numbers that are the same in each run.
private struct SplitMix64: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}
