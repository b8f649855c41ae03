import TapioEvents

/// `oom`: the kernel killed a process because memory ran out, and how much the cgroup used before.
struct OutOfMemoryRule: ExplanationRule {
    static let name = "oom"
    static let kinds = ["oom_kill", "memory_usage", "memory_pressure"]
    static let columns = [
        "cgroup_id", "full_cgroup_id", "limit_bytes", "usage_bytes", "anonymous_bytes", "file_bytes", "oom_score_adj",
        "trigger_pid", "trigger_comm", "some_stalled_permille", "full_stalled_permille",
    ]
    private static let mostKills = 10
    /// Levels of a cgroup that are remembered.
    private static let mostLevels = 3
    private static let mostGroups = 256

    private let subject: ExplainedSubject
    private var kills: [(row: StoryRow, before: [StoryRow])] = []
    private var moreKills = EventTally()
    private var levels: [Int64: [StoryRow]] = [:]
    private var usage: [Int64: (tally: EventTally, highest: StoryRow)] = [:]
    private var pressure: [Int64: (tally: EventTally, highest: StoryRow)] = [:]

    init(_ subject: ExplainedSubject) {
        self.subject = subject
    }

    mutating func add(_ row: StoryRow) {
        let group = row.int("cgroup_id") ?? 0
        switch row.kind {
        case "oom_kill":
            guard subject.owns(row) else { return }
            guard kills.count < Self.mostKills else { return moreKills.add(row) }
            kills.append((row, levels[row.int("full_cgroup_id") ?? group] ?? []))
        case "memory_usage":
            guard levels[group] != nil || levels.count < Self.mostGroups else { return }
            levels[group, default: []].append(row)
            if levels[group]!.count > Self.mostLevels { levels[group]!.removeFirst() }
            Self.note(row, in: &usage, of: group) { Self.share($0) ?? 0 }
        default:
            guard pressure[group] != nil || pressure.count < Self.mostGroups else { return }
            Self.note(row, in: &pressure, of: group) { Double($0.int("some_stalled_permille") ?? 0) }
        }
    }

    private static func note(
        _ row: StoryRow,
        in table: inout [Int64: (tally: EventTally, highest: StoryRow)],
        of group: Int64,
        _ height: (StoryRow) -> Double
    ) {
        var entry = table[group] ?? (EventTally(), row)
        entry.tally.add(row)
        if height(row) > height(entry.highest) { entry.highest = row }
        table[group] = entry
    }

    /// The part of the limit that was used; nil where it has none.
    private static func share(_ row: StoryRow) -> Double? {
        guard let usage = row.int("usage_bytes"), let limit = row.int("limit_bytes"), limit > 0 else { return nil }
        return Double(usage) / Double(limit)
    }

    private static func level(_ row: StoryRow) -> String {
        let used = row.int("usage_bytes").map(HumanUnits.bytes) ?? "an unknown amount"
        let limit = row.int("limit_bytes").map { " of \(HumanUnits.bytes($0))" } ?? ""
        let percent = share(row).map { " (\(HumanUnits.decimal($0 * 100, decimals: 1)) %)" } ?? ""
        return used + limit + percent
    }

    func statements() -> [Statement] {
        var all = kills.flatMap { kill($0.row, $0.before) }
        if moreKills.rows > 0 {
            let text = "The kernel killed more processes for want of memory, \(moreKills.times)."
            all.append(Statement(Self.name, .end, text, moreKills, filter: subject.filter("oom_kill")))
        }
        for (group, entry) in usage.sorted(by: { $0.key < $1.key }) {
            all.append(
                Statement(
                    Self.name,
                    .slowed,
                    "Its cgroup \(group) came near its memory limit: at most \(Self.level(entry.highest)) was seen.",
                    entry.tally,
                    filter: "kind = memory_usage and cgroup_id = \(group)"
                )
            )
        }
        for (group, entry) in pressure.sorted(by: { $0.key < $1.key }) {
            guard let some = entry.highest.int("some_stalled_permille"), some > 0 else { continue }
            let text =
                "Threads of its cgroup \(group) waited for memory: at most \(HumanUnits.decimal(Double(some) / 10, decimals: 1)) % of ten seconds."
            all.append(
                Statement(
                    Self.name,
                    .slowed,
                    text,
                    entry.tally,
                    filter: "kind = memory_pressure and cgroup_id = \(group)"
                )
            )
        }
        return all
    }

    private func kill(_ row: StoryRow, _ before: [StoryRow]) -> [Statement] {
        var tally = EventTally()
        tally.add(row)
        let victim = subject.pid == nil ? row.process() : "it"
        var text = "The kernel chose \(victim) to be killed because memory ran out"
        if let group = row.int("full_cgroup_id") {
            text += " in cgroup \(group), which used \(Self.level(row))"
        } else {
            text += " on the whole machine"
        }
        if let own = row.int("anonymous_bytes") {
            text += "; \(HumanUnits.bytes(own)) of it were the victim's own (anonymous)"
        }
        if let trigger = row.int("trigger_pid"), trigger > 0, trigger != row.pid {
            text += "; \(row.process("trigger_comm", "trigger_pid")) had asked for memory"
        }
        var all = [
            Statement(Self.name, .end, text + ".", tally, filter: "kind = oom_kill and pid = \(row.pid)")
        ]
        guard !before.isEmpty, let group = row.int("full_cgroup_id") else { return all }
        var levels = EventTally()
        for level in before { levels.add(level) }
        let words = before.map { "\(Self.level($0)) at \(HumanTime.timeOfDay(microseconds: $0.timeUs))" }
        all.append(
            Statement(
                Self.name,
                .end,
                "Before, cgroup \(group) used \(words.joined(separator: ", ")).",
                levels,
                filter: "kind = memory_usage and cgroup_id = \(group)"
            )
        )
        return all
    }
}
