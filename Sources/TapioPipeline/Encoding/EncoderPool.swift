import Synchronization
import TapioArchive
import TapioEvents
import TapioRings

/// The threads that encode: each steals the oldest sealed batch, its own reader's first, encodes it and hands it over. An
/// idle one sleeps.
final class EncoderPool: Sendable {
    private let threads: [PinnedThread]
    private let counts: CounterBlock

    private enum Count: Int, CaseIterable {
        case batches, rows, bytes, busyNs
    }

    /// Starts `count` threads; `onEnd` is called as each ends.
    init(
        count: Int,
        compressionLevel: Int32,
        memory: ScratchMemory,
        services: ReaderServices,
        gate: EncodedBatchGate,
        clock: CurrentClock,
        onEnd: @escaping @Sendable () -> Void
    ) throws(ThreadError) {
        let counts = CounterBlock(count: Count.allCases.count)
        self.counts = counts
        var threads: [PinnedThread] = []
        for number in 0..<count {
            let thread: PinnedThread
            do throws(ThreadError) {
                thread = try PinnedThread(name: "tapio-encode-\(number)") {
                    let encoder = BatchEncoder(
                        registry: services.registry,
                        compressionLevel: compressionLevel,
                        memory: memory
                    )
                    EncoderPool.run(encoder, home: number, services: services, gate: gate, clock: clock, counts: counts)
                    onEnd()
                }
            } catch {
                // The threads that run end with the queue, which the caller closes.
                throw error
            }
            threads.append(thread)
        }
        self.threads = threads
    }

    /// Waits until the queue is closed and drained.
    func join() {
        for thread in threads { thread.join() }
    }

    /// The counts at this time.
    var statistics: EncoderStatistics {
        EncoderStatistics(
            threads: threads.count,
            batches: counts.load(Count.batches.rawValue),
            rows: counts.load(Count.rows.rawValue),
            bytes: counts.load(Count.bytes.rawValue),
            busyNs: counts.load(Count.busyNs.rawValue)
        )
    }

    private static func run(
        _ encoder: BatchEncoder,
        home: Int,
        services: ReaderServices,
        gate: EncodedBatchGate,
        clock: CurrentClock,
        counts: CounterBlock
    ) {
        while true {
            switch services.queue.pop(home: home, waitingUpTo: .seconds(3600)) {
            case .empty: continue
            case .closed: return
            case .item(let batch):
                let begin = MonotonicClock.threadCPUNs
                let encoded = encoder.encode(batch, clock: clock.offset, releasesRecords: true)
                counts.add(Count.batches.rawValue)
                counts.add(Count.rows.rawValue, UInt64(batch.rowCount))
                counts.add(Count.bytes.rawValue, UInt64(encoded.group.bytes.count))
                counts.add(Count.busyNs.rawValue, MonotonicClock.threadCPUNs - begin)
                // Before waiting for a permit: the readers may need its memory.
                services.pools.giveBack(batch)
                if !gate.send(encoded) {
                    services.ledger.countLost(encoded)
                    services.tracker.settle(encoded.sequence)
                }
            }
        }
    }
}

/// What the encoders did; counts are never reset.
public struct EncoderStatistics: Sendable, Hashable {
    /// Threads.
    public var threads: Int
    /// Batches encoded.
    public var batches: UInt64
    /// Rows encoded.
    public var rows: UInt64
    /// Compressed bytes.
    public var bytes: UInt64
    /// CPU time of encoding, all threads together, nanoseconds.
    public var busyNs: UInt64
}
