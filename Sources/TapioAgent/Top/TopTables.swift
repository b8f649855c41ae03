import TapioEvents

/// The lower part of `tapio top`: what is counted by kind, collector, process, pod and remote end.
struct TopTables {
    let data: TopData
    let sort: TopControls.Sort
    let columns: Int

    /// From this width on there is room for more than what matters most.
    private static let wide = 130

    // MARK: Kinds and collectors

    /// The heading, the sum and at most so many kinds.
    func kinds(_ most: Int) -> [ViewLine] {
        var table = TopTable(kindColumns, width: columns, longest: 32)
        table.row(cells(data.total, .bold))
        for kind in sortedKinds.prefix(max(0, most)) { table.row(cells(kind, .plain)) }
        if data.kinds.isEmpty { return table.lines + [ViewLine("nothing happened yet", .faint)] }
        return table.lines
    }

    private var sortedKinds: [TopData.KindRate] {
        switch sort {
        case .rate: data.kinds
        case .lost: data.kinds.sorted { ($1.rates?.lost ?? 0, $1.counts.lost) < ($0.rates?.lost ?? 0, $0.counts.lost) }
        case .total: data.kinds.sorted { $0.counts.attempted > $1.counts.attempted }
        case .name: data.kinds.sorted { $0.kind < $1.kind }
        }
    }

    private var kindColumns: [TopTable.Column] {
        let common: [TopTable.Column] = [
            .rest("KIND"), .left("COLLECTOR", 11), .right("PER S", 10), .right("ARCHIVED", 10), .right("SAMPLED", 9),
            .right("LOST", 8), .right("KEPT", 9),
        ]
        if columns < Self.wide { return common }
        return common + [
            .right("MERGED", 10), .right("FILTERED", 10), .right("SEEN IN ALL", 16), .right("LOST IN ALL", 13),
            .left("PRIORITY", 8),
        ]
    }

    private func cells(_ kind: TopData.KindRate, _ style: TerminalStyle) -> [TopTable.Cell] {
        func rate(_ path: KeyPath<TopData.Rates, Double>) -> String {
            kind.rates.map { TopText.rate($0[keyPath: path]) } ?? "–"
        }
        let isLosing = (kind.rates?.lost ?? 0) > 0
        let common: [TopTable.Cell] = [
            .init(safe(kind.kind), style), .init(safe(kind.collector), .faint), .init(rate(\.seen), style),
            .init(rate(\.archived), style), .init(rate(\.sampledOut), style),
            .init(rate(\.lost), isLosing ? .red : style),
            .init(kind.kind == "all" ? "" : TopText.kept(kind), kind.isReduced ? .yellow : style),
        ]
        if columns < Self.wide { return common }
        return common + [
            .init(rate(\.aggregated), style), .init(rate(\.filtered), style),
            .init(TopText.count(kind.counts.attempted), style),
            .init(TopText.count(kind.counts.lost), kind.counts.lost > 0 ? .red : style),
            .init(safe(kind.priority), .faint),
        ]
    }

    /// The heading and at most so many collectors.
    func collectors(_ most: Int) -> [ViewLine] {
        var table = TopTable(
            [
                .left("COLLECTOR", 12), .left("STATE", 11), .right("PER S", 10), .right("ARCHIVED", 10),
                .right("SAMPLED", 9), .right("LOST", 8), .rest("NOTE"),
            ],
            width: columns,
            longest: 100
        )
        var all = data.collectors
        switch sort {
        case .rate: break
        case .lost: all.sort { $0.sum.counts.lost > $1.sum.counts.lost }
        case .total: all.sort { $0.sum.counts.attempted > $1.sum.counts.attempted }
        case .name: all.sort { $0.name < $1.name }
        }
        for collector in all.prefix(max(0, most)) {
            let rates = collector.sum.rates
            func rate(_ path: KeyPath<TopData.Rates, Double>) -> String {
                rates.map { TopText.rate($0[keyPath: path]) } ?? "–"
            }
            let isRunning = collector.state == "running"
            table.row([
                .init(safe(collector.name)),
                .init(safe(collector.state), isRunning ? .green : collector.state == "failed" ? .red : .faint),
                .init(rate(\.seen)), .init(rate(\.archived)), .init(rate(\.sampledOut)),
                .init(rate(\.lost), (rates?.lost ?? 0) > 0 ? .red : .plain),
                .init(collector.error.map(safe) ?? "", .red),
            ])
        }
        return table.lines
    }

