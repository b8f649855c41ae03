import TapioEvents
import TapioRings

/// What the stages of a pipeline share.
struct ReaderServices: Sendable {
    let registry: SchemaRegistry
    let ledger: Ledger
    let queue: BatchQueue
    let pools: BatchPools
    let tracker: BatchTracker
    let latency: LatencyHistogram
    let tap: EventTap
    let enrichment: (any EnrichmentLookup)?
    let aggregation: AggregationSwitch
}

/// A thread that drains the rings of some CPUs into batches. It never stops for anything but a full queue.
public final class Reader: Sendable {
    private let shared: ReaderState
    private let thread: PinnedThread
    private let endWaits: @Sendable () -> Void
    private let ringCounts: @Sendable (CounterBlock) -> [ReaderStatistics.RingCounts]
    private let pendingFill: @Sendable (Lane) -> Double

    /// Starts the thread of the reader with this number, counted from 0.
    init<Plane: RecordPlane>(
        number: Int,
        plane: Plane,
        configuration: ReaderConfiguration,
        services: ReaderServices,
        onEnd: @escaping @Sendable () -> Void
    ) throws(ThreadError) {
        let shared = ReaderState(sourceCount: plane.sources.count, tuning: configuration.tuning)
        self.shared = shared
        endWaits = { plane.endWaits() }
        ringCounts = { counts in
            plane.sources.enumerated().map { index, source in
                ReaderStatistics.RingCounts(
                    cpu: source.cpu,
                    lane: source.lane,
                    received: counts.load(index * 2),
                    nextSequence: counts.load(index * 2 + 1),
                    pendingBytes: source.pendingBytes,
                    capacity: source.capacity
                )
            }
        }
        pendingFill = { lane in
            plane.sources.reduce(0) { most, source in
                guard source.lane == lane else { return most }
                return max(most, Double(source.pendingBytes) / Double(max(1, source.capacity)))
            }
        }
        let run: @Sendable () -> Void = {
            ReaderLoop(number, plane: plane, configuration: configuration, shared: shared, services: services).run()
            onEnd()
        }
        do throws(ThreadError) {
            // It works for a moment each millisecond, and what it is late for is lost: before all else but real-time threads.
            thread = try PinnedThread(
                name: configuration.name,
                cpus: configuration.cpus,
                priority: .nice(Self.niceness),
                body: run
            )
        } catch {
            // Without CAP_SYS_NICE it is one among others.
            guard case .priority = error.step else { throw error }
            thread = try PinnedThread(name: configuration.name, cpus: configuration.cpus, body: run)
        }
    }

    /// Nice value of a reader's thread.
    private static let niceness = -15

    /// Hands over the open batches soon (within the idle interval), full or not.
    public func requestSeal() { shared.requestSeal() }

    /// The same, and returns when what had been read before is in the queue.
    public func seal() async { await shared.seal() }

    /// Takes over new times at the next pass.
    public func update(_ tuning: ReaderTuning) { shared.update(tuning) }

    /// Lets the thread stand still until a monotonic time, as it would on a machine that has no time for it.
    func stall(untilNs: UInt64) { shared.stall(untilNs: untilNs) }

    /// Whether it stands still.
    var isStalled: Bool { shared.isStalled }

    /// Drains the rings until they are empty, hands everything over and ends the thread. Detach the programs before.
    ///
    /// - Parameter deadlineNs: Monotonic time after which batches that find no place are shed instead of waiting.
    public func stop(deadlineNs: UInt64) {
        shared.stop(deadlineNs: deadlineNs)
        endWaits()
    }

    /// Waits for the thread's end.
    public func join() { thread.join() }

    /// What it did so far.
    public var statistics: ReaderStatistics {
        ReaderStatistics(
            lanes: Lane.allCases.map { lane in
                var counts = ReaderStatistics.LaneCounts()
                counts.records = shared.laneCount(lane, .records)
                counts.bytes = shared.laneCount(lane, .bytes)
                counts.batches = shared.laneCount(lane, .batches)
                counts.blockedPasses = shared.laneCount(lane, .blockedPasses)
                return counts
            },
            rings: ringCounts(shared.ringCounts),
            passes: shared.counts.load(ReaderState.Count.passes.rawValue),
            sleeps: shared.counts.load(ReaderState.Count.sleeps.rawValue),
            shedBatches: shared.counts.load(ReaderState.Count.shedBatches.rawValue),
            cpuNs: shared.counts.load(ReaderState.Count.cpuNs.rawValue),
            aggregation: AggregationStatistics(shared.aggregation)
        )
    }

    /// Adds what presses this reader; ``RingFill`` says what is since the last call.
    func addPressure(to pressure: inout PipelinePressure) {
        for lane in Lane.allCases {
            let (peak, latest) = (lane == .urgent ? shared.urgentFill : shared.bulkFill).take()
            pressure[lane].peak = max(pressure[lane].peak, peak)
            // A reader that is asleep, or stopped, has not seen what came since.
            pressure[lane].latest = max(pressure[lane].latest, latest, pendingFill(lane))
            pressure[lane].taken &+= shared.laneCount(lane, .records)
        }
        pressure.passes &+= shared.counts.load(ReaderState.Count.passes.rawValue)
        pressure.blockedPasses &+= shared.laneCount(.bulk, .blockedPasses)
    }

    /// Refused records, by kind and reason.
    public var malformed: [MalformedCount] {
        RecordFault.allCases.flatMap { fault in
            (0..<EventKind.limit).compactMap { kind in
                let count = shared.malformed.load(Int(fault.rawValue) * EventKind.limit + kind)
                guard count > 0 else { return nil }
                return MalformedCount(kind: EventKind(rawValue: UInt8(kind)), fault: fault, count: count)
            }
        }
    }
}
