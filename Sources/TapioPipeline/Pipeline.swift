public import TapioEvents
public import TapioRings

/// From rings to encoded batches: readers, the queue of sealed batches, encoders, the live view.
///
/// Make it, take ``batches`` to the one who writes, ``start()``, and at the end, with all programs detached, ``stop(within:)``.
/// Every record that a source handed over is counted as received, and later once as malformed, shed or failed, or it is in
/// exactly one batch of ``batches``.
public final class Pipeline: Sendable {
    private enum Phase {
        case made
        case running([Reader], EncoderPool, tap: PinnedThread)
        case stopping([Reader], EncoderPool)
        case stopped([Reader], EncoderPool)
    }

    /// The encoded batches, for one consumer.
    public var batches: EncodedBatches { gate.batches }
    /// The live view.
    public let tap: EventTap
    /// What its encoders work with, and what becomes of batches; the one who writes encodes the ledger's rows with it.
    public let encoderMemory: ScratchMemory

    private let configuration: PipelineConfiguration
    private let services: ReaderServices
    private let gate: EncodedBatchGate
    private let clock: CurrentClock
    private let phase = Guarded(Phase.made)
    private let ended = ThreadsEnd()
    private let makeReaders: @Sendable (ReaderServices, ThreadsEnd) throws(ThreadError) -> [Reader]
    private let readerCount: Int

    /// Makes a pipeline with a reader for each plane. Nothing runs yet.
    ///
    /// - Parameters:
    ///   - planes: For each reader its sources. No source may be in two.
    ///   - readers: For each reader how it works; nil: all as the configuration says, numbered.
    ///   - registry: The kinds.
    ///   - ledger: Gets what is received, malformed, shed and failed, by kind. Rows of the ledger itself aren't counted.
    ///   - clock: What makes boot time UTC.
    ///   - enrichment: What is known of records beside their bytes.
    ///   - aggregation: Which kinds are merged into summaries; nil: none.
    /// - Throws: If the batches' or the encoders' memory can't be reserved.
    public init<Plane: RecordPlane>(
        configuration: PipelineConfiguration,
        planes: [Plane],
        readers: [ReaderConfiguration]? = nil,
        registry: SchemaRegistry,
        ledger: Ledger,
        clock: ClockOffset,
        enrichment: (any EnrichmentLookup)? = nil,
        aggregation: AggregationSwitch? = nil
    ) throws(BufferPoolError) {
        precondition(configuration.batch.bytes >= 65_536 && configuration.encoders >= 1 && !planes.isEmpty)
        let readers =
            readers
            ?? planes.indices.map { number in
                var own = configuration.reader
                if planes.count > 1 { own.name += "-\(number)" }
                return own
            }
        precondition(readers.count == planes.count)
        self.configuration = configuration
        let current = CurrentClock(clock)
        self.clock = current
        let tracker = BatchTracker()
        encoderMemory = try configuration.makeEncoderMemory()
        tap = EventTap(registry: registry, clock: current)
        services = ReaderServices(
            registry: registry,
            ledger: ledger,
            queue: BatchQueue(most: configuration.maxQueuedBatches, readers: planes.count),
            pools: try BatchPools(configuration, nodes: readers.map(\.node)),
            tracker: tracker,
            latency: LatencyHistogram(),
            tap: tap,
            enrichment: enrichment,
            aggregation: aggregation ?? AggregationSwitch(registry)
        )
        gate = EncodedBatchGate(
            most: configuration.maxEncodedBatches,
            mostBytes: configuration.maxEncodedBytes,
            tracker: tracker
        )
        readerCount = planes.count
        makeReaders = { services, ended throws(ThreadError) in
            var started: [Reader] = []
            for (number, plane) in planes.enumerated() {
                do throws(ThreadError) {
                    started.append(
                        try Reader(
                            number: number,
                            plane: plane,
                            configuration: readers[number],
                            services: services,
                            onEnd: { ended.signal() }
                        )
                    )
                } catch {
                    for reader in started {
                        reader.stop(deadlineNs: 0)
                        reader.join()
                    }
                    throw error
                }
            }
            return started
        }
    }

    /// Starts the threads.
    ///
    /// - Throws: If one can't be as it was asked for; nothing runs then, and the pipeline can't be used again.
    public func start() throws(ThreadError) {
        do throws(ThreadError) {
            let ended = ended
            let encoders = try EncoderPool(
                count: configuration.encoders,
                compressionLevel: configuration.compressionLevel,
                memory: encoderMemory,
                services: services,
                gate: gate,
                clock: clock,
                onEnd: { ended.signal() }
            )
            let tap = tap
            let tapThread = try PinnedThread(name: "tapio-live") { tap.run() }
            let readers = try makeReaders(services, ended)
            phase.withLock { phase in
                guard case .made = phase else { preconditionFailure("a pipeline is started once") }
                phase = .running(readers, encoders, tap: tapThread)
            }
        } catch {
            services.queue.close()
            tap.close()
            gate.finish()
            throw error
        }
    }

