/// One line for a person: `HH:MM:SS.ffffff  kind  comm[pid]  what mattered`.
///
/// Everything that a monitored process chose is escaped. Columns that this does not know are shown as `name=value`, so a new
/// collector needs nothing here.
public struct EventLine: Sendable {
    /// Whether to use ANSI colours.
    public var usesColour: Bool
    /// The line is cut at this many columns; nil never cuts.
    public var width: Int?
    /// Seconds that the shown clock is ahead of UTC.
    public var utcOffset: Int

    /// A printer. See ``TerminalStyle/isWanted(descriptor:)`` and ``HumanTime/localOffset(seconds:)``.
    public init(usesColour: Bool = false, width: Int? = nil, utcOffset: Int = 0) {
        self.usesColour = usesColour
        self.width = width
        self.utcOffset = utcOffset
    }

    /// The line of `event`, without the newline.
    public func text(_ event: DecodedEvent) -> String {
        var line = StyledLine()
        if case .timestamp(let us) = event["ts"] {
            line.add(HumanTime.timeOfDay(microseconds: us, utcOffset: utcOffset), .faint)
        }
        let kind = event.string("kind") ?? "?"
        line.add(padded(TerminalText.escape(kind, limit: 40), 15), style(of: kind), gap: 2)
        let comm = TerminalText.escape(event.string("comm") ?? "", limit: 40)
        let isSummary = event["agg_count"] != .null
        // Summaries that are not by process have no pid: 0 stands for nobody, or for the kernel's idle thread.
        let process =
            if case .int(let pid) = event["pid"], pid != 0 || !isSummary { "\(comm)[\(pid)]" } else { comm }
        line.add(padded(process, 22), .plain, gap: 2)
        if let pod = event.string("pod") {
            let namespace = event.string("namespace").map { $0 + "/" } ?? ""
            line.add(TerminalText.escape(namespace + pod, limit: 120), .magenta, gap: 2)
        }
        var details = EventDetails(event)
        line.runs += details.runs(kind: kind)
        if case .double(let weight) = event["weight"], weight > 1, !isSummary {
            line.add("×" + HumanUnits.decimal(weight), .faint)
        }
        return line.text(width: width, usesColour: usesColour)
    }

    private func padded(_ text: String, _ columns: Int) -> String {
        text + String(repeating: " ", count: max(0, columns - TerminalText.width(of: text)))
    }

    private func style(of kind: String) -> TerminalStyle {
        if kind == "_ledger" { return .yellow }
        if kind.hasPrefix("process") { return .green }
        if kind.hasPrefix("tcp") || kind.hasPrefix("udp") || kind.hasPrefix("net") { return .cyan }
        return .blue
    }
}

/// Runs of styled text.
struct StyledLine {
    var runs: [(text: String, style: TerminalStyle)] = []

    mutating func add(_ text: String, _ style: TerminalStyle = .plain, gap: Int = 1) {
        if !runs.isEmpty { runs.append((String(repeating: " ", count: gap), .plain)) }
        runs.append((text, style))
    }

    func text(width: Int?, usesColour: Bool) -> String {
        var line = ""
        var left = width ?? .max
        let needed = runs.reduce(0) { $0 + TerminalText.width(of: $1.text) }
        let mustCut = needed > left
        for (index, run) in runs.enumerated() {
            let columns = TerminalText.width(of: run.text)
            // The last column is kept for the "…" while more text follows.
            let isLast = index == runs.count - 1
            if mustCut && (columns > left || (columns == left && !isLast)) {
                line += run.style.painted(TerminalText.cut(run.text + "…", to: left), if: usesColour)
                return line
            }
            line += run.style.painted(run.text, if: usesColour)
            left -= columns
        }
        return line
    }
}

extension TerminalStyle {
    func painted(_ text: String, if usesColour: Bool) -> String { usesColour ? paint(text) : text }
}

extension DecodedEvent {
    /// The text of a string column.
    func string(_ name: String) -> String? {
        if case .string(let text) = self[name] { text } else { nil }
    }

    /// The number of an integer column.
    func int(_ name: String) -> Int64? {
        if case .int(let number) = self[name] { number } else { nil }
    }
}
