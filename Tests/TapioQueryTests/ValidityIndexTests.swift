import Testing

@testable import TapioQuery

@Suite("Which row of a table counts at a time")
struct ValidityIndexTests {
    private struct Row {
        var key: Int64
        var begin: Int64
        var end: Int64?
    }

    private func builder(_ rows: [Row], _ range: ClosedRange<Int64>, mostRows: Int = 1000) -> ValidityBuilder {
        var builder = ValidityBuilder(range: range, mostRows: mostRows)
        for (place, row) in rows.enumerated() {
            builder.add(JoinKey(number: row.key), begin: row.begin, end: row.end, place: place)
        }
        return builder
    }

    private func place(_ index: ValidityIndex, _ key: Int64, _ time: Int64) -> Int? {
        index.row(of: JoinKey(number: key), at: time).map { index.places[$0] }
    }

    /// The rule as it is written, over all rows in the order in which they were written.
    private func expected(_ rows: [Row], _ key: Int64, _ time: Int64) -> Int? {
        var best: Int?
        for (place, row) in rows.enumerated() where row.key == key && row.begin <= time {
            if let known = best, rows[known].begin > row.begin { continue }
            best = place
        }
        guard let best, rows[best].end.map({ time < $0 }) ?? true else { return nil }
        return best
    }

    @Test("a pid that is used twice is the process that it was then, and nobody's in between")
    func reuse() {
        let rows = [Row(key: 7, begin: 10, end: 20), Row(key: 7, begin: 30, end: nil), Row(key: 8, begin: 0, end: nil)]
        let index = builder(rows, 0...100).finish()
        #expect([9, 10, 19, 20, 29, 30, 100].map { place(index, 7, $0) } == [nil, 0, 0, nil, nil, 1, 1])
        #expect(place(index, 8, 50) == 2 && place(index, 9, 50) == nil)
    }

    @Test("the same row written again replaces the first")
    func rewritten() {
        let rows = [
            Row(key: 7, begin: 10, end: nil), Row(key: 7, begin: 30, end: nil), Row(key: 7, begin: 10, end: 25),
        ]
        let index = builder(rows, 0...100).finish()
        #expect([10, 24, 25, 30].map { place(index, 7, $0) } == [2, 2, nil, 1])
        #expect(index.count == 2)
    }

    @Test("of what lies before the time, the last row of a key is held, and nothing of what was over")
    func beforeTheTime() {
        let rows = [
            Row(key: 1, begin: 1, end: nil), Row(key: 1, begin: 5, end: nil), Row(key: 1, begin: 3, end: nil),
            Row(key: 2, begin: 1, end: 50), Row(key: 3, begin: 1, end: nil), Row(key: 3, begin: 2, end: 90),
            Row(key: 4, begin: 201, end: nil),
        ]
        let index = builder(rows, 100...200).finish()
        #expect(index.count == 1)
        #expect(place(index, 1, 100) == 1)
        #expect(place(index, 3, 100) == nil)
    }

    @Test("it is what the rule says, for rows in any order", arguments: 0..<50)
    func rule(_ round: Int) {
        let rows = (0..<200).map { _ in
            let begin = Int64.random(in: 0..<60)
            return Row(
                key: .random(in: 0..<8),
                begin: begin,
                end: Bool.random() ? nil : begin + .random(in: 0..<20)
            )
        }
        let index = builder(rows, 20...50).finish()
        for key in Int64(0)..<8 {
            for time in Int64(20)...50 {
                #expect(place(index, key, time) == expected(rows, key, time), "key \(key) at \(time): \(rows)")
            }
        }
    }

    @Test("what was over before makes room for what lives")
    func sweep() {
        let dead = (0..<Int64(5000)).map { Row(key: $0, begin: 1, end: 2) }
        let living = (0..<Int64(80)).map { Row(key: 10_000 + $0, begin: 3, end: nil) }
        let builder = builder(dead + living + dead, 100...200, mostRows: 100)
        #expect(builder.refused == 0 && builder.count <= 100)
        let index = builder.finish()
        #expect(index.count == 80)
        for (number, row) in living.enumerated() { #expect(place(index, row.key, 150) == 5000 + number) }
    }

    @Test("without room a value is missing, and never wrong", arguments: 0..<50)
    func full(_ round: Int) {
        let rows = (0..<300).map { _ in
            let begin = Int64.random(in: 0..<60)
            return Row(key: .random(in: 0..<30), begin: begin, end: Bool.random() ? nil : begin + .random(in: 0..<9))
        }.sorted { $0.begin < $1.begin }
        let builder = builder(rows, 20...59, mostRows: 40)
        #expect(builder.refused > 0 && builder.count <= 40)
        let index = builder.finish()
        var found = 0
        for key in Int64(0)..<30 {
            for time in Int64(20)..<60 {
                guard let place = place(index, key, time) else { continue }
                found += 1
                #expect(place == expected(rows, key, time), "key \(key) at \(time)")
            }
        }
        #expect(found > 0)
    }
}
