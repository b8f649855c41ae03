import TapioEvents

/// Why a subject died or slowed, as far as rows of the archive show it.
public struct Explanation: Sendable {
    /// Of whom.
    public let scope: SubjectScope
    /// What the rows show, in the order of ``Statement/Part``.
    public let statements: [Statement]
    /// Rows of the subject, by kind; those of its cgroups among them.
    public let looked: [String: Int]
    /// Kinds that the rules look at and of which the archive has neither a row nor an interval of the ledger in the time of
    /// ``watched``, of anybody, by collector: whether nothing of the sort happened, or nobody looked, it does not tell.
    public let unseen: [String: [String]]
    /// What shows which collectors ran then.
    public let watched: WatchedKinds
    /// Times of which the archive does not tell all.
    public let gaps: [StoryGap]
    /// Gaps that found no room.
    public let moreGaps: Int
    /// Rows of the subject that stand for events that were sampled out.
    public let sampledRows: Int
    /// Whether the subject occurs at all.
    public let isKnown: Bool
    /// What the scan met.
    public let summary: ScanSummary

    /// The rules, in the order of their statements.
    static let rules: [any ExplanationRule.Type] = [
        OutOfMemoryRule.self, SignalRule.self, ExitRule.self, ThrottlingRule.self, RunQueueRule.self, ReclaimRule.self,
        MajorFaultRule.self, RetransmitRule.self, DNSRule.self, ConnectRule.self, ResetRule.self, BlockErrorRule.self,
        FailingCallsRule.self, KubernetesRule.self,
    ]

    /// By kind that a rule looks at, the collector that tells of it.
    public static let collectors = [
        "process_exit": "process", "signal_death": "signal", "signal_sent": "signal", "syscall_failed": "syscall",
        "oom_kill": "memory", "memory_usage": "memory", "memory_pressure": "memory", "memory_reclaim": "memory",
        "major_fault": "memory", "cpu_throttled": "scheduler", "run_queue_wait": "scheduler", "dns_failed": "dns",
        "dns_timeout": "dns", "dns_query": "dns", "tcp_failed": "network", "tcp_retransmit": "network",
        "tcp_reset": "network", "tcp_close": "network", "block_error": "storage", "k8s_container": "kubernetes",
        "k8s_event": "kubernetes",
    ]

    /// Names of the rules.
    public static let ruleNames = rules.map { $0.name }

    /// Cgroups of a subject whose limits are looked at.
    private static let mostGroups = 200
    /// Pids of a subject to which signals are looked for.
    private static let mostTargets = 1000

    /// Looks at all that the archive has of a subject.
    public init(_ subject: Subject, in archive: StoryArchive, range: StoryRange) throws {
        let scope = try SubjectScope(subject, in: archive, range: range)
        self.scope = scope
        let own = subject.filter(isOwn: true)
        let groups = try archive.counts(own, in: scope.range, by: ["cgroup_id"]).compactMap { key, _ -> Int64? in
            if case .int(let id)? = key.first, id > 1 { id } else { nil }
        }
        var pid: Int64?
        if case .process(let number, _) = subject { pid = number }
        var isKnown = !groups.isEmpty || scope.life != nil
        var filter = own
        if !groups.isEmpty && groups.count <= Self.mostGroups {
            let limits = "kind in (cpu_throttled, memory_usage, memory_pressure)"
            filter += " or (\(limits) and \(FilterText.isOne(of: groups, "cgroup_id")))"
        }
        if let pid { filter += " or (kind = signal_sent and target_pid = \(pid))" }

        let explained = ExplainedSubject(filter: own, pid: pid)
        var rules = Self.rules.map { $0.init(explained) }
        let kinds = Set(Self.rules.flatMap { $0.kinds })
        let columns = Set(Self.rules.flatMap { $0.columns } + Self.commonColumns)
        let places = kinds.reduce(into: [String: [Int]]()) { table, kind in
            table[kind] = Self.rules.indices.filter { Self.rules[$0].kinds.contains(kind) }
        }
        var looked: [String: Int] = [:]
        var sampled = 0
        summary = try archive.forEach(
            "\(FilterText.kinds(kinds.sorted())) and (\(filter))",
            in: scope.range,
            columns: columns.sorted()
        ) { row in
            isKnown = true
            looked[row.kind, default: 0] += 1
            if row.weight > Double(row.events) * (1 + 1e-9) { sampled += 1 }
            // The kernel's and the collectors' own rows of a cgroup have no process: they are for the rules that want them.
            for place in places[row.kind] ?? [] { rules[place].add(row) }
            return true
        }
        self.looked = looked
        sampledRows = sampled
        self.isKnown = isKnown
        let all = rules.flatMap { $0.statements() }
        statements = Statement.Part.allCases.flatMap { part in all.filter { $0.part == part } }
        let found = try StoryGaps.read(archive, in: scope.gapRange, kinds: kinds.union(["process_exec"]))
        gaps = found.gaps
        moreGaps = found.more
        // What others ran into while a process lived shows who was looking; what they did after its end does not.
        let watched = try WatchedKinds(archive, in: scope.gapRange, collectorOfKind: Self.collectors)
        self.watched = watched
        let missing = Self.collectors.filter { !watched.kinds.contains($0.key) && looked[$0.key] == nil }
        unseen = Dictionary(grouping: missing.keys.sorted()) { Self.collectors[$0]! }
    }

    static let commonColumns = [
        "ts", "ts_sub_ns", "kind", "cpu", "seq", "pid", "comm", "weight", "agg_count", "agg_first", "agg_last",
        "agg_min",
        "agg_max", "agg_sum",
    ]
}
