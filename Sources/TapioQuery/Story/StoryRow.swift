public import TapioEvents

/// A row of the archive that a story is made of: an event, or a summary of several.
public struct StoryRow: Sendable, Hashable {
    /// The row as it was read.
    public let event: DecodedEvent

    /// Wraps a row.
    public init(_ event: DecodedEvent) {
        self.event = event
    }

    /// When it happened, UTC microseconds since 1970; of a summary, its first event.
    public var timeUs: Int64 { time("ts") ?? 0 }
    /// Of a summary, when its last event happened; else ``timeUs``.
    public var lastUs: Int64 { time("agg_last") ?? timeUs }
    /// What happened.
    public var kind: String { text("kind") ?? "?" }
    /// The process; 0 where nobody is known.
    public var pid: Int64 { int("pid") ?? 0 }

    /// Events that the row holds: 1, or those that were merged into a summary.
    var events: Int64 { max(1, int("agg_count") ?? 1) }
    /// Events that it stands for, with those that were sampled out.
    var weight: Double {
        guard case .double(let weight) = event["weight"], weight > 0 else { return Double(events) }
        return weight
    }

    /// The number of an integer column; nil where it has none.
    func int(_ name: String) -> Int64? {
        if case .int(let number) = event[name] { number } else { nil }
    }

    /// The text of a string column, as the process gave it.
    func text(_ name: String) -> String? {
        if case .string(let text) = event[name] { text } else { nil }
    }

    /// Microseconds of a timestamp column.
    func time(_ name: String) -> Int64? {
        if case .timestamp(let us) = event[name] { us } else { nil }
    }

    /// `name[pid]`, safe for a terminal; in words where nobody is known.
    func process(_ comm: String = "comm", _ pid: String = "pid") -> String {
        let name = TerminalText.escape(text(comm) ?? "", limit: 40)
        guard let number = int(pid), number > 0 else { return name.isEmpty ? "an unknown process" : name }
        return "\(name.isEmpty ? "process " : name)[\(number)]"
    }

    /// `address:port`, safe for a terminal, with the name or service that was known for it.
    var remote: String {
        let address = TerminalText.escape(text("dst_addr") ?? "an unknown address", limit: 60)
        var shown = address.contains(":") ? "[\(address)]" : address
        if let port = int("dst_port"), port > 0 { shown += ":\(port)" }
        if let name = text("dst_service") ?? text("dst_name") { shown += " (\(TerminalText.escape(name, limit: 80)))" }
        return shown
    }

    /// Names the row, so that it can be found again.
    public var citation: RowCitation {
        RowCitation(
            timeUs: timeUs,
            subNs: int("ts_sub_ns") ?? 0,
            kind: kind,
            pid: pid,
            cpu: int("cpu") ?? 0,
            sequence: int("seq") ?? 0
        )
    }
}

/// Names one row of an archive: its time, kind, process, and its number on its CPU.
public struct RowCitation: Sendable, Hashable {
    /// UTC microseconds since 1970.
    public var timeUs: Int64
    /// Nanoseconds within the microsecond.
    public var subNs: Int64
    /// What happened.
    public var kind: String
    /// The process; 0 where nobody is known.
    public var pid: Int64
    /// The CPU.
    public var cpu: Int64
    /// The number of the record in its CPU's lane.
    public var sequence: Int64

    /// Time of day, kind, process, and what `cpu` and `seq` are. Safe for a terminal.
    public var text: String {
        let process = pid > 0 ? " pid \(pid)" : ""
        let time = HumanTime.timeOfDay(microseconds: timeUs)
        return "\(time) \(TerminalText.escape(kind, limit: 40))\(process) cpu \(cpu) seq \(sequence)"
    }
}

extension StoryRow {
    /// Whether it holds several events that were merged: then it tells of none of them alone.
    var isSummary: Bool { int("agg_count") != nil }
}
