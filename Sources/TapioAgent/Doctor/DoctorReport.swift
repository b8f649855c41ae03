/// What the doctor found. Its JSON is stable: keys are added, never changed.
public struct DoctorReport: Codable, Sendable, Equatable {
    /// How bad it is.
    public enum Verdict: String, Codable, Sendable, Comparable, CaseIterable {
        /// As it should be.
        case ok
        /// Good to know.
        case note
        /// Works, but not as well as it could.
        case warning
        /// Keeps a collector from running.
        case problem

        /// The milder one first.
        public static func < (left: Self, right: Self) -> Bool { left.rank < right.rank }

        private var rank: Int { Verdict.allCases.firstIndex(of: self)! }
    }

    /// What belongs together.
    public enum Section: String, Codable, Sendable, CaseIterable {
        case system, privileges, mounts, collectors, rings, memory, cpu, archive, agent
    }

    /// One thing that was looked at.
    public struct Finding: Codable, Sendable, Equatable {
        /// What it belongs to.
        public var section: Section
        /// What was looked at, such as `btf`.
        public var name: String
        /// How bad it is.
        public var verdict: Verdict
        /// What was found, in one line.
        public var detail: String
        /// What to do, in one line; nil where nothing needs to be done.
        public var remedy: String?

        /// A finding.
        public init(_ section: Section, _ name: String, _ verdict: Verdict, _ detail: String, remedy: String? = nil) {
            self.section = section
            self.name = name
            self.verdict = verdict
            self.detail = detail
            self.remedy = remedy
        }
    }

    /// The program's version.
    public var version = TapioVersion.current
    /// Everything that was looked at, in the order of the sections.
    public var findings: [Finding]
    /// What the programs cost; nil where that was not asked for.
    public var cost: CostReport?

    /// A report of these findings.
    public init(findings: [Finding]) {
        self.findings = findings
    }

    /// Whether every collector can run.
    public var isHealthy: Bool { !findings.contains { $0.verdict == .problem } }

    /// Whether what is missing is privileges, and nothing else that is known.
    public var lacksOnlyPrivileges: Bool {
        let problems = findings.filter { $0.verdict == .problem && $0.section != .collectors }
        return !problems.isEmpty && problems.allSatisfy { $0.section == .privileges }
    }
}
