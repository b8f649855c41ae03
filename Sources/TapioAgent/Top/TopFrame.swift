import TapioEvents

/// What `tapio top` shows: a pure function of what is known, what was chosen and a size.
///
/// Everything in it that a monitored process, a file or a kernel said is escaped; no line is wider and the whole is never higher
/// than the terminal.
public struct TopFrame: Sendable {
    let data: TopData
    let controls: TopControls

    /// Shows this.
    public init(_ data: TopData, _ controls: TopControls = TopControls()) {
        self.data = data
        self.controls = controls
    }

    /// The lines for a terminal of this size, painted.
    public func text(_ size: TerminalSize, usesColour: Bool) -> [String] {
        lines(size).map { $0.painted(columns: max(1, size.columns), usesColour: usesColour) }
    }

    /// The lines for a terminal of this size; as many as it has, where it has a few.
    func lines(_ size: TerminalSize) -> [ViewLine] {
        let columns = max(1, size.columns)
        let rows = max(1, size.rows)
        var lines = head(columns, problems: rows < 30 ? 2 : 6)
        // The last row says what the keys do, where there is room for more than figures.
        let foot = rows >= 8 ? [foot(columns)] : []
        let room = rows - lines.count - foot.count
        if room > 2 { lines += [ViewLine()] + body(columns, room - 1) }
        lines = Array(lines.prefix(rows - foot.count))
        while lines.count < rows - foot.count { lines.append(ViewLine()) }
        return lines + foot
    }

    /// All of it, one below the other, for who reads no screen: at most so many entries of each ranking.
    public func report(columns: Int, entries: Int, usesColour: Bool) -> [String] {
        let tables = TopTables(data: data, sort: controls.sort, columns: columns)
        var lines = head(columns, problems: .max)
        lines += [ViewLine()] + tables.kinds(.max) + [ViewLine()] + tables.collectors(.max)
        for view in Self.rankings { lines += [ViewLine()] + tables.long(view, entries) }
        return lines.map { $0.painted(columns: columns, usesColour: usesColour) }
    }

    private static let rankings: [TopControls.View] = [.processes, .owners, .peers, .commands]

    // MARK: Parts

    private func head(_ columns: Int, problems: Int) -> [ViewLine] {
        var lines: [ViewLine] = []
        guard let reading = data.reading else {
            lines.append(ViewLine("tapio top", .bold))
            return lines + trouble + (trouble.isEmpty ? [ViewLine("  waiting for the agent…", .faint)] : [])
        }
        let status = StatusLines(reading.status)
        var name = status.name
        name.append("  " + status.collectors)
        if controls.isPaused { name.append("  paused", .yellow) }
        lines.append(name)
        lines += TopFigures(data: data, reading: reading).lines(columns)
        return lines + trouble + status.problems(problems)
    }

    private var trouble: [ViewLine] {
        guard let trouble = controls.trouble else { return [] }
        var line = ViewLine("  ! ", .red)
        line.append("old figures, trying again: ", .red)
        line.append(TerminalText.escape(trouble, limit: 300))
        return [line]
    }

    private func body(_ columns: Int, _ room: Int) -> [ViewLine] {
        if controls.showsHelp { return Array(help.prefix(room)) }
        let tables = TopTables(data: data, sort: controls.sort, columns: columns)
        switch controls.view {
        case .overview: return overview(columns, room)
        case .kinds: return tables.kinds(room - 2)
        case .collectors: return tables.collectors(room - 1)
        case .processes, .commands, .owners, .peers: return tables.long(controls.view, room - 1)
        }
    }

    /// Kinds above, rankings side by side below: each half gets what the other does not need.
    private func overview(_ columns: Int, _ room: Int) -> [ViewLine] {
        let tables = TopTables(data: data, sort: controls.sort, columns: columns)
        let views = Array(Self.rankings.prefix(columns >= 160 ? 4 : columns >= 75 ? 3 : columns >= 50 ? 2 : 1))
        let gap = 2
        let width = max(10, (columns - gap * (views.count - 1)) / views.count)
        let parts = TopTables(data: data, sort: controls.sort, columns: width)
        let longest = views.map { data.ranking(TopTables.path($0)).entries.count }.max() ?? 0
        // Heading and sum of the kinds, an empty row, and the heading of the rankings.
        let rows = room - 4
        guard rows >= 2 else { return Array(tables.kinds(max(0, room - 2)).prefix(room)) }
        let wanted = max(1, data.kinds.count)
        let kinds = min(wanted, max(rows - max(longest, 1), (rows + 1) / 2))
        let above = tables.kinds(kinds)
        let lists = views.map { parts.short($0, room - above.count - 2) }
        let below = (0..<(lists.map(\.count).max() ?? 0)).map { row in
            var line = ViewLine()
            for (position, list) in lists.enumerated() {
                let part = row < list.count ? list[row] : ViewLine()
                line.append(position == lists.count - 1 ? part : part.fitted(width + gap))
            }
            return line
        }
        return above + [ViewLine()] + below
    }

    private func foot(_ columns: Int) -> ViewLine {
        var line = ViewLine()
        func key(_ key: String, _ what: String) {
            line.append(key, .bold)
            line.append(" \(what)  ", .faint)
        }
        key("q", "quit")
        key("Tab", controls.view.title)
        key("s", "by \(controls.sort.title)")
        key("p", controls.isPaused ? "go on" : "pause")
        key("?", "help")
        if data.rankedSeconds > 0 {
            line.append("lists: last \(HumanUnits.duration(ns: Int64(min(data.rankedSeconds, 1e6) * 1e9)))", .faint)
        }
        return line
    }

    private var help: [ViewLine] {
        // No text is wider than 80 columns leave room for.
        let keys: [(String, String)] = [
            ("q, Ctrl-C", "quit"), ("Tab, →, ←, 1 to 7", "overview, kinds, collectors, processes, commands, …"),
            ("s", "sort by rate, by what is lost, by the total, by name"), ("p, space", "stand still, go on"),
            ("?, h", "this help"),
        ]
        let words: [(String, String)] = [
            ("PER S", "events that a probe decided about: counters' differences"),
            ("ARCHIVED", "rows a second over the last 15s: they come in batches"),
            ("SAMPLED, LOST", "not kept by chance; meant to be kept, and not"),
            ("KEPT", "the probability with which an event is kept now"),
            ("lists", "events as the agent reads them, each with its weight;"),
            ("", "what programs merge counts when its summary is read"),
            ("AT MOST", "how many it can be, where not all were told apart"),
            ("latency", "from the kernel's timestamp until it was read"),
        ]
        func lines(_ all: [(String, String)]) -> [ViewLine] {
            all.map { key, text in
                var line = ViewLine("  " + ViewLine.toLeft(key, 20), .bold)
                line.append(text)
                return line
            }
        }
        return lines(keys) + [ViewLine()] + lines(words)
    }
}

extension ScreenDiff {
    /// What brings the terminal from the last frame to this one.
    public mutating func draw(_ frame: TopFrame, size: TerminalSize, usesColour: Bool) -> String {
        draw(frame.lines(size), size: size, usesColour: usesColour)
    }
}
