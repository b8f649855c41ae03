import Synchronization
import TapioEvents
import TapioRings

/// Records of one lane in memory, one behind the other, as kernel programs would have written them into a ring: for
/// benchmarks without a kernel. Made once, read often.
final class RecordTape: Sendable {
    /// The lane.
    let lane: Lane
    /// Records on it.
    let count: Int
    /// Bytes of records, each rounded up to 8.
    let byteCount: Int
    /// For each record a word with its size, then the record, padded to whole words.
    private let words: [UInt64]

    fileprivate init(lane: Lane, count: Int, words: [UInt64]) {
        self.lane = lane
        self.count = count
        self.words = words
        byteCount = (words.count - count) * 8
    }

    /// Where the tape ends.
    var end: Int { words.count }

    /// Hands over records from a position on, like ``RecordSource/drain(maxRecords:maxBytes:_:)``, and moves the position.
    @inline(__always)
    func read(from position: inout Int, maxRecords: Int, maxBytes: Int, _ body: (RawSpan) -> Void) -> SourceDrain {
        var drain = SourceDrain()
        var at = position
        unsafe words.withUnsafeBytes { memory in
            let end = memory.count / 8
            while drain.records < maxRecords && drain.bytes < maxBytes && at < end {
                let size = unsafe Int(memory.load(fromByteOffset: at * 8, as: UInt64.self))
                let begin = (at + 1) * 8
                // Within the array, which checks it.
                let record = unsafe UnsafeRawBufferPointer(rebasing: memory[begin..<begin + size])
                body(unsafe record.bytes)
                let padded = (size + 7) & ~7
                at += 1 + padded / 8
                drain.records += 1
                drain.bytes += padded
            }
        }
        position = at
        return drain
    }
}

/// The records of an imagined node on two tapes, one for each lane.
struct RecordTapes: Sendable {
    /// By lane, in the order of the lanes.
    let tapes: [RecordTape]
    /// Records of each kind.
    let kinds: [EventKind: Int]

    /// Records on all tapes.
    var count: Int { tapes.reduce(0) { $0 + $1.count } }
    /// Bytes of them.
    var byteCount: Int { tapes.reduce(0) { $0 + $1.byteCount } }

    /// Makes `count` records: about 2 s and 130 MB for each million.
    init(count: Int, seed: UInt64 = 1) {
        var words = [[UInt64]](repeating: [], count: Lane.allCases.count)
        var counts = [Int](repeating: 0, count: Lane.allCases.count)
        var sequences = [UInt64](repeating: 0, count: Lane.allCases.count)
        var kinds: [EventKind: Int] = [:]
        BenchmarkRecords.forEach(count, seed: seed) { _, record in
            let priority = Priority(rawValue: record.uint8(at: RecordTapes.priorityOffset)) ?? .low
            let lane = Int(priority.lane.rawValue)
            words[lane].append(UInt64(record.byteCount))
            let first = words[lane].count
            for offset in stride(from: 0, to: record.byteCount, by: 8) {
                words[lane].append(RecordTapes.word(of: record, at: offset))
            }
            // One ring for each lane: its own numbers.
            words[lane][first + 1] = sequences[lane]
            sequences[lane] += 1
            counts[lane] += 1
            kinds[EventKind(rawValue: record.uint8(at: RecordCheck.kindOffset)), default: 0] += 1
        }
        tapes = Lane.allCases.map { lane in
            RecordTape(lane: lane, count: counts[Int(lane.rawValue)], words: words[Int(lane.rawValue)])
        }
        self.kinds = kinds
    }

    private static let priorityOffset = RecordCheck.kindOffset + 1

    private static func word(of record: RawSpan, at offset: Int) -> UInt64 {
        if offset + 8 <= record.byteCount { return record.uint64(at: offset) }
        var word: UInt64 = 0
        for byte in offset..<record.byteCount { word |= UInt64(record.uint8(at: byte)) << UInt64((byte - offset) * 8) }
        return word
    }
}

/// A tape as a reader's source. Each is read once.
final class TapeSource: RecordSource {
    let cpu = 0
    let lane: Lane
    let capacity: Int
    private let tape: RecordTape
    // Written by the reader alone; anyone may look how much is left.
    private let position = Atomic<Int>(0)

    init(_ tape: RecordTape) {
        self.tape = tape
        lane = tape.lane
        capacity = tape.byteCount
    }

    var pendingBytes: Int { (tape.end - position.load(ordering: .relaxed)) * 8 }

    @inline(__always)
    func drain(maxRecords: Int, maxBytes: Int, _ body: (RawSpan) -> Void) -> SourceDrain {
        var at = position.load(ordering: .relaxed)
        let drained = tape.read(from: &at, maxRecords: maxRecords, maxBytes: maxBytes, body)
        position.store(at, ordering: .relaxed)
        return drained
    }
}

/// Tapes instead of the kernel's rings. Nothing ever comes in beside what is there.
final class TapePlane: RecordPlane {
    let sources: [TapeSource]
    private let doorbell = Doorbell()
    private let isEnded = Atomic<Bool>(false)

    init(_ tapes: RecordTapes) {
        sources = tapes.tapes.map(TapeSource.init)
    }

    func wait(nanoseconds: UInt64) {
        // Pairs with the store in `endWaits`.
        let _: Void? = doorbell.wait(upTo: .nanoseconds(Int64(clamping: nanoseconds))) {
            isEnded.load(ordering: .acquiring) ? () : nil
        }
    }

    func endWaits() {
        isEnded.store(true, ordering: .releasing)
        doorbell.ringAll()
    }
}
