import CTapioSystem
public import Logging
public import TapioEvents
import TapioArchive
import TapioCollectors
import TapioEnrichment
import TapioExport
import TapioKernel
public import TapioPipeline
import TapioRings

/// The agent: wires collectors, pipeline and archive, and keeps them in step with signals, time and configuration.
///
/// Events never pass through it. It starts from the archive's end of the pipeline, so that whatever comes has a place to
/// go, and stops from the kernel's, so that nothing is left on the way.
public actor Agent {
    let loader: ConfigurationLoader
    let sources: ConfigurationSources
    let registry: SchemaRegistry
    let logger: Logger
    let logSettings: AgentLogHandler.Settings
    let minimumLevel: Logger.Level?
    let identity = AgentIdentity.current()
    let startedAt: Int64

    var configuration: AgentConfiguration
    var files: [String]
    var clock = ClockOffset.measure()
    var reloads: UInt64 = 0
    var failedReloads: UInt64 = 0
    var lastReload: StatusReport.Reload?
    var ledgerViolations: [LedgerViolation] = []
    var lastLedgerNs: Int64 = 0
    /// Collectors of which was said that there is nothing for them to watch.
    var saidUnavailable: Set<String> = []
    /// What it may do since it dropped the rest; nil: it dropped nothing.
    var privileges: StatusReport.Privileges?
    /// Capabilities that it dropped, as a bit set.
    var droppedCapabilities: UInt64 = 0
    /// By program: how often it could not run, as already written.
    var missedRuns: [String: UInt64] = [:]

    let ledger = Ledger()
    /// From an event's time until it was durable on disk, ns: earliest and latest of each row group.
    let durable = LatencyHistogram()
    let plane: KernelPlane
    let archive: Archive
    let pipeline: Pipeline
    /// What records what is read; nil: nothing does.
    let recorder: Recorder?
    /// Which kinds are merged: the configuration's part is set here, the overload's by whoever controls it.
    let aggregation: AggregationSwitch
    let exporter: ArchiveExporter
    /// What goes elsewhere.
    let exports: ExportDesk
    /// Metrics that go elsewhere.
    let metricsExport: MetricsDesk
    let supervisor: CollectorSupervisor
    let syncer: ArchiveSyncer
    /// What makes old segments fewer and smaller.
    let compactor: BackgroundCompactor
    let overflow: OverflowController
    /// Whose events are.
    let enricher: Enricher
    let resolver: EnrichmentResolver
    /// Names and services of other ends.
    let remoteResolver: RemoteResolver
    /// The table of processes.
    let processResolver: ProcessResolver
    let factTables: FactTables
    let cluster: ClusterSource
    /// The HTTP endpoint.
    let surface: HTTPSurface
    /// Whether a canary is under way, or hangs.
    let canaryIsAtLarge = Guarded(false)
    /// The proof of the collectors, for whoever asks.
    private(set) lazy var proof = SharedAnswer(goodFor: AgentEndpoint.proofLife, or: AgentEndpoint.doubtLife) {
        [weak self] in
        await self?.sendCanaries() ?? CanaryReport()
    } isGood: {
        $0.isProven
    }
    private var server: ControlServer?
    private var restarts: Task<Void, Never>?
    private var exporting: Task<Void, Never>?
    private var watching: Task<Void, Never>?
    private var resolving: Task<Void, Never>?
    private var learning: Task<Void, Never>?
    private var noting: Task<Void, Never>?

    /// How often time is looked at: ledger interval, rotation, clock, health.
    private static let tick = Duration.milliseconds(500)
    /// How long a stop waits for the encoders and the disk before it sheds.
    private static let drainLimit = Duration.seconds(30)
    /// How long it waits for the last segments to be sent elsewhere.
    private static let exportLimit = Duration.seconds(5)

    /// Loads the configuration, opens the archive, and makes the kernel's maps. Nothing is attached yet.
    ///
    /// - Parameters:
    ///   - minimumLevel: Messages below it are not logged, whatever the configuration says.
    ///   - registry: The kinds that it archives, where a benchmark brings more than the collectors'; nil: those.
    ///   - recording: Where what it reads is recorded for ``Replay``; nil: nowhere.
    public init(
        sources: ConfigurationSources,
        logger: Logger,
        logSettings: AgentLogHandler.Settings,
        minimumLevel: Logger.Level? = nil,
        registry: SchemaRegistry? = nil,
        recording: RecordingRequest? = nil
    ) throws(AgentError) {
        let registry = registry ?? CollectorRegistry.schemas
        self.registry = registry
        self.sources = sources
        self.minimumLevel = minimumLevel
        self.logSettings = logSettings
        loader = ConfigurationLoader(schema: AgentConfiguration.schema, machine: MachineFacts.current)
        let loaded: LoadedConfiguration
        do throws(ConfigurationErrors) {
            loaded = try loader.load(sources)
        } catch {
            throw .configuration(error)
        }
        configuration = loaded.configuration
        files = loaded.files
        logSettings.follow(loaded.configuration.log, atLeast: minimumLevel)
        self.logger = logger
        surface = HTTPSurface(logger: logger)
        startedAt = clock.utcMicroseconds(boot: ClockOffset.bootNow())

        // Encoded batches are a megabyte or two, and come and go.
        tapio_keep_heap_small()
        if let obstacle = CollectorPreflight.check().obstacles.first { throw .privileges(obstacle) }
        TraceFileSystem.mountIfMissing(logger: logger)
        do throws(KernelError) {
            plane = try KernelPlane(configuration: loaded.configuration.kernelPlane)
        } catch {
            throw .kernel(error)
        }
        plane.control.agentPid = UInt32(ProcessUsage.pid)

        var options = ArchiveOptions(
            schema: registry.parquetSchema,
            identity: identity.archiveIdentity(loaded.configuration, clock: clock)
        )
        options.sync = loaded.configuration.syncPolicy
        options.rotation = loaded.configuration.rotationPolicy
        options.retention = loaded.configuration.retentionPolicy
        options.sealing = .byCaller
        options.onDurable = { [durable] group, atNs in
            guard group.lane != BatchEncoder.ledgerLane else { return }
            durable.add(nanoseconds: atNs - group.minTimestampNs)
            durable.add(nanoseconds: atNs - group.maxTimestampNs)
        }
        do throws(ArchiveOpenError) {
            archive = try Archive.open(root: loaded.configuration.archive.path, options: options)
        } catch {
            throw .archive(error)
        }
        let readers = try Self.planReaders(loaded.configuration)
        let recordPlanes: [KernelRecordPlane]
        aggregation = AggregationSwitch(registry)
        do throws(KernelError) {
            var planes: [KernelRecordPlane] = []
            for reader in readers.readers { planes.append(try KernelRecordPlane(plane, cpus: Set(reader.drains))) }
            recordPlanes = planes
        } catch {
            throw .kernel(error)
        }
        cluster = ClusterSource(
            loaded.configuration.kubernetes,
            nodeName: loaded.configuration.nodeName,
            environment: ConfigurationSources.processEnvironment
        )
        enricher = Enricher(
            capacity: loaded.configuration.enrichment.maxEntries,
            timeToLive: .nanoseconds(Int64(clamping: loaded.configuration.enrichment.ttlNs)),
            readers: readers.readers.count,
            remote: RemoteLookup(
                registry: registry,
                capacity: loaded.configuration.enrichment.maxNames,
                readers: readers.readers.count,
                hasCluster: cluster.absence == nil
            )
        )
        let createdBy = identity.archiveIdentity(loaded.configuration, clock: clock).createdBy
        let run = "\(startedAt / 1_000_000)-\(identity.runID.prefix(8))"
        let nowUs: @Sendable () -> Int64 = { ClockOffset.measure().utcMicroseconds(boot: ClockOffset.bootNow()) }
        factTables = FactTables(
            root: loaded.configuration.archive.path,
            node: loaded.configuration.nodeName,
            run: run,
            createdBy: createdBy,
            nowUs: nowUs
        )
        remoteResolver = RemoteResolver(
            enricher,
            capacity: loaded.configuration.enrichment.maxNames,
            shortestLifeNs: loaded.configuration.enrichment.minNameTTLNs,
            facts: (
                DNSFacts(bootID: identity.bootID) { ClockOffset.measure() },
                ClusterFacts(startedUs: startedAt, nowUs: nowUs)
            )
        )
        processResolver = ProcessResolver(
            enricher.processes,
            facts: ProcessFacts(bootID: identity.bootID) { ClockOffset.measure() },
            tables: factTables
        )
        resolver = EnrichmentResolver(
            enricher,
            roots: CgroupPaths.roots(mounts: SystemView.real.text("/proc/self/mounts") ?? ""),
            hasCluster: cluster.absence == nil,
            facts: ContainerFacts(bootID: identity.bootID, startedUs: startedAt, nowUs: nowUs)
        )
        (pipeline, recorder) = try Self.makePipeline(
            PipelineParts(
                configuration: loaded.configuration.pipeline,
                planes: recordPlanes,
                readers: loaded.configuration.readerConfigurations(readers),
                registry: registry,
                ledger: ledger,
                clock: clock,
                enricher: enricher,
                aggregation: aggregation
            ),
            recording: recording,
            facts: RecordingFacts(
                loaded.configuration,
                identity: identity.archiveIdentity(loaded.configuration, clock: clock),
                registry: registry,
                startedBootNs: ClockOffset.bootNow()
            )
        )
        metricsExport = MetricsDesk(environment: ConfigurationSources.processEnvironment, logger: logger)
        exports = ExportDesk(
            ExportSource(archive),
            environment: ConfigurationSources.processEnvironment,
            logger: logger
        )
        do throws(KernelError) {
            exporter = try ArchiveExporter(
                archive: archive,
                registry: registry,
                ledger: ledger,
                clock: clock,
                logger: logger,
                retryBytes: loaded.configuration.queue.retryBytes,
                memory: pipeline.encoderMemory,
                onRemoved: { [exports] segment in exports.noteRemoved(segment) },
                readLedger: { [ledger, plane, registry] () throws(KernelError) in
                    try LedgerReading.now(ledger: ledger, plane: plane, registry: registry)
                }
            )
        } catch {
            throw .kernel(error)
        }
        supervisor = CollectorSupervisor(CollectorRegistry.all(watching: cluster), plane: plane, clock: .system)
        syncer = ArchiveSyncer(archive)
        compactor = BackgroundCompactor(
            archive,
            exports: exports,
            settings: BackgroundCompactor.Settings(loaded.configuration.archive.compact),
            logger: logger
        )
        overflow = OverflowController(
            plane: plane,
            pipeline: pipeline,
            ledger: ledger,
            registry: registry,
            logger: logger,
            aggregate: { [aggregation] isOverloaded, kind in aggregation.setOverloaded(isOverloaded, kind) }
        )
    }

    /// Which reader drains the rings of which CPUs, and where it runs.
    private static func planReaders(_ configuration: AgentConfiguration) throws(AgentError) -> ReaderPlan {
        let topology: CPUTopology
        do throws(CPUTopologyError) {
            topology = try CPUTopology.current()
        } catch {
            throw .readers("\(error)")
        }
        do throws(ReaderPlanError) {
            return try ReaderPlan(topology, policy: configuration.readers)
        } catch {
            throw .readers("\(error)")
        }
    }

    // MARK: - From start to stop

    /// Attaches everything, and returns once the collectors have been tried.
    ///
    /// - Returns: what collectors could not start, and why: they are tried again, the others run.
    @discardableResult
    public func start() async throws(AgentError) -> [String] {
        applyAggregation()
        await overflow.apply(configuration.overflow(registry))
        do throws(ThreadError) {
            try pipeline.start()
            try syncer.start()
            try compactor.start()
        } catch {
            throw .thread(error)
        }
        let batches = pipeline.batches
        exporting = Task { [exporter] in await exporter.consume(batches) }
        watching = Task { [overflow] in await overflow.run() }
        resolving = Task { [resolver] in await resolver.run() }
        learning = Task { [remoteResolver] in await remoteResolver.run() }
        noting = Task { [processResolver] in await processResolver.run() }
        await cluster.start(resolver, remoteResolver, logger: logger)
        await noteStart()
        // At once: an agent that dies early must have said that it began, and what it found.
        await exporter.writeLedger()

        await exports.apply(configuration.exportSettings)
        await applyMetricsExport()

        let wanted = configuration.wantedCollectors
        let errors = await supervisor.apply(wanted)
        for error in errors { logger.error("\(error)") }
        await followNames()
        let unavailable = await noteUnavailable()
        if !errors.isEmpty && errors.count + unavailable >= wanted.count {
            await stop()
            throw .noCollector(errors.map(\.description))
        }
        restarts = Task { [supervisor, logger] in
            await supervisor.run { error in logger.error("\(error)") }
        }
        do {
            server = try ControlServer(path: configuration.control.socket, handler: AgentControlHandler(self))
        } catch {
            // The agent's work does not depend on it: it says so and goes on without.
            logger.error("no control socket, so `tapio status` cannot reach this agent: \(error)")
        }
        await surface.open(AgentEndpoint(self), on: configuration.http.listen)
        let started = wanted.keys.filter { !saidUnavailable.contains($0) }
        logger.info("started: \(started.sorted().joined(separator: ", ")); archive \(archive.directory)")
        logger.info("\(MemoryBound(configuration, cpus: plane.rings.count / Lane.allCases.count))")
        return errors.map(\.description)
    }

    /// Serves signals and time until a stop signal, or until `limit` has passed; tells the service manager of them.
    public func serve(
        _ signals: AsyncStream<AgentSignal>,
        for limit: Duration? = nil,
        manager: ServiceManager? = nil
    ) async {
        await withTaskGroup(of: Void.self) { group in
            let due = DueWork()
            group.addTask {
                for await signal in signals { due.add(DueWork.Kinds(signal)) }
            }
            group.addTask {
                while (try? await Task.sleep(for: Agent.tick)) != nil { due.add(.tick) }
            }
            if let limit {
                group.addTask {
                    if (try? await Task.sleep(for: limit)) != nil { due.add(.stop) }
                }
            }
            for await _ in due.calls {
                let kinds = due.take()
                if kinds.contains(.stop) {
                    manager?.stopping()
                    group.cancelAll()
                    return
                }
                if kinds.contains(.reload) {
                    manager?.reloading()
                    await reload()
                    manager?.ready(lastReload.map { "reload: \($0.message)" } ?? "")
                }
                if kinds.contains(.seal) {
                    await pipeline.seal()
                    await exporter.seal(.close)
                }
                if kinds.contains(.tick) { await onTick() }
            }
        }
    }

    /// Detaches, drains everything, closes the ledger's books, seals, and gives the archive's lock back.
    public func stop() async {
        restarts?.cancel()
        compactor.requestStop()
        await noteMissed(ClockOffset.bootNow())
        await supervisor.stopAll()
        watching?.cancel()
        await pipeline.stop(within: Self.drainLimit)
        await exporting?.value
        finishRecording()
        let now = ClockOffset.bootNow()
        var row = LedgerRow(.stop, fromNs: now, toNs: now)
        row.stage = "agent"
        row.reason = "stopped"
        await noteSampling(now)
        for row in exports.takeLedgerRows(clock) { await exporter.note(row) }
        // It replaces files under the lock that the archive gives back next.
        compactor.stop()
        await exporter.finish(row)
        await metricsExport.stop()
        await exports.stop(within: Self.exportLimit)
        syncer.stop()
        cluster.stop()
        enricher.finish()
        enricher.remote.finish()
        enricher.processes.finish()
        await resolving?.value
        await learning?.value
        await noting?.value
        await flushFacts()
        checkLedger(isQuiet: true)
        await surface.close()
        server?.stop()
        // It holds this agent through its handler: let go, so that the rings and batches go with the agent.
        server = nil
        logger.info("stopped; everything is drained and sealed")
    }

    /// Events as they are read, for a live view; nil for all kinds.
    public nonisolated func liveEvents(of kinds: Set<EventKind>? = nil) -> AsyncStream<LiveEvents> {
        pipeline.tap.events(of: kinds)
    }

    // MARK: - Time

    private func onTick() async {
        let now = ClockOffset.bootNow()
        await surface.retry()
        await followClock(now)
        if now - lastLedgerNs >= Int64(clamping: configuration.ledger.intervalNs) {
            await noteMissed(now)
            await noteSampling(now)
            for row in exports.takeLedgerRows(clock) { await exporter.note(row) }
            await followNames()
            lastLedgerNs = now
            await exporter.writeLedger()
            await flushFacts()
            checkLedger(isQuiet: false)
        }
        await exporter.maintain()
    }

    /// Steps below this are the slewing of a clock that is being disciplined, and left to the next real step.
    private static let smallestStepNs: Int64 = 1_000_000

    private func followClock(_ now: Int64) async {
        let measured = ClockOffset.measure()
        guard abs(measured.utcMinusBootNs - clock.utcMinusBootNs) >= Self.smallestStepNs else { return }
        clock = measured
        pipeline.update(clock: measured)
        recorder?.update(clock: measured)
        await exporter.update(
            clock: measured,
            identity: identity.archiveIdentity(configuration, clock: measured),
            atNs: now
        )
        logger.notice("the clock was set; UTC minus boot time is now \(measured.utcMinusBootNs) ns")
    }

    private func flushFacts() async {
        let facts = await resolver.takeFacts() + remoteResolver.takeFacts()
        if let problem = await factTables.write(facts) { logger.error("\(problem)") }
        if let problem = await processResolver.flush() { logger.error("\(problem)") }
    }

    /// Tells the look-up whether answers are seen at all.
    func followNames() async {
        let isSeeing = await supervisor.status().contains { $0.name == "dns" && $0.state == .running }
        enricher.remote.setLearning(isSeeing)
    }

    private func checkLedger(isQuiet: Bool) {
        guard let reading = try? LedgerReading.now(ledger: ledger, plane: plane, registry: registry) else { return }
        let found = reading.snapshot.violations(isQuiet: isQuiet)
        if !found.isEmpty && found != ledgerViolations {
            for violation in found {
                logger.critical(
                    "the ledger does not close: \(registry.name(of: violation.kind)), \(violation.stage.rawValue): \(violation.unaccounted) events unaccounted for"
                )
            }
        }
        ledgerViolations = found
    }

    func applyAggregation() {
        for schema in registry.schemas where schema.aggregation != nil {
            aggregation.set(configuration.aggregationPolicy(of: schema), for: schema.kind)
        }
    }

    // MARK: - Rows that are not counts

    /// Programs that the kernel did not run because they were already running on that CPU saw nothing to count: such a
    /// gap has no kind, but it is told.
    private func noteMissed(_ now: Int64) async {
        for collector in await supervisor.status() {
            for program in collector.health.programs where !program.hasStandIn {
                let known = missedRuns[program.name] ?? 0
                // A collector that was started again counts from zero.
                let more = program.recursionMisses >= known ? program.recursionMisses - known : program.recursionMisses
                missedRuns[program.name] = program.recursionMisses
                guard more > 0 else { continue }
                var row = LedgerRow(.gap, fromNs: lastLedgerNs, toNs: now)
                row.stage = "kernel"
                row.reason = "program_busy"
                row.collector = collector.name
                row.count = more
                row.note = "the program \(program.name) could not run"
                await exporter.note(row)
            }
        }
    }

    /// What was sampled, and how much.
    private func noteSampling(_ now: Int64) async {
        for row in await overflow.takeLedgerRows(now) { await exporter.note(row) }
    }

    private func noteStart() async {
        let now = ClockOffset.bootNow()
        var row = LedgerRow(.start, fromNs: now, toNs: now)
        row.stage = "agent"
        row.reason = "started"
        row.configHash = configuration.fingerprint
        row.note = "tapio \(TapioVersion.current), run \(identity.runID)"
        await exporter.note(row)

        let recovery = archive.recovery
        guard !recovery.wasClean else { return }
        let from = recovery.lastTimestampNs.map { $0 - clock.utcMinusBootNs } ?? now
        var gap = LedgerRow(.uncleanShutdown, fromNs: from, toNs: now)
        gap.stage = "agent"
        gap.reason = "unclean_shutdown"
        gap.count = UInt64(clamping: recovery.bytesLost)
        gap.note =
            "recovered \(recovery.rowsRecovered) rows of \(recovery.orphans.count) open segments; what the agent had in flight is lost"
        await exporter.note(gap)
        logger.warning("an earlier agent did not stop in order: \(gap.note)")
    }
}