    // MARK: Rankings

    /// A ranking for a part of the screen: names and rates alone.
    func short(_ view: TopControls.View, _ most: Int) -> [ViewLine] {
        var table = TopTable([.rest(Self.heading(view)), .right("PER S", 8)], width: columns)
        for entry in entries(view).prefix(max(0, most)) {
            let pid = entry.pid.map { "[\($0)]" } ?? ""
            // The number tells processes of a name apart: it is not what may be cut.
            let room = max(1, columns - 9 - pid.utf8.count)
            let known = entry.detail != nil && view == .peers ? entry.detail! : entry.name
            table.row([.init(TerminalText.cut(safe(known), to: room) + pid), .init(rate(entry.events))])
        }
        return table.lines + (table.lines.count == 1 ? [nothing] : [])
    }

    /// A ranking with all that is known of each.
    func long(_ view: TopControls.View, _ most: Int) -> [ViewLine] {
        let entries = entries(view)
        let hasErrors = entries.contains { $0.error > 0 }
        var shown: [TopTable.Column] = []
        if view == .processes { shown.append(.right("PID", 8)) }
        let hasDetail = view == .processes || view == .peers
        if hasDetail {
            shown.append(.left(Self.heading(view), view == .peers ? min(48, max(22, columns / 3)) : 16))
            shown.append(.rest(view == .peers ? "NAME OR SERVICE" : "POD OR UNIT"))
        } else {
            shown.append(.rest(Self.heading(view)))
        }
        shown += [.right("PER S", 10), .right("SHARE", 7)]
        if hasErrors { shown.append(.right("AT MOST", 10)) }
        var table = TopTable(shown, width: columns, longest: 80)
        let all = data.rankedEvents
        for entry in entries.prefix(max(0, most)) {
            var cells: [TopTable.Cell] = []
            if let pid = entry.pid { cells.append(.init(String(pid))) }
            cells.append(.init(safe(entry.name)))
            if hasDetail { cells.append(.init(entry.detail.map(safe) ?? "", .faint)) }
            cells.append(.init(rate(entry.events)))
            cells.append(.init(all > 0 ? TopText.percent(min(1, entry.events / all)) : ""))
            if hasErrors { cells.append(.init(entry.error > 0 ? rate(entry.events + entry.error) : "", .yellow)) }
            table.row(cells)
        }
        return table.lines + (table.lines.count == 1 ? [nothing] : [])
    }

    private func entries(_ view: TopControls.View) -> [TopReading.Entry] {
        let entries = data.ranking(Self.path(view)).entries
        return sort == .name ? entries.sorted { ($0.name, $0.pid ?? 0) < ($1.name, $1.pid ?? 0) } : entries
    }

    private var nothing: ViewLine {
        ViewLine(data.rankedSeconds > 0 ? "none" : "measuring…", .faint)
    }

    private func rate(_ events: Double) -> String {
        TopText.rate(data.rankedSeconds > 0 ? events / data.rankedSeconds : 0)
    }

    static func path(_ view: TopControls.View) -> (TopReading) -> TopReading.Ranking {
        switch view {
        case .commands: \.commands
        case .owners: \.owners
        case .peers: \.peers
        default: \.processes
        }
    }

    static func heading(_ view: TopControls.View) -> String {
        switch view {
        case .commands: "COMMAND"
        case .owners: "POD OR UNIT"
        case .peers: "REMOTE END"
        default: "PROCESS"
        }
    }

    private func safe(_ text: String) -> String { TerminalText.escape(text, limit: 200) }
}
