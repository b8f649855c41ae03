import TapioEvents
import TapioRings

/// The pools of a pipeline: one for each NUMA node that has a reader, so that a reader fills memory of its own node.
struct BatchPools: Sendable {
    private let pools: [BatchPool]
    /// By reader, the number of its pool.
    private let poolOfReader: [Int]

    /// Pools for readers on these nodes; nil where a reader has none. The memory is shared out by readers.
    init(_ configuration: PipelineConfiguration, nodes: [Int?]) throws(BufferPoolError) {
        var known: [Int?] = []
        var poolOfReader: [Int] = []
        for node in nodes {
            if let number = known.firstIndex(of: node) {
                poolOfReader.append(number)
            } else {
                poolOfReader.append(known.count)
                known.append(node)
            }
        }
        self.poolOfReader = poolOfReader
        var pools: [BatchPool] = []
        for (number, node) in known.enumerated() {
            let readers = poolOfReader.count { $0 == number }
            var share = configuration
            share.maxBatchBytes = configuration.maxBatchBytes * readers / max(1, nodes.count)
            pools.append(
                BatchPool(
                    limits: configuration.batch,
                    most: configuration.mostBatches(readers: readers),
                    memory: try BufferPool(limits: share.batchMemory(readers: readers), node: node)
                )
            )
        }
        self.pools = pools
    }

    /// The pool of a reader.
    func pool(reader: Int) -> BatchPool { pools[poolOfReader[reader]] }

    /// An empty batch for a reader, without memory yet; nil while none may be made.
    func take(reader: Int) -> RowBatch? {
        guard let batch = pool(reader: reader).take() else { return nil }
        batch.poolNumber = poolOfReader[reader]
        return batch
    }

    /// Takes a batch back into the pool that it came from. Any thread.
    func giveBack(_ batch: RowBatch) { pools[batch.poolNumber].giveBack(batch) }

    /// All pools together.
    var statistics: BatchPoolStatistics {
        pools.dropFirst().reduce(into: pools[0].statistics) { sum, pool in sum.add(pool.statistics) }
    }
}
