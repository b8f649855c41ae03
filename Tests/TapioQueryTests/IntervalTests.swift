import TapioEvents
import Testing

@testable import TapioQuery

@Suite("Intervals of estimates")
struct IntervalTests {
    private static let truth = 8_000
    private static let groups = ["a", "b"]

    /// Of events whose numbers are known, each kept with its own probability.
    private func sampled(_ generator: inout some RandomNumberGenerator) -> [Row] {
        (0..<Self.truth).compactMap { index -> Row? in
            let keep = index % 2 == 0 ? 0.1 : 0.25
            guard Double.random(in: 0..<1, using: &generator) < keep else { return nil }
            return [
                "kind": .string("tcp_close"), "ts": .timestamp(Int64(index)), "weight": .double(1 / keep),
                "pod": .string(Self.groups[index / 2 % 2]), "duration_ns": .int(Int64(index % 1000)),
            ]
        }
    }

    private func table(
        _ rows: [Row],
        _ aggregates: [String],
        by: [String] = [],
        limits: QueryLimits = QueryLimits()
    ) throws -> QueryTable {
        var spec = QuerySpec()
        spec.groupBy = by
        spec.aggregates = aggregates
        let names = ["kind", "ts", "weight", "pod", "duration_ns", "agg_count"]
        let columns = MemoryArchive.schema.columns.filter { names.contains($0.name) }
        let segments = stride(from: 0, to: rows.count, by: 700).map { start in
            let part = Array(rows[start..<min(start + 700, rows.count)])
            return MemoryArchive.segment([MemoryArchive.group(part, columns: columns)], rows: part)
        }
        return try QueryEngine(segments: segments, limits: limits).table(Query(spec, schema: MemoryArchive.schema))
    }

    @Test("they hold the true count, sum, average and percentiles about as often as they say")
    func coverage() throws {
        var generator = SplitMix(state: 20_261_126)
        let values = (0..<Self.truth).map { Double($0 % 1000) }
        let sum = values.reduce(0, +)
        let truth = [Double(Self.truth), sum, sum / Double(Self.truth), 499, 989]
        var held = [Int](repeating: 0, count: truth.count)
        let rounds = 100
        for _ in 0..<rounds {
            let table = try table(
                sampled(&generator),
                ["count", "sum(duration_ns)", "avg(duration_ns)", "p50(duration_ns)", "p99(duration_ns)"]
            )
            for (place, wanted) in truth.enumerated() {
                let interval = try #require(table.intervals[0][place])
                if interval.contains(wanted) { held[place] += 1 }
            }
        }
        // 95 are expected; fewer than 86 are a rare accident, one of some ten thousand.
        for count in held { #expect((86...rounds).contains(count), "\(held)") }
    }

    @Test("the count's is Wilson's of the sum of w(w − 1)")
    func count() throws {
        let rows: [Row] = (0..<50).map {
            ["kind": .string("tcp_close"), "ts": .timestamp($0), "weight": .double(10)]
        }
        var expected = WeightedEstimate()
        for _ in rows { expected.add(weight: 10) }
        let table = try table(rows, ["count"])
        #expect(table.rows == [[.int(500)]])
        #expect(table.intervals == [[expected.interval()]])
        let (columns, bounded) = table.withBounds
        #expect(columns.map(\.name) == ["count", "count_low", "count_high"])
        #expect(bounded[0][1] == .int(Int64(expected.interval().lowerBound.rounded(.down))))
        #expect(bounded[0][2] == .int(Int64(expected.interval().upperBound.rounded(.up))))
    }

    @Test("events that are all there have none, and a group of them among others is exact")
    func exactGroups() throws {
        func row(_ pod: String, _ weight: Double) -> Row {
            ["kind": .string("tcp_close"), "ts": .timestamp(1), "weight": .double(weight), "pod": .string(pod)]
        }
        let whole = try table([row("a", 1), row("b", 1)], ["count"], by: ["pod"])
        #expect(whole.intervals.isEmpty)
        #expect(whole.estimated.isEmpty)
        #expect(QueryOutput.table(whole) == "pod  count\na        1\nb        1\n")
        let mixed = try table([row("a", 1), row("b", 8)], ["count"], by: ["pod"])
        let exact = try #require(mixed.rows.firstIndex { $0[0] == .string("a") })
        #expect(mixed.intervals[exact] == [nil, 1...1])
        let text = QueryOutput.table(mixed).split(separator: "\n").map(String.init)
        #expect(text[0].hasSuffix("count  95 %"))
        #expect(text.first { $0.hasPrefix("a") }?.contains("…") == false)
        #expect(text.first { $0.hasPrefix("b") }?.contains("…") == true)
    }

    @Test("a summary of events that were all seen adds no uncertainty")
    func summaries() throws {
        let rows: [Row] = [
            ["kind": .string("tcp_close"), "ts": .timestamp(1), "weight": .double(40), "agg_count": .int(40)],
            ["kind": .string("tcp_close"), "ts": .timestamp(2), "weight": .double(1)],
        ]
        let exact = try table(rows, ["count"])
        #expect(exact.rows == [[.int(41)]])
        #expect(exact.intervals.isEmpty)
        // 40 events of weight 2 each: the variance of 40 single ones.
        var estimate = WeightedEstimate()
        for _ in 0..<40 { estimate.add(weight: 2) }
        let sampled = try table(
            [["kind": .string("tcp_close"), "ts": .timestamp(1), "weight": .double(80), "agg_count": .int(40)]],
            ["count"]
        )
        let interval = try #require(sampled.intervals[0][0])
        #expect(interval.upperBound >= estimate.interval().upperBound - 1e-6)
        #expect(interval.lowerBound <= 80 && interval.lowerBound > 50)
    }

    @Test("nor to percentiles of it and a sampled event, exact or in buckets", arguments: [1000, 1])
    func summariesInPercentiles(exactSamples: Int) throws {
        let rows: [Row] = [
            [
                "kind": .string("tcp_close"), "ts": .timestamp(1), "weight": .double(40), "agg_count": .int(40),
                "duration_ns": .int(10),
            ],
            ["kind": .string("tcp_close"), "ts": .timestamp(2), "weight": .double(2), "duration_ns": .int(500)],
        ]
        var limits = QueryLimits()
        limits.exactSamples = exactSamples
        let table = try table(rows, ["p50(duration_ns)"], limits: limits)
        #expect(table.rows == [[.int(10)]])
        #expect(table.intervals == [[10...10]])
    }
}

/// Random numbers that are the same in each run.
private struct SplitMix: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}
