import TapioEvents
import Testing

@Suite("An estimate from weights") struct WeightedEstimateTests {
    private func estimate(_ count: Int, weight: Double) -> WeightedEstimate {
        var estimate = WeightedEstimate(weightInForce: weight)
        for _ in 0..<count { estimate.add(weight: weight) }
        return estimate
    }

    @Test("what was kept whole is known exactly")
    func exact() {
        let estimate = estimate(1000, weight: 1)
        #expect(estimate.total == 1000)
        #expect(estimate.standardError == 0)
        #expect(estimate.interval() == 1000...1000)
        #expect(WeightedEstimate().interval() == 0...0)
    }

    @Test("variance is the sum of w(w - 1), also for weights of several epochs")
    func variance() {
        var estimate = WeightedEstimate()
        for weight in [1.0, 2, 4, 100] { estimate.add(weight: weight) }
        #expect(estimate.kept == 4)
        #expect(estimate.total == 107)
        #expect(estimate.variance == 2 + 12 + 9900)
        #expect(estimate.standardError == 9914.0.squareRoot())
        #expect(estimate.interval().contains(107))
        #expect(estimate.interval().lowerBound >= 4)
    }

    @Test("to have seen none at a known weight bounds how many there were")
    func none() {
        // 0 of N at 1/100 is within 1.96 of its standard deviations up to N = 1.96² · 99.
        let interval = estimate(0, weight: 100).interval()
        #expect(interval.lowerBound == 0)
        #expect(abs(interval.upperBound - 380.3) < 0.1)
    }

    @Test("many events: the interval is the estimate and two standard errors to each side")
    func many() {
        let estimate = estimate(10_000, weight: 4)
        let interval = estimate.interval()
        #expect(abs(interval.lowerBound - (40_000 - 1.96 * estimate.standardError)) < 10)
        #expect(abs(interval.upperBound - (40_000 + 1.96 * estimate.standardError)) < 10)
    }

    /// Exact: sums binomial probabilities instead of drawing lots.
    @Test("intervals hold the true number about as often as they say", arguments: [0.5, 0.1, 0.01])
    func coverage(probability: Double) {
        for population in [50, 400, 3000] {
            var covered = 0.0
            var likelihood = [Double](repeating: 0, count: population + 1)
            // Upwards from the most likely count, so that nothing underflows; then scaled.
            let mode = Int(Double(population + 1) * probability)
            likelihood[mode] = 1
            let odds = probability / (1 - probability)
            for count in mode..<population {
                likelihood[count + 1] = likelihood[count] * Double(population - count) / Double(count + 1) * odds
            }
            for count in stride(from: mode, to: 0, by: -1) {
                likelihood[count - 1] = likelihood[count] * Double(count) / Double(population - count + 1) / odds
            }
            let sum = likelihood.reduce(0, +)
            for count in 0...population where likelihood[count] > sum * 1e-12 {
                if estimate(count, weight: 1 / probability).interval().contains(Double(population)) {
                    covered += likelihood[count] / sum
                }
            }
            #expect((0.9...0.985).contains(covered), "\(population) at \(probability): \(covered)")
        }
    }
}
