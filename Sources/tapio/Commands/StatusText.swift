import TapioAgent
import TapioEvents

/// A status report for people.
struct StatusText {
    let report: StatusReport
    let paint: Paint

    init(_ report: StatusReport, paint: Paint) {
        self.report = report
        self.paint = paint
    }

    var lines: [String] {
        var lines = heading
        lines += section("Collectors", collectors)
        lines += section("Events", LedgerText(report, paint: paint).table)
        lines += section("Pipeline", pipeline)
        lines += section("Enrichment", enrichment)
        lines += section("Overload", overload)
        lines += section("Archive", archive)
        lines += section("Exports", exporters)
        return lines
    }

    private var heading: [String] {
        let health = report.health
        let state = health.isHealthy ? paint(.green, "● healthy") : paint(.red, "● not well")
        let up = HumanUnits.duration(ns: (report.takenAt &- report.startedAt) &* 1000)
        var lines = ["\(state)  tapio \(safe(report.version)) on \(safe(report.node)), pid \(report.pid), up \(up)"]
        lines += health.problems.map { paint(.red, "  ! ") + safe($0) }
        var table = TextTable([.left(""), .left("")])
        let configuration = report.configuration
        table.row(["configuration", "\(configuration.path ?? "defaults") (\(configuration.hash))"])
        if let reload = configuration.lastReload {
            table.row([
                (reload.isApplied ? "last reload" : "last reload, refused", .plain),
                (
                    "\(HumanTime.rfc3339(seconds: reload.at / 1_000_000)): \(reload.message)",
                    reload.isApplied ? .plain : .red
                ),
            ])
            if !reload.needsRestart.isEmpty {
                table.row(["waits for a restart", reload.needsRestart.joined(separator: ", ")])
            }
        }
        if let address = report.http.address { table.row(["metrics and probes", address]) }
        let process = report.process
        let cpu = HumanUnits.duration(ns: Int64((process.userSeconds + process.systemSeconds) * 1e9))
        table.row(["uses", "\(HumanUnits.bytes(process.residentBytes)) of memory, \(cpu) of CPU time so far"])
        if let privileges = report.privileges {
            let problem = privileges.problem.map(safe)
            table.row([("privileges", .plain), (problem ?? privileges.line, problem == nil ? .plain : .red)])
        }
        return lines + table.lines(paint, indent: "  ")
    }

    private var collectors: [String] {
        var table = TextTable([.left("NAME"), .left("STATE"), .right("SINCE"), .right("RESTARTS"), .left("")])
        for collector in report.collectors {
            let since = HumanUnits.duration(ns: max(0, report.takenAt &- collector.since) &* 1000)
            let missed = collector.programs.reduce(0) { $0 + $1.missed }
            var notes = [collector.error].compactMap(\.self)
            if collector.state == "running" { notes.append("\(collector.programs.count) programs") }
            notes += collector.notes.map { TerminalText.escape($0) }
            if missed > 0 { notes.append("\(HumanUnits.count(Int64(clamping: missed))) runs missed by the kernel") }
            notes += collector.counters.filter { $0.value > 0 }.sorted { $0.key < $1.key }
                .map { "\($0.key) \(HumanUnits.count(Int64(clamping: $0.value)))" }
            table.row([
                (collector.name, .bold), (collector.state, Self.style(ofState: collector.state)), (since, .plain),
                (String(collector.restarts), collector.restarts > 0 ? .yellow : .plain),
                (notes.joined(separator: ", "), .plain),
            ])
        }
        return table.lines(paint, indent: "  ")
    }

    static func style(ofState state: String) -> TerminalStyle {
        switch state {
        case "running": .green
        case "failed": .red
        case "disabled", "stopped", "unavailable": .faint
        default: .yellow
        }
    }

