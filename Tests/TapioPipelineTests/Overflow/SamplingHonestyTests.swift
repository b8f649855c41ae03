import Glibc
import TapioArchive
import TapioBPF
import TapioCollectors
import TapioEvents
import TapioKernel
import TapioTestSupport
import Testing

@testable import TapioPipeline

/// A population that is known to the last event, sampled by the real programs, read and encoded as always: what its weights
/// say is held against what it was.
///
/// Each of the comparisons below fails by chance less than once in 10^8 runs, all together less than once in 10^6.
@Suite("Sampling is honest", .enabled(if: BPFRequirement.isMet), .timeLimit(.minutes(5)))
struct SamplingHonestyTests {
    private static let kind = TAPIO_KIND_TCP_CLOSE
    /// Sizes of the groups, by the `pid` of their events less one.
    private static let groups = [
        5000, 4000, 3000, 2000, 1500, 1000, 800, 600, 500, 400, 300, 300, 200, 200, 100, 100,
    ]
    private static let population = groups.reduce(0, +)

    /// For each repetition and group, what was kept.
    private typealias Estimates = [[WeightedEstimate]]

    struct Trial: CustomTestStringConvertible {
        let probability: Double
        let repetitions: Int
        var testDescription: String { "p = \(probability), \(repetitions) times" }
    }

    static let trials = [
        Trial(probability: 0.5, repetitions: 6), Trial(probability: 0.25, repetitions: 12),
        Trial(probability: 0.1, repetitions: 30), Trial(probability: 0.01, repetitions: 150),
        Trial(probability: 0.001, repetitions: 400),
    ]

    @Test("weighted counts are right on average, for each group and for all", arguments: trials)
    func unbiased(_ trial: Trial) async throws {
        let (estimates, keep) = try await sample(trial)
        let probability = Double(keep) / Double(ControlPage.keepAll)
        for (group, size) in Self.groups.enumerated() {
            let sum = estimates.reduce(0) { $0 + $1[group].total }
            expect(sum, near: size * trial.repetitions, probability, "group of \(size)")
        }
        let total = estimates.reduce(0) { $0 + $1.reduce(0) { $0 + $1.total } }
        expect(total, near: Self.population * trial.repetitions, probability, "all")
        expectCoverage(estimates, probability)
    }

    /// A sum of `count` lots at `probability`: 6.5 standard deviations; for few expected events the Poisson distribution's
    /// tail, which is wider: below 10^-8 as well for 40 and more, which all groups have.
    private func expect(_ sum: Double, near count: Int, _ probability: Double, _ what: Comment) {
        let deviation = (Double(count) * (1 / probability - 1)).squareRoot()
        #expect(abs(sum - Double(count)) <= 6.5 * deviation, what)
    }

    /// The 95 % intervals hold the true number as often as theory says of them, and that is about 95 %.
    private func expectCoverage(_ estimates: Estimates, _ probability: Double) {
        var covered = 0
        var expected = 0.0
        var variance = 0.0
        for (group, size) in Self.groups.enumerated() {
            let likely = BinomialCoverage(population: size, probability: probability).value
            expected += likely * Double(estimates.count)
            variance += likely * (1 - likely) * Double(estimates.count)
            covered += estimates.count { $0[group].interval().contains(Double(size)) }
        }
        let intervals = Double(Self.groups.count * estimates.count)
        #expect((0.93...0.97).contains(expected / intervals))
        // Chernoff's bound for sums of such trials stays below 10^-8 at six deviations.
        #expect(abs(Double(covered) - expected) <= 6 * variance.squareRoot() + 1, "\(covered) of \(intervals)")
    }

    // MARK: - The real path

