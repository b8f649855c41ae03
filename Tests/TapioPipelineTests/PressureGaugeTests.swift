import Testing

@testable import TapioPipeline

@Suite struct PressureGaugeTests {
    /// The times at which a batch is shed, given when urgent and bulk are blocked.
    private func sheds(
        _ policy: Backpressure,
        _ times: [UInt64],
        urgent: Set<UInt64> = [],
        bulk: Set<UInt64> = []
    ) -> [UInt64] {
        var gauge = PressureGauge(policy: policy)
        return times.filter {
            gauge.mustShed(urgentIsBlocked: urgent.contains($0), bulkIsBlocked: bulk.contains($0), nowNs: $0)
        }
    }

    @Test("without pressure nothing is shed, however long")
    func noPressure() {
        #expect(sheds(.shedOldestBulk(afterNs: 10), Array(0...100)) == [])
    }

    @Test("bulk that waits sheds one batch for each span of patience")
    func bulk() {
        #expect(sheds(.shedOldestBulk(afterNs: 10), Array(0...35), bulk: Set(0...35)) == [10, 20, 30])
    }

    @Test("urgent that waits takes a bulk batch's place at once when patience is over")
    func urgent() {
        let times: [UInt64] = Array(0...12)
        #expect(sheds(.shedOldestBulk(afterNs: 10), times, urgent: Set(times), bulk: Set(times)) == [10, 11, 12])
    }

    @Test("a moment without pressure starts patience anew")
    func relief() {
        #expect(sheds(.shedOldestBulk(afterNs: 10), [0, 9, 11, 20, 21], bulk: [0, 11, 20, 21]) == [21])
    }

    @Test("the policy to hold the rings never sheds")
    func hold() {
        let times: [UInt64] = [0, 1, .max]
        #expect(sheds(.holdRings, times, urgent: Set(times), bulk: Set(times)) == [])
    }
}
