import TapioEvents

/// `throttled`: the CPU quota of a cgroup was used up, and for which part of the time.
struct ThrottlingRule: ExplanationRule {
    static let name = "throttled"
    static let kinds = ["cpu_throttled"]
    static let columns = ["cgroup_id", "elapsed_ns", "throttled_ns", "cpu_periods", "throttled_periods"]
    private static let mostGroups = 256

    private struct Group {
        var tally = EventTally()
        var elapsed: Int64 = 0
        var throttled: Int64 = 0
        var periods: Int64 = 0
        var throttledPeriods: Int64 = 0
    }

    private var groups: [Int64: Group] = [:]

    init(_ subject: ExplainedSubject) {}

    mutating func add(_ row: StoryRow) {
        guard let id = row.int("cgroup_id"), let used = row.int("throttled_periods"), used > 0 else { return }
        guard groups[id] != nil || groups.count < Self.mostGroups else { return }
        var group = groups[id] ?? Group()
        group.tally.add(row)
        group.elapsed &+= row.int("elapsed_ns") ?? 0
        group.throttled &+= row.int("throttled_ns") ?? 0
        group.periods &+= row.int("cpu_periods") ?? 0
        group.throttledPeriods &+= used
        groups[id] = group
    }

    func statements() -> [Statement] {
        groups.sorted { $0.key < $1.key }.map { id, group in
            var text = "The CPU quota of its cgroup \(id) was used up in \(HumanUnits.count(group.throttledPeriods))"
            if group.periods > 0 {
                let share = Double(group.throttledPeriods) / Double(group.periods) * 100
                text += " of \(HumanUnits.count(group.periods)) periods (\(HumanUnits.decimal(share, decimals: 1)) %)"
            } else {
                text += " periods"
            }
            text += "; its threads were kept from running for \(HumanUnits.duration(ns: group.throttled))"
            text += ", all CPUs added up, in the \(HumanUnits.duration(ns: group.elapsed)) that these rows count"
            return Statement(
                Self.name,
                .slowed,
                text + ".",
                group.tally,
                filter: "kind = cpu_throttled and cgroup_id = \(id)"
            )
        }
    }
}

/// `run-queue`: threads that could run waited long for a CPU.
struct RunQueueRule: ExplanationRule {
    static let name = "run-queue"
    static let kinds = ["run_queue_wait"]
    static let columns = ["latency_ns"]
    /// A wait that is worth a word, nanoseconds: several of the kernel's time slices.
    static let leastNs: Int64 = 20_000_000

    private let subject: ExplainedSubject
    private var longest: Int64 = 0
    private var tally = EventTally()

    init(_ subject: ExplainedSubject) {
        self.subject = subject
    }

    mutating func add(_ row: StoryRow) {
        let wait = row.int("agg_max") ?? row.int("latency_ns") ?? 0
        guard subject.owns(row), wait >= Self.leastNs else { return }
        longest = max(longest, wait)
        tally.add(row)
    }

    func statements() -> [Statement] {
        guard tally.rows > 0 else { return [] }
        let text = "Threads that could run waited for a CPU, the longest for \(HumanUnits.duration(ns: longest))."
        return [Statement(Self.name, .slowed, text, tally, filter: subject.filter("run_queue_wait"))]
    }
}

/// `reclaim`: threads were held up while the kernel looked for memory.
struct ReclaimRule: ExplanationRule {
    static let name = "reclaim"
    static let kinds = ["memory_reclaim"]
    static let columns = ["duration_ns", "reclaim_cause"]

    private let subject: ExplainedSubject
    private var causes: [String: (tally: EventTally, total: Int64, longest: Int64)] = [:]

    init(_ subject: ExplainedSubject) {
        self.subject = subject
    }

    mutating func add(_ row: StoryRow) {
        guard subject.owns(row) else { return }
        let cause = row.text("reclaim_cause") ?? ""
        var entry = causes[cause] ?? (EventTally(), 0, 0)
        guard causes[cause] != nil || causes.count < 16 else { return }
        entry.tally.add(row)
        entry.total &+= row.int("agg_sum") ?? row.int("duration_ns") ?? 0
        entry.longest = max(entry.longest, row.int("agg_max") ?? row.int("duration_ns") ?? 0)
        causes[cause] = entry
    }

    func statements() -> [Statement] {
        causes.sorted { $0.key < $1.key }.map { cause, entry in
            let why = cause.isEmpty ? "" : " (\(TerminalText.escape(cause, limit: 40)))"
            let text =
                "Threads were held up while memory was reclaimed\(why), \(entry.tally.times): \(HumanUnits.duration(ns: entry.total)) in the rows, the longest \(HumanUnits.duration(ns: entry.longest))."
            return Statement(Self.name, .slowed, text, entry.tally, filter: subject.filter("memory_reclaim"))
        }
    }
}

/// `major-faults`: threads waited for pages that had to be read from a disk.
struct MajorFaultRule: ExplanationRule {
    static let name = "major-faults"
    static let kinds = ["major_fault"]
    static let columns: [String] = []
    /// Every program reads some pages when it starts: fewer are not worth a word.
    static let least: Int64 = 100

    private let subject: ExplainedSubject
    private var tally = EventTally()

    init(_ subject: ExplainedSubject) {
        self.subject = subject
    }

    mutating func add(_ row: StoryRow) {
        if subject.owns(row) { tally.add(row) }
    }

    func statements() -> [Statement] {
        guard tally.atLeast >= Self.least else { return [] }
        let text = "Threads waited for pages that had to be read (major faults), \(tally.times)."
        return [Statement(Self.name, .slowed, text, tally, filter: subject.filter("major_fault"))]
    }
}