    /// Emits the population so often and reads what came of it from the encoded row groups.
    private func sample(_ trial: Trial) async throws -> (Estimates, keep: UInt32) {
        var configuration = KernelPlaneConfiguration()
        configuration.bulkBytes = 1 << 24
        let plane = try KernelPlane(configuration: configuration)
        let keep = Rung.sampled(Rung.drawable(trial.probability)).keepFraction
        plane.control.setKeep(keep, kind: UInt8(Self.kind))
        let object = try BPFObject("bench", plane: plane)
        try object.load()
        try fill(object)
        let program = try object.runnable("bench_mixed")

        let registry = CollectorRegistry.schemas
        let ledger = Ledger()
        let pipeline = try Pipeline(
            configuration: PipelineConfiguration(),
            planes: [try KernelRecordPlane(plane)],
            registry: registry,
            ledger: ledger,
            clock: ClockOffset(utcMinusBootNs: 0)
        )
        let consumer = Consumer()
        async let consumed: Void = consumer.run(pipeline.batches, ledger: ledger)
        try pipeline.start()
        var starts: [Int64] = []
        for _ in 0..<trial.repetitions {
            starts.append(ClockOffset.bootNow())
            try program.run(tapio_bench_run(first: 0, count: UInt32(Self.population)))
            // None may be lost: what is to be seen is sampling.
            while plane.rings.contains(where: { $0.pendingBytes > 1 << 22 }) { usleep(1000) }
        }
        await pipeline.stop(within: .seconds(60))
        await consumed

        let counts = try plane.counters().counts(kind: UInt8(Self.kind))
        #expect(counts.attempted == UInt64(Self.population * trial.repetitions))
        #expect(counts.ringFull == 0)
        #expect(counts.sampledOut + counts.submitted == counts.attempted)
        let weight = Double(ControlPage.keepAll) / Double(keep)
        let none = Self.groups.map { _ in WeightedEstimate(weightInForce: weight) }
        var estimates = Estimates(repeating: none, count: trial.repetitions)
        var rows: UInt64 = 0
        for batch in consumer.batches {
            let columns = try ReadColumns(batch, registry: registry)
            for row in 0..<columns.count {
                // Repetitions follow each other: the last that began before.
                let after = starts.partitioningIndex { $0 > columns.times[row] }
                let group = Int(columns.pids[row]) - 1
                #expect(columns.weights[row] == weight)
                estimates[after - 1][group].add(weight: columns.weights[row])
                rows += 1
            }
        }
        #expect(rows == counts.submitted)
        #expect(ledger.value(.archived, EventKind(Self.kind)) == counts.submitted)
        return (estimates, keep)
    }

    /// One record for each event of the population.
    private func fill(_ object: BPFObject) throws {
        var index = 0
        for (group, size) in Self.groups.enumerated() {
            var value = tapio_bench_record()
            value.size = UInt32(MemoryLayout<tapio_tcp>.size)
            var record = tapio_tcp()
            record.header.kind = UInt8(Self.kind)
            record.header.priority = UInt8(TAPIO_PRIORITY_NORMAL)
            record.header.pid = UInt32(group + 1)
            record.ip_version = 4
            withUnsafeMutableBytes(of: &value.bytes) { $0.storeBytes(of: record, as: tapio_tcp.self) }
            for _ in 0..<size {
                try object.setElement(index, ofMap: "bench_records", to: value)
                index += 1
            }
        }
    }
}

/// The columns that the test looks at, read back from a row group.
private struct ReadColumns {
    var times: [Int64] = []
    var pids: [Int64] = []
    var weights: [Double] = []
    var count: Int { times.count }

    init(_ batch: ArchiveBatch, registry: SchemaRegistry) throws {
        let group = try DecodedGroup(batch, registry: registry, columns: ["ts", "ts_sub_ns", "pid", "weight"])
        for row in group.rows {
            guard case .timestamp(let microseconds)? = row["ts"], case .int(let pid)? = row["pid"],
                case .double(let weight)? = row["weight"]
            else {
                Issue.record("a row without time, pid or weight: \(row)")
                continue
            }
            var rest: Int64 = 0
            if case .int(let nanoseconds)? = row["ts_sub_ns"] { rest = nanoseconds }
            times.append(microseconds * 1000 + rest)
            pids.append(pid)
            weights.append(weight)
        }
    }
}

/// How often a 95 % interval holds a known number, exactly: the sum of the binomial probabilities of all counts for which it
/// does.
private struct BinomialCoverage {
    let value: Double

    init(population: Int, probability: Double) {
        var covered = 0.0
        for count in 0...population {
            let likely = exp(
                lgamma(Double(population + 1)) - lgamma(Double(count + 1)) - lgamma(Double(population - count + 1))
                    + Double(count) * log(probability) + Double(population - count) * log1p(-probability)
            )
            if likely < 1e-14 { continue }
            var estimate = WeightedEstimate(weightInForce: 1 / probability)
            for _ in 0..<count { estimate.add(weight: 1 / probability) }
            if estimate.interval().contains(Double(population)) { covered += likely }
        }
        value = covered
    }
}

extension Array {
    /// The first index whose element, and all after it, the predicate holds for.
    fileprivate func partitioningIndex(where isAfter: (Element) -> Bool) -> Int {
        var low = 0
        var high = count
        while low < high {
            let middle = (low + high) / 2
            if isAfter(self[middle]) { high = middle } else { low = middle + 1 }
        }
        return low
    }
}
