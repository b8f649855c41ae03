import TapioEvents

/// One thing that a check of the ledger found.
public struct LedgerFinding: Sendable, Hashable, CustomStringConvertible {
    /// How bad it is.
    public enum Severity: String, Sendable, Hashable, CaseIterable {
        /// Proven.
        case ok
        /// Explained, or not yet decided.
        case note
        /// The sums do not hold, or cannot be proven.
        case problem
    }

    /// What was compared.
    public enum Check: String, Sendable, Hashable, CaseIterable {
        /// Rows of a segment against what the ledger says was archived.
        case segmentRows = "segment_rows"
        /// Sums of weights against exact totals.
        case weights
        /// Attempted against everything that events can end as.
        case runBalance = "run_balance"
        /// Losses against gap rows.
        case gaps
        /// Start and stop of a run.
        case runEnds = "run_ends"
        /// Parts that cannot be read.
        case damage
    }

    /// How bad it is.
    public var severity: Severity
    /// What was compared.
    public var check: Check
    /// The segment or run.
    public var place: String
    /// The kind, where it is about one.
    public var kind: String?
    /// What the ledger says.
    public var expected: Int64?
    /// What is there.
    public var actual: Int64?
    /// In one line.
    public var message: String

    /// One line, safe for a terminal.
    public var description: String {
        let subject = kind.map { ": \($0)" } ?? ""
        return TerminalText.escape("\(severity.rawValue): \(place)\(subject): \(message)")
    }

    /// One JSON object.
    public var json: String {
        var fields: [(String, EventValue)] = [
            ("severity", .string(severity.rawValue)), ("check", .string(check.rawValue)), ("place", .string(place)),
        ]
        if let kind { fields.append(("kind", .string(kind))) }
        if let expected { fields.append(("expected", .int(expected))) }
        if let actual { fields.append(("actual", .int(actual))) }
        fields.append(("message", .string(message)))
        return QueryOutput.object(fields)
    }
}

/// Whether the archive proves its own ledger.
public struct LedgerVerdict: Sendable {
    /// Everything found, in the order of segments and runs.
    public internal(set) var findings: [LedgerFinding] = []
    /// Segments read.
    public internal(set) var segments = 0
    /// Rows counted, without the ledger's.
    public internal(set) var rows: Int64 = 0
    /// Runs of the agent.
    public internal(set) var runs = 0
    /// Events that the ledger says were archived as rows of their own.
    public internal(set) var archived: Int64 = 0
    /// Events that the ledger says were merged into summary rows.
    public internal(set) var aggregated: Int64 = 0
    /// Events that the ledger says were lost.
    public internal(set) var lost: Int64 = 0

    /// Whether nothing is wrong.
    public var isProven: Bool { !findings.contains { $0.severity == .problem } }

    /// Exit code of the command: 0, 1 where sums do not hold, 3 where only damage keeps them from being proven.
    public var exitCode: Int32 {
        let problems = findings.filter { $0.severity == .problem }
        if problems.isEmpty { return 0 }
        return problems.allSatisfy { $0.check == .damage } ? 3 : 1
    }

    /// The last line of a report, safe for a terminal.
    public var summary: String {
        func count(_ value: Int64) -> String { HumanUnits.count(value) }
        let problems = findings.count { $0.severity == .problem }
        let scope =
            "\(count(Int64(segments))) segments, \(count(Int64(runs))) runs, \(count(rows)) rows, \(count(lost)) lost"
        return isProven ? "proven: \(scope)" : "not proven: \(problems) problems in \(scope)"
    }
}