    /// Hands over all open batches and returns when whatever had been read before is written (settled by the consumer of
    /// ``batches``), shed or lost.
    public func seal() async {
        guard case .running(let readers, _, _) = phase.withLock({ $0 }) else { return }
        for reader in readers { reader.requestSeal() }
        for reader in readers { await reader.seal() }
        await services.tracker.waitForSealed()
    }

    /// The same without waiting. Any thread.
    public func requestSeal() {
        guard case .running(let readers, _, _) = phase.withLock({ $0 }) else { return }
        for reader in readers { reader.requestSeal() }
    }

    /// Uses another clock offset for what is encoded from now on.
    public func update(clock: ClockOffset) { self.clock.offset = clock }

    /// Uses other times from the readers' next pass on.
    public func update(_ tuning: ReaderTuning) {
        guard case .running(let readers, _, _) = phase.withLock({ $0 }) else { return }
        for reader in readers { reader.update(tuning) }
    }

    /// Lets all readers stand still for that long from now, and returns when they do: fault injection, for tests of what the
    /// rings survive. Zero ends a stall, and returns when they read again.
    func stallReaders(for duration: Duration) async {
        guard case .running(let readers, _, _) = phase.withLock({ $0 }) else { return }
        let nanoseconds = UInt64(max(0, duration / .nanoseconds(1)))
        for reader in readers { reader.stall(untilNs: MonotonicClock.monotonicNs &+ nanoseconds) }
        while readers.contains(where: { $0.isStalled != (nanoseconds > 0) }) {
            try? await Task.sleep(for: .milliseconds(1))
        }
    }

    /// Drains the rings until they are empty, and returns when all that was read is written, shed or lost. The readers have
    /// ended then. Detach the programs before.
    ///
    /// - Parameter limit: After this time batches that find no place are shed and counted, instead of waiting.
    public func drain(within limit: Duration) async {
        let readers: [Reader] = phase.withLock { phase in
            guard case .running(let readers, let encoders, _) = phase else { return [] }
            phase = .stopping(readers, encoders)
            return readers
        }
        let deadline = MonotonicClock.monotonicNs &+ UInt64(max(0, limit / .nanoseconds(1)))
        for reader in readers { reader.stop(deadlineNs: deadline) }
        if !readers.isEmpty { await ended.wait(for: readerCount) }
        await services.tracker.waitForSealed()
    }

    /// Drains (see ``drain(within:)``), encodes what is left and ends all threads; then ``batches`` ends.
    public func stop(within limit: Duration) async {
        await drain(within: limit)
        let encoders: EncoderPool? = phase.withLock { phase in
            guard case .stopping(let readers, let encoders) = phase else { return nil }
            phase = .stopped(readers, encoders)
            return encoders
        }
        guard encoders != nil else { return }
        services.queue.close()
        tap.close()
        await ended.wait(for: readerCount + configuration.encoders)
        gate.finish()
    }

    /// How hard the pipeline is pressed. For one caller: what is since the last call is so for it alone. Costs some µs.
    public func pressure() -> PipelinePressure {
        let readers: [Reader] =
            switch phase.withLock({ $0 }) {
            case .running(let readers, _, _), .stopping(let readers, _): readers
            case .made, .stopped: []
            }
        var pressure = PipelinePressure()
        for reader in readers { reader.addPressure(to: &pressure) }
        pressure.batchBytes = configuration.batch.bytes
        pressure.queuedBytes = services.queue.bytes
        // What is being filled and encoded is in transit.
        pressure.queuedBound = pressure.queueBound(
            total: configuration.mostBatchBytes(readers: readerCount),
            inTransit: readerCount + configuration.encoders
        )
        pressure.encoded = gate.backlog
        pressure.encodedBound = gate.mostBytes
        pressure.encodedBatchesBound = gate.most
        return pressure
    }

    /// The counts at this time.
    public var statistics: PipelineStatistics {
        let (readers, encoders): ([Reader], EncoderPool?) =
            switch phase.withLock({ $0 }) {
            case .made: ([], nil)
            case .running(let readers, let encoders, _): (readers, encoders)
            case .stopping(let readers, let encoders), .stopped(let readers, let encoders): (readers, encoders)
            }
        return PipelineStatistics(
            readers: readers.map(\.statistics),
            malformed: readers.flatMap(\.malformed),
            pool: services.pools.statistics,
            queuedBatches: services.queue.count,
            queuedBatchesHighWater: services.queue.highWater,
            maxQueuedBatches: services.queue.most,
            stolenBatches: services.queue.stolenFromOthers,
            queuedBytes: services.queue.bytes,
            maxBatchBytes: configuration.mostBatchBytes(readers: readerCount),
            encoderMemory: encoderMemory.statistics,
            maxEncoderBytes: configuration.encoderMemory.byteCount,
            encodedBacklog: gate.backlog,
            maxEncodedBytes: gate.mostBytes,
            sealedBatches: services.tracker.sealed,
            outstandingBatches: services.tracker.outstanding,
            encoders: encoders?.statistics ?? EncoderStatistics(threads: 0, batches: 0, rows: 0, bytes: 0, busyNs: 0),
            latency: services.latency.snapshot,
            tap: tap.statistics
        )
    }
}
