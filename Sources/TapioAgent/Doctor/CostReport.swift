import TapioEvents

/// What the collectors' programs cost over a while, by the kernel's own account of how often and how long they ran.
public struct CostReport: Codable, Sendable, Equatable {
    /// A program's share.
    public struct Program: Codable, Sendable, Equatable {
        /// The collector that it belongs to.
        public var collector: String
        /// Its name in the BPF object.
        public var name: String
        /// How often it ran.
        public var runs: UInt64
        /// For how long in all, nanoseconds.
        public var runTimeNs: UInt64
    }

    /// A collector's share.
    public struct Collector: Codable, Sendable, Equatable {
        /// Its name.
        public var name: String
        /// Runs of all its programs.
        public var runs: UInt64
        /// For how long in all, nanoseconds.
        public var runTimeNs: UInt64
        /// Events that its programs decided about, kept or not.
        public var events: UInt64
        /// CPU time of its programs for one event, nanoseconds; nil where there was none.
        public var nsPerEvent: Double? { events > 0 ? Double(runTimeNs) / Double(events) : nil }
    }

    /// How long was looked, nanoseconds.
    public var elapsedNs: Int64
    /// Whether a running agent was looked at; else one was started for it, with an archive that was removed.
    public var isOfRunningAgent: Bool
    /// CPU time of the agent's process, user and kernel, nanoseconds.
    public var agentNs: UInt64
    /// The programs that ran, the dearest first.
    public var programs: [Program]
    /// All collectors that run, the dearest first.
    public var collectors: [Collector]

    /// What happened between two looks at the same agent.
    ///
    /// A program that was attached in between counts from then on.
    init(_ before: StatusReport, _ after: StatusReport, elapsedNs: Int64, isOfRunningAgent: Bool) {
        self.elapsedNs = elapsedNs
        self.isOfRunningAgent = isOfRunningAgent
        func cpuNs(_ report: StatusReport) -> Double {
            (report.process.userSeconds + report.process.systemSeconds) * 1e9
        }
        agentNs = UInt64(max(0, cpuNs(after) - cpuNs(before)))
        var programs: [Program] = []
        var collectors: [Collector] = []
        for collector in after.collectors where !collector.programs.isEmpty {
            let earlier = before.collectors.first { $0.name == collector.name }?.programs ?? []
            let own = collector.programs.map { program in
                let known = earlier.first { $0.name == program.name }
                return Program(
                    collector: collector.name,
                    name: program.name,
                    runs: Self.growth(from: known?.runs, to: program.runs),
                    runTimeNs: Self.growth(from: known?.runTimeNs, to: program.runTimeNs)
                )
            }
            func attempted(_ report: StatusReport) -> UInt64 {
                report.ledger.filter { $0.collector == collector.name }.reduce(0) { $0 + $1.counts.attempted }
            }
            programs += own.filter { $0.runs > 0 }
            collectors.append(
                Collector(
                    name: collector.name,
                    runs: own.reduce(0) { $0 + $1.runs },
                    runTimeNs: own.reduce(0) { $0 + $1.runTimeNs },
                    events: Self.growth(from: attempted(before), to: attempted(after))
                )
            )
        }
        self.programs = programs.sorted { ($0.runTimeNs, $1.name) > ($1.runTimeNs, $0.name) }
        self.collectors = collectors.sorted { ($0.runTimeNs, $1.name) > ($1.runTimeNs, $0.name) }
    }

    /// A counter that is lower than before has begun anew.
    private static func growth(from before: UInt64?, to after: UInt64) -> UInt64 {
        guard let before, before <= after else { return after }
        return after - before
    }

    /// CPU time of all programs, nanoseconds.
    public var programsNs: UInt64 { collectors.reduce(0) { $0 + $1.runTimeNs } }

    /// That much CPU time as a share of one core, percent.
    public func percentOfCore(_ cpuNs: UInt64) -> Double {
        elapsedNs > 0 ? Double(cpuNs) * 100 / Double(elapsedNs) : 0
    }
}