    private var pipeline: [String] {
        let pipeline = report.pipeline
        var table = TextTable([.left(""), .left("")])
        let rings = pipeline.ringBytesPerCPU.sorted { $0.key > $1.key }
            .map { "\($0.key) \(HumanUnits.bytes(Int64($0.value)))" }
        let fill = HumanUnits.decimal(pipeline.fullestRing * 100, decimals: 1)
        table.row(["rings", "\(rings.joined(separator: ", ")) for each CPU; the fullest is \(fill) % full"])
        table.row(["threads", "\(pipeline.readers) readers, \(pipeline.encoders) encoders"])
        func bytes(_ count: Int) -> String { HumanUnits.bytes(Int64(count)) }
        let held = "hold \(bytes(pipeline.batchBytes)) of \(bytes(pipeline.batchBytesLimit))"
        table.row(["batches", "\(held), \(pipeline.batchesQueued) wait for an encoder"])
        var working = "hold \(bytes(pipeline.encoderBytes)) of \(bytes(pipeline.encoderBytesLimit))"
        if pipeline.encoderHeapBytesHighWater > 0 {
            working += ", and \(bytes(pipeline.encoderHeapBytes)) of the heap"
            working += " (at most \(bytes(pipeline.encoderHeapBytesHighWater)))"
        }
        table.row(["encoders", working])
        let encoded = "\(bytes(pipeline.encodedBytes)) of \(bytes(pipeline.encodedBytesLimit))"
        table.row(["encoded", "\(encoded) wait to be written"])
        if pipeline.latencyP99Ns > 0 {
            let p50 = HumanUnits.duration(ns: Int64(clamping: pipeline.latencyP50Ns))
            let p99 = HumanUnits.duration(ns: Int64(clamping: pipeline.latencyP99Ns))
            table.row(["kernel to reader", "half within \(p50), 99 % within \(p99)"])
        }
        if pipeline.liveViewSkipped > 0 {
            let skipped = HumanUnits.count(Int64(clamping: pipeline.liveViewSkipped))
            table.row(["live views", "skipped \(skipped) events that the archive has"])
        }
        return table.lines(paint, indent: "  ")
    }

    private var enrichment: [String] {
        let enrichment = report.enrichment
        func count(_ number: UInt64) -> String { HumanUnits.count(Int64(clamping: number)) }
        var table = TextTable([.left(""), .left("")])
        let late = enrichment.misses + enrichment.expired + enrichment.contended
        table.row([
            "containers",
            "\(count(enrichment.hits)) events known, \(count(late)) late; \(count(enrichment.resolved)) cgroups found out, \(count(enrichment.gone)) were gone",
        ])
        if enrichment.evictions + enrichment.refused > 0 {
            table.row([
                "bounds",
                "\(count(enrichment.evictions)) entries of \(enrichment.capacity) made room, \(count(enrichment.refused)) questions had to be asked again",
            ])
        }
        for cache in enrichment.caches where cache.name != "cgroups" {
            var text = "\(count(cache.hits)) questions answered, \(count(cache.misses)) not"
            if cache.expired > 0 { text += ", \(count(cache.expired)) too late" }
            if cache.evictions > 0 { text += "; \(count(cache.evictions)) of \(cache.capacity) made room" }
            table.row([cache.name, text])
        }
        let names = enrichment.names
        var learned = "\(count(names.answers)) answers gave \(names.addresses) addresses \(names.names) names"
        if names.answersDropped + names.refused > 0 {
            learned += "; \(count(names.answersDropped)) answers and \(count(names.refused)) names found no place"
        }
        table.row(["learned", learned])
        let processes = enrichment.processes
        var living = "\(processes.live) in the table"
        if processes.dropped + processes.forgotten + processes.factsRefused > 0 {
            living += "; \(count(processes.dropped)) records, \(count(processes.forgotten)) processes and "
            living += "\(count(processes.factsRefused)) rows found no place"
        }
        table.row(["processes", living])
        let negative = enrichment.caches.map { "\($0.name) \(count($0.negativeHits))" }.prefix(2)
        table.row(["known to be none", negative.joined(separator: ", ") + " questions"])
        if let url = enrichment.kubernetesURL {
            let known = "\(enrichment.pods) pods of this node, \(enrichment.services) services"
            let state = enrichment.isSynced ? known : "\(known), not all yet"
            table.row(["kubernetes", "\(TerminalText.escape(url)): \(state)"])
        } else {
            table.row(["kubernetes", "not asked: names of pods are unknown"])
        }
        if let error = enrichment.kubernetesError { table.row([("", .plain), (TerminalText.escape(error), .red)]) }
        return table.lines(paint, indent: "  ")
    }

