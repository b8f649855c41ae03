public import TapioEvents

/// What `tapio run` shows on a terminal: a pure function of two snapshots and a size.
///
/// Everything in it that a monitored process, a file or a kernel said is escaped; no line is wider and the whole is never
/// higher than the terminal.
public struct LiveFrame: Sendable {
    /// The snapshot that is shown.
    public var now: StatusReport
    /// The one before, for rates; nil at first.
    public var before: StatusReport?
    /// Events worth a look, oldest first.
    public var notable: [DecodedEvent] = []
    /// UTC microseconds since 1970 at which the run ends by itself; nil for never.
    public var endsAt: Int64?
    /// Whether to use colours.
    public var usesColour = false

    /// Shows `now`.
    public init(now: StatusReport, before: StatusReport? = nil) {
        self.now = now
        self.before = before
    }

    /// The lines for a terminal of this size: one row stays free for the cursor.
    public func lines(_ size: TerminalSize) -> [String] {
        let room = max(1, size.rows - 1)
        let head = [heading]
        let foot = machinery + StatusLines(now).problems(4)
        // What is cut first: notable events, then kinds. The heading and what is wrong stay.
        let kinds = Array(kindTable.prefix(max(0, room - head.count - foot.count - 2)))
        var lines = head
        if !kinds.isEmpty { lines += [ViewLine()] + kinds }
        if room - lines.count > foot.count { lines.append(ViewLine()) }
        lines += foot
        let left = room - lines.count - 2
        let columns = max(1, size.columns)
        var text = lines.prefix(room).map { $0.painted(columns: columns, usesColour: usesColour) }
        if left > 0, !notable.isEmpty {
            let line = EventLine(usesColour: usesColour, width: columns)
            text += [""] + notable.suffix(left).map { line.text($0) }
        }
        return text
    }

    // MARK: Parts

    private var heading: ViewLine {
        let status = StatusLines(now)
        var line = status.name
        if let endsAt {
            line.append(", \(HumanUnits.duration(ns: max(0, endsAt &- now.takenAt) &* 1000)) left", .faint)
        }
        line.append("  " + status.collectors)
        return line
    }

    private var kindTable: [ViewLine] {
        let title = cells("KIND", "PRIORITY", "PER S", "SEEN", "ARCHIVED", "SAMPLED", "LOST")
        var lines: [ViewLine] = [ViewLine(title, .faint)]
        let earlier = Dictionary((before?.ledger ?? []).map { ($0.kind, $0.counts) }, uniquingKeysWith: { $1 })
        var total = LedgerEntry()
        var totalBefore: LedgerEntry? = before == nil ? nil : LedgerEntry()
        for line in now.ledger.sorted(by: { $0.counts.attempted > $1.counts.attempted }) {
            let past = earlier[line.kind] ?? (before == nil ? nil : LedgerEntry())
            lines.append(row(line.kind, line.priority, line.counts, past))
            total.add(line.counts)
            if let past { totalBefore?.add(past) }
        }
        if now.ledger.isEmpty { return [ViewLine("  nothing happened yet", .faint)] }
        lines.insert(row("all", "", total, totalBefore), at: 1)
        return lines
    }

    private func row(_ kind: String, _ priority: String, _ counts: LedgerEntry, _ past: LedgerEntry?) -> ViewLine {
        let lost = HumanUnits.count(Int64(clamping: counts.lost))
        let text = cells(
            safe(kind, 20),
            safe(priority, 8),
            past.map { rate(counts.attempted &- $0.attempted) } ?? "",
            HumanUnits.count(Int64(clamping: counts.attempted)),
            HumanUnits.count(Int64(clamping: counts.archived)),
            HumanUnits.count(Int64(clamping: counts.sampledOut))
        )
        let style: TerminalStyle = kind == "all" ? .bold : .plain
        var line = ViewLine(text, style)
        line.append(" " + ViewLine.toRight(lost, 8), counts.lost > 0 ? .red : style)
        return line
    }

    private var machinery: [ViewLine] {
        let pipeline = now.pipeline
        let archive = now.archive
        var rings = ViewLine("  rings    ", .faint)
        rings.append(StatusLines(now).rings)
        let held = HumanUnits.bytes(Int64(pipeline.batchBytes))
        rings.append("  batches \(held) of \(HumanUnits.bytes(Int64(pipeline.batchBytesLimit)))")
        if pipeline.latencyP99Ns > 0 {
            rings.append("  read after \(time(pipeline.latencyP50Ns)), p99 \(time(pipeline.latencyP99Ns))")
        }
        var disk = ViewLine("  archive  ", .faint)
        disk.append(safe(archive.path, 60))
        disk.append("  wrote \(HumanUnits.bytes(Int64(clamping: archive.bytesWritten)))")
        if archive.rowsWritten > 0 {
            let perRow = Double(archive.bytesWritten) / Double(archive.rowsWritten)
            disk.append(", \(HumanUnits.decimal(perRow, decimals: 1)) B/row")
        }
        disk.append("  \(HumanUnits.bytes(archive.bytesOnDisk)) in \(archive.sealedSegments) sealed")
        if let open = archive.openSegment { disk.append("  → \(safe(open, 60))", .faint) }
        var own = ViewLine("  agent    ", .faint)
        own.append(HumanUnits.bytes(now.process.residentBytes))
        if let share = cpuShare { own.append("  \(HumanUnits.decimal(share * 100, decimals: 1)) % of a core") }
        if pipeline.liveViewSkipped > 0 {
            let skipped = HumanUnits.count(Int64(clamping: pipeline.liveViewSkipped))
            own.append("  live view skipped \(skipped), the archive has them", .yellow)
        }
        return [rings, disk, own]
    }

    // MARK: Figures

    private var seconds: Double {
        guard let before, now.takenAt > before.takenAt else { return 0 }
        return Double(now.takenAt - before.takenAt) / 1_000_000
    }

    private func rate(_ difference: UInt64) -> String {
        guard seconds > 0, difference < 1 << 62 else { return "" }
        return HumanUnits.count(Int64((Double(difference) / seconds).rounded()))
    }

    private var cpuShare: Double? {
        guard let before, seconds > 0 else { return nil }
        let used = now.process.userSeconds + now.process.systemSeconds
        return max(0, used - before.process.userSeconds - before.process.systemSeconds) / seconds
    }

    private func time(_ ns: UInt64) -> String { HumanUnits.duration(ns: Int64(clamping: ns)) }

    // MARK: Text

    private func safe(_ text: String, _ limit: Int) -> String { TerminalText.escape(text, limit: limit) }

    /// Widths of the table's columns; together 80 with their gaps.
    private static let widths = [-16, -8, 9, 11, 11, 8, 8]

    private func cells(_ texts: String...) -> String {
        zip(texts, LiveFrame.widths).map { $1 < 0 ? ViewLine.toLeft($0, -$1) : ViewLine.toRight($0, $1) }
            .reduce("") { $0 + ($0.isEmpty ? "  " : " ") + $1 }
    }
}
