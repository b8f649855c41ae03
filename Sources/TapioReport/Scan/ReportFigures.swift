import TapioEvents
import TapioQuery

/// All that a report counts, while row groups are added.
struct ReportFigures {
    let grid: TimeGrid
    /// Rows before it, or from `untilUs` on, are left out.
    private let sinceUs: Int64
    private let untilUs: Int64
    private var kinds: [KindFigures] = []
    private var kindNumbers: [String: Int] = [:]
    private var ledger: LedgerFigures
    private var tables = ReportTables()
    private var origins = RowOrigins()
    private var rows = 0
    private var rowsOutside = 0
    /// Kinds with histograms: there is room for some.
    private var measuredKinds = 0
    private var measuredKindsLeftOut = Set<String>()

    /// Kinds whose latencies are told over time.
    private static let mostMeasuredKinds = 12
    /// Kinds that have a line of their own in the chart of rates.
    private static let shownRates = 7
    /// Kinds that are told apart; an archive of ours has some fifty.
    private static let mostKinds = 256
    /// The columns that all tables share.
    private static let common = ["ts", "kind", "comm", "pid", "agg_count", "latency_ns", "duration_ns"]
    /// Those of summaries.
    private static let ofSummaries = ["agg_histogram", "agg_max", "agg_last"]
    /// Those of which what was found out later is wanted in every row.
    static let late = Owners.columns.union(RemoteColumns.late)

    init(grid: TimeGrid, sinceUs: Int64, untilUs: Int64) {
        self.grid = grid
        self.sinceUs = sinceUs
        self.untilUs = untilUs
        ledger = LedgerFigures(grid: grid, sinceUs: sinceUs, untilUs: untilUs)
    }

    /// Adds a row group, or nothing of it where it throws.
    mutating func add(_ source: any RowGroupSource, of segment: SegmentSource) throws {
        var columns = GroupColumns(source)
        try columns.read(Self.common)
        try Owners.read(&columns)
        if columns.integers("agg_count") != nil { try columns.read(Self.ofSummaries) }
        if let bounds = columns.bounds("weight"), bounds.minimum != .double(1) || bounds.maximum != .double(1) {
            try columns.read(["weight"])
        }
        guard let times = columns.integers("ts"), let kindTexts = columns.texts("kind") else {
            throw ReportDamage.columns
        }
        // By entry of the row group's dictionary.
        let names = (0..<kindTexts.vector.entryCount).map { kindTexts.text(entry: UInt32($0)) }
        for name in Set(names) { try columns.read(EventRole(kind: name).columns) }
        let numbers = names.map { number(ofKind: $0) }
        let group = RowGroupFigures(columns, origin: origins.number(of: source, in: segment))
        add(times, kindTexts, numbers, group)
    }

    private mutating func number(ofKind name: String) -> Int {
        if let known = kindNumbers[name] { return known }
        if kinds.count >= Self.mostKinds { return number(ofKind: "(other kinds)") }
        let number = kinds.count
        kinds.append(KindFigures(name, buckets: grid.count))
        kindNumbers[name] = number
        return number
    }

    private mutating func add(
        _ times: GroupColumns.Integers,
        _ kindTexts: GroupColumns.Texts,
        _ numbers: [Int],
        _ group: RowGroupFigures
    ) {
        var group = group
        let isLedger = kinds.map { if case .ledger = $0.role { true } else { false } }
        for row in times.values.indices {
            guard let entry = kindTexts.entry(row) else { continue }
            let number = numbers[Int(entry)]
            let time = times.values[row]
            if isLedger[number] {
                ledger.add(row: row, group.columns, timeUs: time)
                continue
            }
            guard time >= sinceUs, time < untilUs, let bucket = grid.index(time) else {
                rowsOutside += 1
                continue
            }
            rows += 1
            count(row, number, time, bucket, group)
            group.add(row, kinds[number].role, time, &tables)
            if group.hasMeasure { measure(row, number, time, bucket, &group) }
        }
        group.merge(into: &tables)
    }

    @inline(__always)
    private mutating func count(_ row: Int, _ number: Int, _ time: Int64, _ bucket: Int, _ group: RowGroupFigures) {
        let weight = group.weight(row)
        let merged = group.merged(row)
        kinds[number].rows += 1
        kinds[number].events += weight
        if merged != nil, let last = group.lastMerged(row), last > time {
            // What was merged happened between its first and its last event, somewhere.
            let end = max(min(last, grid.wanted.upperBound), time)
            let share = Double(end - time) / (Double(last) - Double(time))
            grid.spread(weight * share, from: time, to: end, over: &kinds[number].rates)
        } else {
            kinds[number].rates[bucket] += weight
        }
        if time < kinds[number].firstUs { kinds[number].firstUs = time }
        if time > kinds[number].lastUs { kinds[number].lastUs = time }
        if let merged {
            kinds[number].summaryRows += 1
            if weight > Double(merged) * (1 + 1e-9) { kinds[number].sampledRows += 1 }
        } else if weight != 1 {
            kinds[number].sampledRows += 1
        }
    }

