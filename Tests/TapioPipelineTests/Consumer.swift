import Synchronization
import TapioArchive
import TapioEvents

@testable import TapioPipeline

/// Takes the encoded batches of a pipeline as an exporter would: counts the rows as archived, and keeps the batches.
final class Consumer: Sendable {
    private let kept = Mutex<[ArchiveBatch]>([])
    private let arrivals: AsyncStream<Int>
    private let arrived: AsyncStream<Int>.Continuation

    init() {
        (arrivals, arrived) = AsyncStream<Int>.makeStream()
    }

    /// The batches so far.
    var batches: [ArchiveBatch] { kept.withLock { $0 } }

    /// Reads until the sequence ends.
    func run(_ batches: EncodedBatches, ledger: Ledger) async {
        for await encoded in batches {
            take(encoded, ledger)
        }
        arrived.finish()
    }

    /// Takes one batch.
    func take(_ encoded: EncodedBatch, _ ledger: Ledger) {
        for total in encoded.batch.kinds where total.kind != EventKind.ledger.rawValue {
            let kind = EventKind(rawValue: total.kind)
            ledger.add(.archived, kind, UInt64(total.eventRows))
            ledger.add(.aggregated, kind, total.aggregatedEvents)
        }
        let count = kept.withLock { kept in
            kept.append(encoded.batch)
            return kept.count
        }
        encoded.settle()
        arrived.yield(count)
    }

    /// Returns when so many batches have come.
    func waitForBatches(_ count: Int) async {
        if batches.count >= count { return }
        for await arrived in arrivals where arrived >= count { return }
    }

    /// The sequence numbers of all rows of a lane, in order, by CPU. Decodes no more: that is what takes time.
    func sequences(_ registry: SchemaRegistry, lane: Lane) throws -> [Int64: [UInt64]] {
        var found: [Int64: [UInt64]] = [:]
        for batch in batches where batch.lane == lane.rawValue {
            for row in try DecodedGroup(batch, registry: registry, columns: ["cpu", "seq"]).rows {
                if case .int(let cpu) = row["cpu"], case .int(let sequence) = row["seq"] {
                    found[cpu, default: []].append(UInt64(sequence))
                }
            }
        }
        return found.mapValues { $0.sorted() }
    }
}
