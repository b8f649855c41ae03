import Glibc
import TapioEvents
import Testing

@testable import TapioPipeline

@Suite("The ladder of overflow, on a virtual clock") struct OverflowLadderTests {
    private typealias Kinds = VirtualKinds

    private func pipeline(
        aggregates: Bool = false,
        policy: OverflowPolicy = OverflowPolicy(),
        ceiling: @escaping (EventSchema) -> Double = { _ in 1 }
    ) -> VirtualPipeline {
        let ladder = OverflowLadder(
            registry: Kinds.registry,
            policy: policy,
            canAggregate: { _ in aggregates },
            ceiling: ceiling
        )
        return VirtualPipeline(Kinds.registry, ladder: ladder)
    }

    /// How often a kind's probability changed.
    private func epochs(_ kind: EventKind, in pipeline: VirtualPipeline) -> Int {
        pipeline.changes.count { $0.change.kind == kind }
    }

    @Test("what can be carried is kept whole")
    func calm() {
        var pipeline = pipeline()
        pipeline.arrivals = [Kinds.normal: 3e6, Kinds.low: 1e6, Kinds.high: 2e5, Kinds.critical: 1e4]
        pipeline.run(seconds: 20)
        #expect(pipeline.changes.isEmpty)
        #expect(pipeline.lost.isEmpty)
        #expect(pipeline.isWhole)
        #expect(!pipeline.ladder.isLimiting)
        #expect(pipeline.ladder.eventsPerSecond == nil)
    }