    private mutating func measure(
        _ row: Int,
        _ number: Int,
        _ time: Int64,
        _ bucket: Int,
        _ group: inout RowGroupFigures
    ) {
        let summary = group.summary(row)
        guard let (value, name) = group.measure(row) ?? summary.map({ ($0.maximum ?? 0, "latency_ns") }) else { return }
        guard prepareToMeasure(number, name) else { return }
        if let summary {
            let share = group.weight(row) / Double(max(1, group.merged(row) ?? 1))
            kinds[number].histograms[bucket].add(summary: summary.histogram, weight: share, maximum: summary.maximum)
            return
        }
        kinds[number].histograms[bucket].add(value, weight: group.weight(row))
        if kinds[number].hasSlowRequests {
            let kind = kinds[number].name
            kinds[number].slow.offer(Double(value), group.slowRequest(row, kind, time, value))
        }
    }

    /// Whether there is room for the kind's histograms.
    private mutating func prepareToMeasure(_ number: Int, _ measure: String) -> Bool {
        if !kinds[number].histograms.isEmpty { return true }
        if measuredKinds >= Self.mostMeasuredKinds {
            measuredKindsLeftOut.insert(kinds[number].name)
            return false
        }
        measuredKinds += 1
        kinds[number].histograms = [WeightedHistogram](repeating: WeightedHistogram(), count: grid.count)
        kinds[number].measure = measure
        return true
    }

    /// Fills in what is wanted of few rows only, from the tables beside the archive.
    ///
    /// - Parameters:
    ///   - segments: All that were read.
    ///   - lacks: What of the tables cannot be read is added to it.
    mutating func findLate(in segments: [SegmentSource], _ lacks: inout ScanSummary) {
        tables.lives.findPrograms(origins.all, in: segments, &lacks)
    }

    /// Puts everything into a report.
    func report(to data: inout ReportData) {
        let counted = kinds.filter { $0.rows > 0 }.sorted { ($1.events, $0.name) < ($0.events, $1.name) }
        // An open segment may have grown since its times were listed.
        let last = counted.map(\.lastUs).max().map { $0 + 1 }
        data.time = ReportData.TimeSpan(
            fromUs: grid.startUs,
            toUs: grid.endUs,
            bucketUs: grid.bucketUs,
            buckets: grid.count,
            coveredFromUs: grid.wanted.lowerBound,
            coveredToUs: max(grid.wanted.upperBound, last ?? .min)
        )
        data.reading.rows = rows
        data.reading.rowsOutside += rowsOutside
        data.reading.events = counted.reduce(0) { $0 + $1.events }.thousandths
        data.kinds = counted.map(\.data)
        // One more than there is room for needs no "other".
        let shown = counted.count == Self.shownRates + 1 ? counted.count : Self.shownRates
        data.rates = counted.prefix(shown).map { ReportData.Series(name: $0.name, values: $0.rates.map(\.thousandths)) }
        if counted.count > shown {
            var others = [Double](repeating: 0, count: grid.count)
            for kind in counted.dropFirst(shown) {
                for bucket in others.indices { others[bucket] += kind.rates[bucket] }
            }
            let name = "\(counted.count - shown) other kinds"
            data.rates.append(ReportData.Series(name: name, values: others.map(\.thousandths)))
        }
        for kind in counted where !kind.histograms.isEmpty {
            data.latencies.append(
                ReportData.Latency(
                    kind: kind.name,
                    measure: kind.measure ?? "",
                    counts: kind.histograms.map(\.total.thousandths),
                    samples: kind.histograms.map(\.samples.thousandths),
                    p50: kind.histograms.map { $0.percentile(0.5) },
                    p90: kind.histograms.map { $0.percentile(0.9) },
                    p99: kind.histograms.map { $0.percentile(0.99) },
                    maximum: kind.histograms.map { $0.maximum.map { Double(max(0, $0)) } }
                )
            )
        }
        data.latenciesLeftOut = measuredKindsLeftOut.count
        let slow = counted.flatMap(\.slow.items)
        data.slow = ReportData.Listing(
            slow.sorted { ($1.latencyNs, $0.timeUs) < ($0.latencyNs, $1.timeUs) },
            total: counted.reduce(0) { $0 + $1.slow.total }
        )
        ledger.report(to: &data)
        tables.report(to: &data)
    }
}
