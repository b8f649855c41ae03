import TapioEvents

/// The upper part of `tapio top`: what is counted once for the whole agent.
struct TopFigures {
    let data: TopData
    let reading: TopReading

    /// Lines for a terminal of so many columns.
    func lines(_ columns: Int) -> [ViewLine] {
        [events, latency(columns), sampling, agent(columns), caches] + [lack].compactMap(\.self)
    }

    private var events: ViewLine {
        var line = label("events")
        guard let rates = data.total.rates else {
            line.append("measuring…", .faint)
            return line
        }
        line.append(TopText.rate(rates.seen) + "/s", .bold)
        line.append("  lost ")
        line.append(TopText.rate(rates.lost), rates.lost > 0 ? .red : .green)
        line.append("  archived \(TopText.rate(rates.archived))")
        if rates.sampledOut > 0 { line.append("  sampled out \(TopText.rate(rates.sampledOut))", .yellow) }
        if rates.aggregated > 0 { line.append("  merged \(TopText.rate(rates.aggregated))") }
        if rates.filtered > 0 { line.append("  filtered \(TopText.rate(rates.filtered))") }
        let lost = data.total.counts.lost
        if lost > 0 { line.append("  (\(TopText.count(lost)) lost since the start)", .red) }
        return line
    }

    private func latency(_ columns: Int) -> ViewLine {
        var line = label("latency")
        let width = min(60, max(4, (columns - 42) / 2))
        line.append("p50 ")
        line.append(Sparkline(data.p50, columns: width).text, .cyan)
        line.append(" " + ViewLine.toLeft(TopText.time(reading.latencyP50Ns), 8))
        line.append("  p99 ")
        line.append(Sparkline(data.p99, columns: width).text, .cyan)
        line.append(" " + TopText.time(reading.latencyP99Ns))
        return line
    }

    private var sampling: ViewLine {
        var line = label("sampling")
        let reduced = data.kinds.filter(\.isReduced)
        if reduced.isEmpty {
            line.append("every event of every kind is kept")
            return line
        }
        let kinds = reduced.map { "\(TerminalText.escape($0.kind, limit: 30)) \(TopText.kept($0))" }
        line.append("\(reduced.count) kind\(reduced.count == 1 ? "" : "s"): \(kinds.joined(separator: ", "))", .yellow)
        return line
    }

    private func agent(_ columns: Int) -> ViewLine {
        let pipeline = reading.status.pipeline
        var line = label("agent")
        line.append(HumanUnits.bytes(reading.status.process.residentBytes))
        if let cpu = data.agentCPU { line.append("  cpu \(TopText.percent(cpu))") }
        if let cpu = data.programCPU { line.append(", programs \(TopText.percent(cpu))") }
        line.append("  rings ")
        line.append(StatusLines(reading.status).rings)
        line.append("  batches \(HumanUnits.bytes(Int64(pipeline.batchBytes)))")
        if columns >= 90 { line.append(" of \(HumanUnits.bytes(Int64(pipeline.batchBytesLimit)))") }
        return line
    }

    private var caches: ViewLine {
        var line = label("caches")
        for (position, cache) in data.caches.enumerated() {
            line.append("\(position == 0 ? "" : "  ")\(TerminalText.escape(cache.name, limit: 20)) ")
            line.append(cache.hitRatio.map(TopText.percent) ?? "unused")
        }
        let archive = reading.status.archive
        line.append("  wrote ")
        line.append(HumanUnits.bytes(Int64(clamping: archive.bytesWritten)))
        if let bytes = data.archivedBytes { line.append(", \(TopText.bytes(bytes))/s") }
        return line
    }

    /// What the lists lack.
    private var lack: ViewLine? {
        guard data.skipped > 0 else { return nil }
        var line = label("lists")
        line.append("lack \(TopText.count(data.skipped)) records that were too many to look at", .yellow)
        line.append(" (\(TopText.count(data.looked)) were); the archive has them", .yellow)
        return line
    }

    private func label(_ text: String) -> ViewLine { ViewLine("  " + ViewLine.toLeft(text, 10), .faint) }
}

/// Numbers as `tapio top` writes them.
enum TopText {
    /// Events a second: whole, but for the few.
    static func rate(_ value: Double) -> String {
        guard value.isFinite, value < 1e15 else { return "?" }
        if value > 0 && value < 9.95 { return max(0.1, (value * 10).rounded() / 10).description }
        return HumanUnits.count(Int64(value.rounded()))
    }

    static func bytes(_ value: Double) -> String {
        value.isFinite && value < 1e18 ? HumanUnits.bytes(Int64(value)) : "?"
    }

    static func count(_ value: UInt64) -> String { HumanUnits.count(Int64(clamping: value)) }

    /// A fraction as a percentage.
    static func percent(_ fraction: Double) -> String {
        guard fraction.isFinite else { return "?" }
        return "\(HumanUnits.decimal(fraction * 100, decimals: fraction < 0.1 ? 1 : 0)) %"
    }

    static func time(_ ns: UInt64?) -> String { ns.map { HumanUnits.duration(ns: Int64(clamping: $0)) } ?? "–" }

    /// How much of a kind is kept.
    static func kept(_ kind: TopData.KindRate) -> String {
        if kind.rung == "counted_only" || kind.keep <= 0 { return "none" }
        if kind.keep < 1 { return HumanUnits.decimal(kind.keep, decimals: kind.keep < 0.01 ? 5 : 3) }
        return kind.rung == "aggregated" ? "merged" : "all"
    }
}