    @Test("a flood that one stage cannot carry is sampled within 100 ms of the first sign", arguments: 0...2)
    func reacts(stage: Int) throws {
        var pipeline = pipeline()
        pipeline.arrivals = [Kinds.normal: 4e6]
        pipeline.run(seconds: 5)
        try #require(pipeline.changes.isEmpty)
        switch stage {
        case 0: pipeline.readerRate = 5e5
        case 1: pipeline.encoderRate = 5e5
        default: pipeline.archiveRate = 5e5
        }
        let begin = pipeline.nowNs
        pipeline.run(seconds: 10)
        let first = try #require(pipeline.changes.first)
        // The rings hold 10 ms of this, the batches 250 ms, the archive's backlog 100 ms: half of that is the sign.
        let sign: UInt64 = [5_000_000, 143_000_000, 57_000_000][stage]
        #expect(first.atNs - begin <= sign + 100_000_000, "\(first.atNs - begin) ns")
        #expect(first.change.cause == [.bulkRing, .batches, .export][stage])
        // What is kept is what can be carried, for the most part.
        let kept = try #require(pipeline.submitted[Kinds.normal])
        pipeline.run(seconds: 20)
        let rate = (try #require(pipeline.submitted[Kinds.normal]) - kept) / 20
        #expect((0.5 * 5e5...1.05 * 5e5).contains(rate), "\(rate)")
        #expect(pipeline.lost[Kinds.critical, default: 0] == 0)
    }

    @Test(
        "when the flood ends, and when the stage recovers, all is kept within five seconds",
        arguments: 0...2,
        [true, false]
    )
    func recovers(stage: Int, floodEnds: Bool) throws {
        for overload in [1.5, 10, 300] {
            for aggregates in [true, false] {
                var pipeline = pipeline(aggregates: aggregates)
                let carried = 4e6 / overload
                pipeline.arrivals = [Kinds.normal: 3e6, Kinds.low: 1e6, Kinds.high: 100]
                switch stage {
                case 0: pipeline.readerRate = carried
                case 1: pipeline.encoderRate = carried
                default: pipeline.archiveRate = carried
                }
                // Ends at different places between two probes.
                for more in [30, 1.1, 0.7, 0.35] {
                    pipeline.run(seconds: more)
                    var after = pipeline
                    if floodEnds {
                        after.arrivals = [Kinds.normal: 50, Kinds.high: 100]
                        (after.readerRate, after.encoderRate, after.archiveRate) = (5e6, 5e6, 5e6)
                    } else {
                        (after.readerRate, after.encoderRate, after.archiveRate) = (5e6, 5e6, 5e6)
                    }
                    let seconds = after.secondsUntilWhole(limit: 10)
                    #expect(try #require(seconds) <= 5, "overload \(overload), aggregates \(aggregates)")
                }
            }
        }
    }

    @Test("from the lowest rung of all, high ones sampled, all is kept within five seconds")
    func recoversFromTheBottom() throws {
        var pipeline = pipeline()
        pipeline.arrivals = [Kinds.high: 1e6, Kinds.normal: 2e6, Kinds.quiet: 10, Kinds.low: 1e6]
        pipeline.readerRate = 2000
        pipeline.run(seconds: 30)
        for kind in [Kinds.normal, Kinds.quiet, Kinds.low] { #expect(pipeline.rung(kind) == .countedOnly) }
        #expect(pipeline.rung(Kinds.high).probability == OverflowPolicy.leastUrgent)
        pipeline.readerRate = 6e6
        pipeline.encoderRate = 6e6
        pipeline.archiveRate = 6e6
        let seconds = pipeline.secondsUntilWhole(limit: 20)
        #expect(try #require(seconds) <= 5)
    }

    @Test("an archive that stands still loses nothing urgent, and is written again when it can be")
    func stalledExport() throws {
        var pipeline = pipeline()
        pipeline.arrivals = [Kinds.high: 5000, Kinds.critical: 100, Kinds.normal: 1e6, Kinds.low: 1e6]
        pipeline.run(seconds: 5)
        pipeline.archiveRate = 0
        pipeline.run(seconds: 20)
        #expect(pipeline.rung(Kinds.normal) == .countedOnly)
        #expect(pipeline.rung(Kinds.low) == .countedOnly)
        #expect(pipeline.rung(Kinds.high) == .full)
        #expect(pipeline.lost.keys.allSatisfy { Kinds.registry.schema(of: $0)!.priority.lane == .bulk })
        pipeline.archiveRate = 5e6
        let seconds = pipeline.secondsUntilWhole(limit: 10)
        #expect(try #require(seconds) <= 5)
    }

    @Test("under a steady overload probabilities settle: few epochs, little loss", arguments: [1.3, 2, 5, 20, 100])
    func settles(overload: Double) {
        var pipeline = pipeline()
        pipeline.arrivals = [Kinds.normal: 1e6, Kinds.quiet: 100]
        pipeline.readerRate = 1e6 / overload
        pipeline.run(seconds: 5)
        let before = (epochs(Kinds.normal, in: pipeline), pipeline.lost[Kinds.normal, default: 0])
        let kept = pipeline.submitted[Kinds.normal]!
        var least = 1.0
        var most = 0.0
        pipeline.run(seconds: 60) { now in
            least = min(least, now.rung(Kinds.normal).probability)
            most = max(most, now.rung(Kinds.normal).probability)
        }
        #expect(epochs(Kinds.normal, in: pipeline) - before.0 <= 60 * 4)
        // It tries out more than can be carried now and then, until the rings show it, and falls by one cut.
        #expect(most <= 2.2 / overload)
        #expect(least >= 0.4 / overload)
        #expect(pipeline.lost[Kinds.normal, default: 0] - before.1 <= 60e6 * 0.02, "lost \(pipeline.lost)")
        #expect((pipeline.submitted[Kinds.normal]! - kept) / 60 >= 0.65 * 1e6 / overload)
        #expect(pipeline.rung(Kinds.quiet) == .full)
    }

    @Test("a flooding kind takes nothing from the quiet ones of its priority, nor from higher ones")
    func fairness() {
        var pipeline = pipeline()
        pipeline.arrivals = [Kinds.normal: 5e6, Kinds.quiet: 20_000, Kinds.high: 5000, Kinds.critical: 10]
        pipeline.readerRate = 1e6
        pipeline.run(seconds: 1)
        let lost = pipeline.lost
        pipeline.run(seconds: 30) { now in
            #expect(now.rung(Kinds.quiet) == .full)
            #expect(now.rung(Kinds.high) == .full)
            #expect(now.rung(Kinds.normal) != .full)
        }
        #expect(pipeline.lost[Kinds.high] == nil)
        #expect(pipeline.lost[Kinds.critical] == nil)
        #expect(pipeline.lost[Kinds.quiet, default: 0] - lost[Kinds.quiet, default: 0] < 30 * 20_000 * 0.01)
    }

    @Test("normal ones get what they demand before low ones get anything")
    func priorities() {
        var pipeline = pipeline()
        pipeline.arrivals = [Kinds.normal: 6e5, Kinds.low: 3e6]
        pipeline.readerRate = 1e6
        pipeline.run(seconds: 3)
        pipeline.run(seconds: 20) { now in
            let (normal, low) = (now.rung(Kinds.normal).probability, now.rung(Kinds.low).probability)
            #expect(normal >= low)
            #expect(low == 0 || normal == 1)
        }
    }

    @Test("a flood of urgent events silences the bulk lane first, and only then is sampled")
    func urgentFlood() throws {
        var pipeline = pipeline()
        pipeline.arrivals = [Kinds.high: 3e6, Kinds.normal: 1e5, Kinds.low: 1e5, Kinds.critical: 1000]
        pipeline.readerRate = 1e6
        pipeline.run(seconds: 20) { now in
            if now.rung(Kinds.high) != .full {
                #expect(now.rung(Kinds.normal) == .countedOnly)
                #expect(now.rung(Kinds.low) == .countedOnly)
            }
            #expect(now.rung(Kinds.critical) == .full)
        }
        #expect(pipeline.rung(Kinds.high) != .full)
        let rate = pipeline.rung(Kinds.high).probability * 3e6
        #expect((0.4e6...1.6e6).contains(rate))
    }

    @Test("kinds that can be merged are, below a share of 1/32; others are sampled down to 1/1024")
    func rungs() {
        for (aggregates, overload) in [(true, 60.0), (false, 60.0), (true, 3e5), (false, 3000)] {
            var pipeline = pipeline(aggregates: aggregates)
            pipeline.arrivals = [Kinds.normal: 4e6]
            // Bound by the encoders, to which merged events are cheap.
            pipeline.encoderRate = 4e6 / overload
            var seen = Set<String>()
            pipeline.run(seconds: 30) { now in
                let rung = now.rung(Kinds.normal)
                seen.insert(rung.name)
                if case .sampled(let probability) = rung {
                    #expect(probability >= (aggregates ? 1.0 / 33 : 1.0 / 1025))
                }
                if case .aggregated(let probability) = rung { #expect(probability >= 1.0 / 1025) }
            }
            #expect(seen.contains("aggregated") == aggregates, "overload \(overload): \(seen)")
            if overload > 1000 { #expect(seen.contains("counted_only"), "overload \(overload): \(seen)") }
        }
    }

    @Test("the operator's probability is the most that is ever kept, also after a recovery")
    func ceilings() {
        let schemaOf = { (kind: EventKind) in Kinds.registry.schema(of: kind)! }
        var pipeline = pipeline(ceiling: { $0.kind == Kinds.normal ? 0.25 : $0.kind == Kinds.critical ? 0.5 : 1 })
        #expect(pipeline.rung(Kinds.normal) == .sampled(0.25))
        #expect(pipeline.rung(Kinds.critical) == .full, "nobody can have critical events sampled")
        #expect(schemaOf(Kinds.critical).priority == .critical)
        pipeline.arrivals = [Kinds.normal: 4e6]
        pipeline.run(seconds: 5)
        #expect(pipeline.changes.isEmpty)
        pipeline.readerRate = 5e5
        pipeline.run(seconds: 10) { #expect($0.rung(Kinds.normal).probability <= 0.25) }
        #expect(pipeline.rung(Kinds.normal).probability < 0.25)
        pipeline.readerRate = 5e6
        pipeline.run(seconds: 5)
        #expect(pipeline.rung(Kinds.normal) == .sampled(0.25))
    }

    @Test("switched off it follows the operator alone, and switched on again it begins anew")
    func off() {
        var off = OverflowPolicy()
        off.isAutomatic = false
        var pipeline = pipeline(policy: off)
        pipeline.arrivals = [Kinds.normal: 4e6]
        pipeline.readerRate = 1e5
        pipeline.run(seconds: 5)
        #expect(pipeline.changes.isEmpty)
        let changes = pipeline.ladder.configure(OverflowPolicy(), nowNs: pipeline.nowNs) { _ in 1 }
        #expect(changes.isEmpty)
        pipeline.run(seconds: 2)
        #expect(pipeline.rung(Kinds.normal).probability < 0.1)
        let back = pipeline.ladder.configure(off, nowNs: pipeline.nowNs) { $0 == Kinds.quiet ? 0.5 : 1 }
        #expect(Set(back.map(\.kind)) == [Kinds.normal, Kinds.quiet] || back.count > 2)
        #expect(back.allSatisfy { $0.cause == .configuration })
        #expect(pipeline.rung(Kinds.normal) == .full)
        #expect(pipeline.rung(Kinds.quiet) == .sampled(0.5))
    }

    @Test("a ring that was full for a moment, drained since, is no reason to keep less")
    func moment() {
        var ladder = OverflowLadder(registry: Kinds.registry)
        var reading = PressureReading()
        _ = ladder.tick(reading, loads: [:], nowNs: 1)
        reading.bulkRings = .init(peak: 1, latest: 0.01, lost: 500, taken: 4500)
        let load = [Kinds.normal: KindLoad(wanted: 5000, submitted: 4500)]
        #expect(ladder.tick(reading, loads: load, nowNs: 50_000_001).isEmpty)
        // Again and again, it is.
        #expect(!ladder.tick(reading, loads: load, nowNs: 100_000_001).isEmpty)
    }

    @Test("an old export backlog counts, however small, once anything piles up behind it")
    func staleExport() {
        for (fill, isPressed) in [(0, false), (30, true)] {
            var ladder = OverflowLadder(registry: Kinds.registry)
            var reading = PressureReading()
            _ = ladder.tick(reading, loads: [:], nowNs: 1)
            reading.export = .init(bytes: fill, bound: 100)
            reading.bulkRings.taken = 5000
            reading.exportAgeNs = 3_000_000_000
            let load = [Kinds.normal: KindLoad(wanted: 5000, submitted: 5000)]
            #expect(ladder.tick(reading, loads: load, nowNs: 50_000_001).isEmpty != isPressed)
        }
    }

    @Test("pressure between the marks neither lowers nor, for two seconds, raises")
    func between() throws {
        var ladder = OverflowLadder(registry: Kinds.registry)
        var now: UInt64 = 1
        let load = [Kinds.normal: KindLoad(wanted: 50_000, submitted: 5000)]
        func tick(_ fill: Double) -> [OverflowLadder.Change] {
            now += 50_000_000
            var reading = PressureReading()
            reading.bulkRings = .init(peak: fill, latest: fill, taken: 5000)
            return ladder.tick(reading, loads: load, nowNs: now)
        }
        _ = tick(0)
        _ = tick(0)
        #expect(tick(0.9).contains { $0.kind == Kinds.normal })
        let low = ladder.state(of: Kinds.normal)!
        for _ in 0..<35 { #expect(tick(0.35).isEmpty) }
        #expect(ladder.state(of: Kinds.normal)!.rung == low.rung)
        for _ in 0..<60 { _ = tick(0.35) }
        #expect(ladder.state(of: Kinds.normal)!.rung.probability > low.rung.probability)
        #expect(ladder.state(of: Kinds.normal)!.epoch > low.epoch)
        #expect(ladder.state(of: Kinds.normal)!.sinceNs > low.sinceNs)
    }

    @Test("whatever comes, priorities, ceilings and critical events hold", arguments: 0..<16)
    func anyLoad(seed: Int) {
        var random = SplitMix(seed: UInt64(seed))
        let ceilings = Dictionary(
            uniqueKeysWithValues: [Kinds.high, Kinds.normal, Kinds.quiet, Kinds.low].map {
                ($0, Bool.random(using: &random) ? 1 : Double.random(in: 0.001...1, using: &random))
            }
        )
        var pipeline = pipeline(aggregates: seed % 2 == 0) { ceilings[$0.kind] ?? 1 }
        for _ in 0..<10 {
            for kind in pipeline.ladderKinds {
                pipeline.arrivals[kind] =
                    Bool.random(using: &random) ? 0 : ten(Double.random(in: 0...6.7, using: &random))
            }
            pipeline.readerRate = ten(Double.random(in: 2...7, using: &random))
            pipeline.encoderRate = ten(Double.random(in: 2...7, using: &random))
            pipeline.archiveRate = Bool.random(using: &random) ? 0 : ten(Double.random(in: 2...7, using: &random))
            pipeline.run(seconds: Double.random(in: 0.05...4, using: &random)) { now in
                #expect(now.rung(Kinds.critical) == .full)
                for (kind, ceiling) in ceilings { #expect(now.rung(kind).probability <= ceiling * 1.000_001) }
                #expect(!now.rung(Kinds.high).isAggregated)
                #expect(now.rung(Kinds.high).probability > 0)
                let isHighWhole = now.rung(Kinds.high).probability >= ceilings[Kinds.high]! * 0.999_999
                let bulk = [Kinds.normal, Kinds.quiet, Kinds.low].map { now.rung($0) }
                #expect(isHighWhole || bulk.allSatisfy { $0 == .countedOnly })
            }
        }
        for kind in pipeline.ladderKinds { pipeline.arrivals[kind] = 0 }
        (pipeline.readerRate, pipeline.encoderRate, pipeline.archiveRate) = (5e6, 5e6, 5e6)
        pipeline.run(seconds: 6)
        #expect(!pipeline.ladder.isLimiting)
    }
}

/// Ten to this power.
private func ten(_ power: Double) -> Double { pow(10, power) }

/// A generator that gives the same numbers for the same seed.
private struct SplitMix: RandomNumberGenerator {
    var state: UInt64
    init(seed: UInt64) { state = seed &* 0x9e37_79b9_7f4a_7c15 &+ 1 }
    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var x = state
        x = (x ^ (x >> 30)) &* 0xbf58_476d_1ce4_e5b9
        x = (x ^ (x >> 27)) &* 0x94d0_49bb_1331_11eb
        return x ^ (x >> 31)
    }
}
