import Testing

@testable import TapioReport

@Suite("The parts of a report's figures") struct FiguresTests {
    @Test("a grid has at most 600 buckets, begins at a round time and holds both ends")
    func grid() throws {
        for length: Int64 in [0, 1, 999, 600_000, 3_600_000_000, 86_400_000_000, 1 << 52] {
            for start: Int64 in [0, 1_700_000_000_123_456, -5_000_001] {
                let grid = TimeGrid(from: start, through: start + length)
                #expect(grid.count >= 1 && grid.count <= TimeGrid.most)
                #expect(grid.startUs % grid.bucketUs == 0)
                #expect(grid.index(start) == 0)
                #expect(grid.index(start + length) == grid.count - 1)
                #expect(grid.index(grid.startUs - 1) == nil)
                #expect(grid.index(grid.endUs) == nil)
            }
        }
        let extreme = TimeGrid(from: .min, through: .max)
        #expect(extreme.count <= TimeGrid.most)
        #expect(extreme.index(.max) == nil)
    }

    @Test("an amount is spread over a range by how much of it lies in each bucket, and nothing of it is lost within")
    func spread() {
        let grid = TimeGrid(from: 0, through: 599_999)
        var values = [Double](repeating: 0, count: grid.count)
        grid.spread(100, from: 1500, to: 3500, over: &values)
        #expect(values[1] == 25 && values[2] == 50 && values[3] == 25)
        grid.spread(8, from: -4000, to: 4000, over: &values)
        #expect(values.reduce(0, +) == 104)
        grid.spread(3, from: 5000, to: 5000, over: &values)
        #expect(values[5] == 3)
        grid.spread(3, from: grid.endUs, to: grid.endUs + 5, over: &values)
        grid.spread(3, from: .max, to: .max, over: &values)
        #expect(values.reduce(0, +) == 107)
    }

    @Test("a range lies in the buckets that it touches, its end not among them")
    func touched() {
        let grid = TimeGrid(from: 0, through: 599_999)
        #expect(grid.bucketUs == 1000)
        #expect(grid.buckets(from: 1000, to: 2000) == 1...1)
        #expect(grid.buckets(from: 1500, to: 3500) == 1...3)
        #expect(grid.buckets(from: 1500, to: 1500) == 1...1)
        #expect(grid.buckets(from: -5000, to: 1) == 0...0)
        #expect(grid.buckets(from: .min, to: .max) == 0...599)
        #expect(grid.buckets(from: -5000, to: 0) == nil)
        #expect(grid.buckets(from: grid.endUs, to: .max) == nil)
    }

    @Test("percentiles are at most 6.25 % above the exact ones", arguments: [1, 10, 1000, 20_000])
    func percentiles(count: Int) {
        var histogram = WeightedHistogram()
        var exact: [Int64] = []
        for _ in 0..<count {
            let value = Int64.random(in: 0...(1 << Int64.random(in: 1...40)))
            exact.append(value)
            histogram.add(value, weight: 1)
        }
        exact.sort()
        for fraction in [0.5, 0.9, 0.99] {
            let wanted = Double(exact[Int((fraction * Double(count)).rounded(.up)) - 1])
            let got = histogram.percentile(fraction) ?? -1
            #expect(got >= wanted && got <= wanted * 1.0625 + 1, "\(fraction) of \(count): \(got), exactly \(wanted)")
        }
        #expect(histogram.maximum == exact.last)
        #expect(WeightedHistogram().percentile(0.5) == nil)
    }

    @Test("weights count, and durations of any size have a class")
    func weights() {
        var histogram = WeightedHistogram()
        histogram.add(10, weight: 99)
        histogram.add(.max, weight: 1)
        histogram.add(-5, weight: 1)
        #expect(histogram.total == 101)
        #expect(histogram.percentile(0.5) == 10)
        #expect(histogram.percentile(1) == Double(Int64.max))
    }

    @Test("a summary's classes count within a quarter of their value; what is none adds nothing")
    func summaries() throws {
        var histogram = WeightedHistogram()
        // Class 40 begins at 4 * 2^9.
        histogram.add(summary: "40:3 41:1", weight: 2, maximum: 2_600)
        #expect(histogram.total == 8 && histogram.samples == 4)
        let median = try #require(histogram.percentile(0.5))
        #expect(median >= 2048 && median < 2560)
        #expect(histogram.maximum == 2_600)
        for text in ["", "x", "1:", ":2", "999:1", "-1:1", "3:-1", "1:2:3", "é:1"] {
            var other = WeightedHistogram()
            other.add(summary: text, weight: 1, maximum: 5)
            #expect(other.total == 0, "\(text)")
        }
    }

    @Test("the frequent keys of a stream with many more keys than room are found, with a bound of the error")
    func heavyHitters() {
        var hitters = HeavyHitters<Int>(capacity: 64)
        var exact: [Int: Double] = [:]
        var total = 0.0
        for number in 0..<50_000 {
            let key = number % 3 == 0 ? number % 5 : 1000 + number
            hitters.add(key, score: 1)
            exact[key, default: 0] += 1
            total += 1
        }
        let greatest = hitters.greatest(5) { String($0) }
        #expect(Set(greatest.map(\.key)) == Set(0..<5))
        for (key, item) in greatest {
            #expect(item.score <= exact[key]! && item.score + hitters.error >= exact[key]!)
        }
        #expect(hitters.items.count <= 64)
        #expect(hitters.error > 0 && hitters.error < total / 32)
    }

    @Test("the greatest are kept whatever the order, and all are counted")
    func greatest() {
        for values in [Array(0..<1000), Array((0..<1000).reversed()), Array(0..<1000).shuffled()] {
            var kept = Greatest<Int>(capacity: 10)
            for value in values { kept.offer(Double(value), value) }
            #expect(kept.items == Array((990..<1000).reversed()))
            #expect(kept.total == 1000)
        }
    }
}
