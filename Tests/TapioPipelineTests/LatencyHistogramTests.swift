import Testing

@testable import TapioPipeline

@Suite struct LatencyHistogramTests {
    @Test("classes follow one another, and a value is at most a sixteenth below its class's bound")
    func classes() {
        var last = -1
        for value in (0...2000).map(UInt64.init) + [1 << 20, 1 << 40, 1 << 62, .max] {
            let index = LatencyHistogram.index(of: value)
            #expect(index >= last && index < 1024)
            last = index
            let bound = LatencyHistogram.upperBound(of: index)
            #expect(bound >= value)
            #expect(value == .max || bound - value <= value / 16)
        }
    }

    @Test("percentiles are those of what was counted, and of an interval")
    func percentiles() {
        let histogram = LatencyHistogram()
        #expect(histogram.snapshot.percentile(0.5) == nil)
        for _ in 0..<99 { histogram.add(nanoseconds: 1_000) }
        histogram.add(nanoseconds: 1_000_000)
        histogram.add(nanoseconds: -5)
        let snapshot = histogram.snapshot
        #expect(snapshot.count == 101)
        #expect((1_000...1_063).contains(snapshot.percentile(0.5)!))
        #expect((1_000_000...1_062_500).contains(snapshot.percentile(1)!))
        histogram.add(nanoseconds: 50)
        #expect(histogram.snapshot.since(snapshot).count == 1)
        #expect((50...53).contains(histogram.snapshot.since(snapshot).percentile(0.5)!))
    }
}
