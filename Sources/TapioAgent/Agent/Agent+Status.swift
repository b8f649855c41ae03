import TapioArchive
import TapioCollectors
import TapioEnrichment
import TapioEvents
import TapioKernel
import TapioKubernetes
import TapioPipeline
import TapioRings

extension Agent {
    /// A snapshot of everything that `tapio status` shows.
    public func status() async -> StatusReport {
        var report = StatusReport()
        report.pid = ProcessUsage.pid
        report.node = configuration.nodeName
        report.startedAt = startedAt
        report.takenAt = clock.utcMicroseconds(boot: ClockOffset.bootNow())
        report.configuration.path = files.first
        report.configuration.hash = configuration.fingerprintText
        report.configuration.reloads = reloads
        report.configuration.failedReloads = failedReloads
        report.configuration.lastReload = lastReload
        report.process = ProcessUsage.now(mappedTwice: Int64(plane.rings.reduce(0) { $0 + $1.size }))
        report.privileges = privileges
        let collectors = await supervisor.status()
        report.collectors = collectors.map { line(of: $0) }
        report.archive = archiveStatus()
        report.exporters = (exports.status + [metricsExport.status].compactMap(\.self)).map(StatusReport.Exporter.init)
        report.pipeline = pipelineStatus()
        report.enrichment = await enrichmentStatus()
        let reading = try? LedgerReading.now(ledger: ledger, plane: plane, registry: registry)
        report.overflow = await overflow.status(clock)
        report.http = await surface.status
        report.ledger = ledgerLines(reading, report.overflow)
        report.health = health(report, hasReading: reading != nil)
        return report
    }

    private func line(of status: CollectorStatus) -> StatusReport.Collector {
        var error = status.lastError ?? status.health.problems.first
        if case .unavailable(let reason) = status.state { error = reason }
        return StatusReport.Collector(
            name: status.name,
            state: status.state.name,
            since: clock.utcMicroseconds(boot: status.sinceNs),
            error: error,
            restarts: status.restarts,
            programs: status.health.programs.map {
                StatusReport.Program(
                    name: $0.name,
                    runs: $0.runCount,
                    runTimeNs: $0.runTimeNs,
                    missed: $0.recursionMisses
                )
            },
            notes: status.health.notes
        )
    }

    private func ledgerLines(
        _ reading: LedgerReading?,
        _ overflow: StatusReport.Overflow
    ) -> [StatusReport.LedgerLine] {
        guard let reading else { return [] }
        let sampling = Dictionary(uniqueKeysWithValues: overflow.kinds.map { ($0.kind, $0) })
        let violations = reading.snapshot.violations(isQuiet: false)
        return reading.snapshot.entries.sorted { $0.key < $1.key }.map { kind, entry in
            let schema = registry.schema(of: kind)
            var line = StatusReport.LedgerLine(
                kind: registry.name(of: kind),
                collector: schema?.collector ?? "",
                priority: schema?.priority.name ?? "",
                counts: entry,
                inFlight: entry.inFlight,
                violations: violations.filter { $0.kind == kind }.map { "\($0.stage.rawValue): \($0.unaccounted)" }
            )
            line.rung = sampling[line.kind]?.rung
            line.keep = sampling[line.kind]?.keep
            return line
        }
    }

    private func enrichmentStatus() async -> StatusReport.Enrichment {
        var result = StatusReport.Enrichment()
        let cache = enricher.cache.statistics
        result.hits = cache.hits
        result.misses = cache.misses
        result.expired = cache.expired
        result.contended = cache.contended
        result.evictions = cache.evictions
        result.capacity = cache.capacity
        result.refused = enricher.refusedQuestions
        let resolver = await resolver.statistics
        result.resolved = resolver.resolved
        result.gone = resolver.gone
        result.meanings = resolver.meanings
        result.caches = cacheStatus()
        result.names = await nameStatus()
        result.processes = await processStatus()
        result.kubernetesURL = cluster.url
        result.kubernetesError = cluster.error
        if let snapshot = cluster.snapshot {
            result.pods = snapshot.pods.count
            result.services = snapshot.services.count
            result.isSynced = snapshot.isSynced([.pods, .services])
        }
        return result
    }

    private func cacheStatus() -> [StatusReport.Cache] {
        let services = enricher.remote.services.statistics
        var table = StatusReport.Cache(name: "services")
        table.hits = services.hits
        table.misses = services.misses
        return [
            StatusReport.Cache("cgroups", enricher.cache.statistics, enricher.gone.statistics),
            StatusReport.Cache("names", enricher.remote.names.statistics, enricher.remote.nameless.statistics),
            table,
        ]
    }

