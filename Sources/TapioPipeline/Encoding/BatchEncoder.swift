import TapioBPF
public import TapioArchive
public import TapioEvents
public import TapioRings

/// Makes row groups of sealed batches: sorts the rows, gathers each column kind by kind, encodes and compresses it.
///
/// One thread owns it and uses it again and again; nothing is allocated for a row. Its memory is a pool's where it is given
/// one, and goes back there between batches; without one it is kept.
public final class BatchEncoder {
    let plan: ColumnPlan
    let registry: SchemaRegistry
    let sorter: BatchSorter
    let scratch: ColumnScratch
    let rowGroup: RowGroupEncoder
    private var text: TextGather

    /// Makes an encoder for the table of `registry`, with memory of `memory`.
    public init(registry: SchemaRegistry, compressionLevel: Int32 = 1, memory: ScratchMemory = .heap) {
        sorter = BatchSorter(memory)
        scratch = ColumnScratch(memory)
        text = TextGather(memory)
        plan = ColumnPlan(registry)
        self.registry = registry
        rowGroup = RowGroupEncoder(
            schema: registry.parquetSchema,
            compressionLevel: compressionLevel,
            memory: memory
        )
    }

    /// Sorts, gathers and compresses the rows of `batch`. O(rows × columns).
    ///
    /// - Parameter releasesRecords: Give the records' memory back as soon as nothing reads it any more, which for most
    ///   batches is a fifth of the way: what is sorted is copied. Otherwise `batch` is left as it is.
    /// - Precondition: each row passed the checks of a ``RecordCheck`` of the same registry, or is one of ``LedgerRows``, or
    ///   a summary that a ``WindowAggregator`` made.
    public func encode(_ batch: RowBatch, clock: ClockOffset, releasesRecords: Bool = false) -> ArchiveBatch {
        sort(batch)
        // A summary has its histogram as a string.
        if releasesRecords, !sorter.runs.contains(where: { $0.isSummary || plan.hasStrings[Int($0.kind.rawValue)] }) {
            batch.releaseRecords()
            sorter.giveBackPositions()
        }
        return encodeSorted(batch, clock: clock)
    }

    /// The first half of ``encode(_:clock:)``, for measuring.
    func sort(_ batch: RowBatch) {
        sorter.sort(batch, layouts: plan.layouts)
    }

    /// The second half.
    func encodeSorted(_ batch: RowBatch, clock: ClockOffset) -> ArchiveBatch {
        rowGroup.begin(rowCount: batch.rowCount)
        var weights = [Double](repeating: 0, count: sorter.runs.count)
        unsafe batch.withUnsafeRows { rows in
            for column in plan.fillings.indices {
                let filling = plan.fillings[column]
                if filling.isRemote && !batch.enrichment.hasRemote { continue }
                // Of a batch of which nothing is known these columns are null, but for what records say themselves.
                let isUnknown = batch.enrichment.entries.count <= 1
                guard
                    sorter.runs.contains(where: {
                        filling.fields[$0.layout] != nil && !(isUnknown && filling.isEnrichment[$0.layout])
                    })
                else { continue }
                scratch.begin(rows: batch.rowCount, filling.column.type == .string ? .texts : .numbers)
                switch filling.column.type {
                case .int32, .int64, .timestamp: integers(column, filling, clock)
                case .double: doubles(column, filling, &weights)
                case .string:
                    unsafe text.gather(
                        filling,
                        plan: plan,
                        sorter: sorter,
                        into: scratch,
                        records: rows,
                        enrichment: batch.enrichment
                    )
                    withSpans { indices, validity in
                        rowGroup.strings(
                            column,
                            indices: indices,
                            dictionary: text.interner.dictionary,
                            validity: validity
                        )
                    }
                }
            }
        }
        let isEmpty = batch.isEmpty
        let kinds = totals(batch, weights)
        scratch.giveBack()
        text.giveBack()
        sorter.giveBack()
        return ArchiveBatch(
            group: rowGroup.finish(),
            sequence: batch.sequence,
            lane: batch.holdsLedger ? BatchEncoder.ledgerLane : batch.lane.rawValue,
            minTimestampNs: isEmpty ? 0 : clock.utcNanoseconds(boot: batch.earliestNs),
            maxTimestampNs: isEmpty ? 0 : clock.utcNanoseconds(boot: batch.latestNs),
            kinds: kinds
        )
    }

    /// What is in the batch by kind: a kind's summaries follow its events.
    private func totals(_ batch: RowBatch, _ weights: [Double]) -> [KindTotal] {
        var totals: [KindTotal] = []
        for (run, weight) in zip(sorter.runs, weights) {
            if totals.last?.kind != run.kind.rawValue {
                totals.append(KindTotal(kind: run.kind.rawValue, name: registry.name(of: run.kind), rows: 0, weight: 0))
            }
            totals[totals.count - 1].rows += run.rows.count
            totals[totals.count - 1].weight += weight
            guard run.isSummary else { continue }
            totals[totals.count - 1].summaries = run.rows.count
            totals[totals.count - 1].aggregatedEvents = batch.mergedCount(of: run.kind)
        }
        return totals
    }

    /// ``ArchiveBatch/lane`` of the ledger's rows.
    public static let ledgerLane: UInt8 = 2

    /// The gathered indices and which rows have one; no bits where all have.
    private func withSpans(_ body: (Span<UInt32>, Span<UInt64>?) -> Void) {
        let indices = unsafe UnsafeBufferPointer(start: scratch.indices, count: scratch.count)
        let validity = unsafe UnsafeBufferPointer(start: scratch.validity, count: scratch.rows / 64 + 1)
        unsafe body(indices.span, scratch.count == scratch.rows ? nil : validity.span)
    }
}

extension SchemaRegistry {
    /// The table as a Parquet schema.
    public var parquetSchema: ParquetSchema {
        ParquetSchema(
            columns: columns.map { column in
                ParquetColumn(
                    name: column.name,
                    type: ParquetType(column.type),
                    isRequired: column.isRequired,
                    fieldID: column.id
                )
            }
        )
    }
}

extension ParquetType {
    /// The physical side of a column's type.
    init(_ type: ColumnType) {
        switch type {
        case .int32: self = .int32
        case .int64: self = .int64
        case .double: self = .double
        case .string: self = .string
        case .timestamp: self = .timestampMicros
        }
    }
}