    private var overload: [String] {
        let overflow = report.overflow
        func part(_ fraction: Double) -> String { "\(HumanUnits.decimal(fraction * 100, decimals: 0)) %" }
        var table = TextTable([.left(""), .left("")])
        let pressure = overflow.pressure
        table.row([
            "pressure",
            "urgent rings \(part(pressure.urgentRing)), bulk rings \(part(pressure.bulkRing)), batches \(part(pressure.batches)), export \(part(pressure.export))",
        ])
        if !overflow.isAutomatic { table.row(["reaction", "off: what finds no room is lost, and counted"]) }
        if let limit = overflow.eventsPerSecond {
            table.row(["lets through", "\(HumanUnits.count(Int64(limit))) events a second"])
        }
        let reduced = overflow.kinds.filter { $0.keep < 1 || $0.rung != "full" }
        if reduced.isEmpty { table.row(["kept", "every event of every kind"]) }
        var lines = table.lines(paint, indent: "  ")
        guard !reduced.isEmpty else { return lines }
        var kinds = TextTable([
            .left("KIND"), .left("RUNG"), .right("KEPT"), .left("BY"), .right("EVENTS/S"), .right("EPOCHS"),
            .right("SINCE"),
        ])
        for kind in reduced {
            let since = kind.since.map { HumanUnits.duration(ns: max(0, report.takenAt &- $0) &* 1000) } ?? "start"
            kinds.row([
                (kind.kind, .bold), (kind.rung, kind.rung == "counted_only" ? .red : .yellow),
                (LedgerText.kept(kind.keep), .plain), (kind.mode == "process" ? "process" : "event", .plain),
                (HumanUnits.count(Int64(kind.eventsPerSecond)), .plain), (String(kind.epochs), .plain), (since, .plain),
            ])
        }
        lines += kinds.lines(paint, indent: "  ")
        return lines
    }

    private var archive: [String] {
        let archive = report.archive
        var table = TextTable([.left(""), .left("")])
        table.row(["path", archive.path])
        table.row(["size", "\(HumanUnits.bytes(archive.bytesOnDisk)) in \(archive.sealedSegments) sealed segments"])
        var written = "\(HumanUnits.count(Int64(clamping: archive.rowsWritten))) rows, "
        written += HumanUnits.bytes(Int64(clamping: archive.bytesWritten))
        if archive.rowsWritten > 0 {
            let perRow = Double(archive.bytesWritten) / Double(archive.rowsWritten)
            written += " (\(HumanUnits.decimal(perRow, decimals: 1)) bytes each)"
        }
        table.row(["written", written])
        if let open = archive.openSegment { table.row(["open", open]) }
        if archive.segmentsDeleted > 0 { table.row(["deleted", "\(archive.segmentsDeleted) segments by retention"]) }
        if let compacted { table.row(["compacted", compacted]) }
        if archive.compaction.failures > 0 {
            let count = archive.compaction.failures
            table.row(
                ["not compacted", "\(count) failures, last: \(archive.compaction.lastError ?? "?")"],
                style: .red
            )
        }
        if archive.writeErrors > 0 {
            table.row(["write errors", "\(archive.writeErrors), last: \(archive.lastError ?? "?")"], style: .red)
        }
        return table.lines(paint, indent: "  ")
    }

    private var compacted: String? {
        let compaction = report.archive.compaction
        guard compaction.runs > 0 else { return nil }
        let before = HumanUnits.bytes(Int64(clamping: compaction.bytesBefore))
        let after = HumanUnits.bytes(Int64(clamping: compaction.bytesAfter))
        let cpu = HumanUnits.duration(ns: Int64(clamping: compaction.cpuNs))
        return "\(compaction.segmentsBefore) segments, \(before) → \(compaction.segmentsAfter), \(after); \(cpu) of CPU"
    }

    private func section(_ title: String, _ lines: [String]) -> [String] {
        lines.isEmpty ? [] : ["", paint(.bold, title)] + lines
    }

    private func safe(_ text: String) -> String { TerminalText.escape(text, limit: 500) }
}