    private func processStatus() async -> StatusReport.Processes {
        let statistics = await processResolver.statistics
        var result = StatusReport.Processes()
        result.live = statistics.live
        result.dropped = statistics.dropped
        result.forgotten = statistics.forgotten
        result.factsRefused = statistics.refusedRows
        return result
    }

    private func nameStatus() async -> StatusReport.Names {
        let resolver = await remoteResolver.statistics
        var result = StatusReport.Names()
        result.answers = resolver.answers
        result.answersDropped = enricher.remote.droppedAnswers
        result.refused = resolver.refused + resolver.tooLong
        result.questionsRefused = enricher.remote.refusedQuestions
        result.addresses = resolver.addresses
        result.names = resolver.names
        result.services = resolver.services
        result.factsRefused = await factTables.refused + resolver.refusedRows + self.resolver.statistics.refusedRows
        return result
    }

    private func pipelineStatus() -> StatusReport.Pipeline {
        let statistics = pipeline.statistics
        var result = StatusReport.Pipeline()
        result.readers = statistics.readers.count
        result.encoders = statistics.encoders.threads
        result.ringBytesPerCPU = [
            Lane.urgent.name: configuration.rings.urgentBytes, Lane.bulk.name: configuration.rings.bulkBytes,
        ]
        result.fullestRing =
            statistics.readers.flatMap(\.rings).map { Double($0.pendingBytes) / Double(max(1, $0.capacity)) }.max() ?? 0
        result.batchesQueued = statistics.queuedBatches
        result.batchBytes = statistics.pool.buffers.bytesInUse
        result.batchBytesLimit = statistics.maxBatchBytes
        let memory = statistics.encoderMemory
        result.encoderBytes = memory.buffers?.bytesInUse ?? 0
        result.encoderBytesLimit = statistics.maxEncoderBytes
        result.encoderHeapBytes = memory.heapBytes
        result.encoderHeapBytesHighWater = memory.heapBytesHighWater
        result.encoderTooLarge = memory.tooLarge
        result.encoderExhausted = memory.exhausted
        result.encodedBytes = statistics.encodedBacklog.bytes
        result.encodedBytesLimit = statistics.maxEncodedBytes
        result.liveViewSkipped = statistics.tap.skipped
        result.latencyP50Ns = statistics.latency.percentile(0.5) ?? 0
        result.latencyP99Ns = statistics.latency.percentile(0.99) ?? 0
        return result
    }

    /// From copies that never wait for the disk: whoever asks why nothing is written must get an answer.
    private func archiveStatus() -> StatusReport.Archive {
        let counters = archive.counters
        let segments = archive.segments
        var result = StatusReport.Archive()
        result.path = archive.directory
        result.openSegment = archive.openPath.map { String($0.split(separator: "/").last ?? "") }
        result.openSeconds = archive.openAgeNs.map { $0 / 1_000_000_000 }
        result.sealSeconds = Int64(clamping: configuration.archive.segment.maxAgeNs / 1_000_000_000)
        result.sealedSegments = segments.count
        result.bytesOnDisk = segments.reduce(0) { $0 + $1.bytes }
        result.rowsWritten = counters.rowsWritten
        result.bytesWritten = counters.groupBytesWritten
        result.writeErrors = counters.batchesFailed.values.reduce(0, +)
        let export = exporter.status
        result.lastError = export.lastError
        result.trouble = export.trouble?.rawValue
        result.keptBatches = export.keptBatches
        result.keptBytes = export.keptBytes
        result.keptBytesHighWater = export.keptBytesHighWater
        result.keptBytesLimit = export.maxKeptBytes
        result.batchesLost = export.lostBatches
        result.segmentsDeleted = counters.segmentsDeleted
        result.compaction = compactor.status
        return result
    }

    private func health(_ report: StatusReport, hasReading: Bool) -> StatusReport.Health {
        var health = StatusReport.Health()
        for collector in report.collectors where collector.state.hasPrefix("failed") {
            health.problems.append("collector \(collector.name) does not run: \(collector.error ?? "no reason known")")
        }
        if let trouble = report.archive.trouble {
            health.problems.append(
                "the archive cannot be written (\(trouble)), events are lost and counted: \(report.archive.lastError ?? "no reason known")"
            )
        }
        if !hasReading { health.problems.append("the kernel's counters cannot be read: the ledger is not checked") }
        for violation in ledgerViolations {
            health.problems.append(
                "the ledger does not close for \(registry.name(of: violation.kind)) (\(violation.stage.rawValue): \(violation.unaccounted)); please report this with the archive"
            )
        }
        if let problem = report.http.problem { health.problems.append(problem) }
        health.isHealthy = health.problems.isEmpty
        return health
    }
}
