import TapioEvents

/// Records of an imagined node, as kernel programs would write them, for benchmarks that send them through real rings.
public enum BenchmarkRecords {
    /// Makes `count` records in the mix of ``EncodeBenchmark``, the same for the same seed, and hands over one after another.
    public static func forEach<Failure: Error>(
        _ count: Int,
        seed: UInt64 = 1,
        _ body: (_ index: Int, _ record: RawSpan) throws(Failure) -> Void
    ) throws(Failure) {
        var events = SyntheticEvents(seed: seed)
        let batch = RowBatch(limits: RowBatch.Limits(rows: 8192, bytes: 4 << 20))
        var made = 0
        while made < count {
            batch.reset()
            events.fill(batch)
            for row in 0..<min(batch.rowCount, count - made) {
                var failure: Failure?
                batch.withRecord(at: row) { record in
                    do throws(Failure) { try body(made, record) } catch { failure = error }
                }
                if let failure { throw failure }
                made += 1
            }
        }
    }
}
