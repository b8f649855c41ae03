import ArgumentParser
import TapioAgent
import TapioEvents

struct DoctorCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "doctor",
        abstract: "What works on this machine, what does not, and what would help.",
        discussion: """
            Looks at kernel, BTF, lockdown, privileges, limits, mounts, clock, and what the configuration means here: \
            which collectors can run, how long a stall the rings survive, how much memory the agent may take. Changes \
            nothing; needs no agent. Without privileges it says what it can.

            --cost measures what the collectors' programs cost, by the kernel's account of how often and how long each ran, \
            which itself costs some 20 ns a run: those of the running agent, or, where none answers, of one that is \
            started for it and leaves nothing behind.

            Exit code 1 when a collector cannot run, 77 when only privileges are missing.

            EXAMPLES
              sudo tapio doctor
              tapio doctor --set rings.bulk_bytes=16MiB
              tapio doctor --json | jq '.findings[] | select(.verdict == "problem")'
              sudo tapio doctor --cost --for 30s
            """
    )

    @OptionGroup var source: ConfigurationOptions
    @OptionGroup var agent: AgentOptions
    @OptionGroup var output: OutputOptions

    @Flag(help: "Measure what each collector's programs cost, for --for.")
    var cost = false

    @Option(
        name: .customLong("for"),
        help: ArgumentHelp("How long --cost measures, as in 5s or 1m.", valueName: "time"),
        transform: DoctorCommand.duration
    )
    var duration = Duration.seconds(5)

    private static func duration(_ text: String) throws -> Duration {
        guard let ns = HumanUnits.durationNs(text), (100_000_000...3_600_000_000_000).contains(ns) else {
            throw ValidationError("--for '\(text)' is no time from 100ms to 1h; write one as in 5s or 1m")
        }
        return .nanoseconds(ns)
    }

    func run() async throws {
        let loaded = try source.load()
        var report = Doctor(configuration: loaded.configuration).examine()
        report.findings.append(agentFinding)
        if cost {
            if report.lacksOnlyPrivileges {
                throw CommandFailure(.privileges, "--cost needs privileges: run this as root")
            }
            report.cost = try await measureCost()
        }
        let out = Output()
        if output.json {
            try out.line(JSONOutput.text(report))
        } else {
            for line in DoctorText(report, paint: output.paint).lines { try out.line(line) }
            if let cost = report.cost {
                for line in CostText(cost, paint: output.paint).lines { try out.line(line) }
            }
        }
        try out.flush()
        if report.lacksOnlyPrivileges { throw ExitStatus.privileges.code }
        if !report.isHealthy { throw ExitStatus.failed.code }
    }

    /// Of the running agent, else of one's own.
    private func measureCost() async throws -> CostReport {
        let measurement = CostMeasurement(for: duration)
        let client = agent.client
        do {
            return try await measurement.measure(client)
        } catch let error as ControlSocketError where error.step == .connect {
            return try await measurement.measureOwn(try source.sources())
        }
    }

    private var agentFinding: DoctorReport.Finding {
        let client = agent.client
        do {
            let report = try client.status()
            let detail = "version \(report.version) runs as pid \(report.pid)"
            if report.health.isHealthy { return .init(.agent, "agent", .ok, detail + ", healthy") }
            return .init(.agent, "agent", .warning, detail + ", not well", remedy: "see tapio status")
        } catch let error as ControlSocketError {
            if error.step == .connect { return .init(.agent, "agent", .note, "none answers on \(client.path)") }
            return .init(.agent, "agent", .note, error.description)
        } catch {
            return .init(.agent, "agent", .warning, "\(client.path): \(error)", remedy: "restart the agent")
        }
    }
}

/// The doctor's report for people.
struct DoctorText {
    let report: DoctorReport
    let paint: Paint

    init(_ report: DoctorReport, paint: Paint) {
        self.report = report
        self.paint = paint
    }

    var lines: [String] {
        var lines: [String] = []
        let width = report.findings.map { TerminalText.width(of: safe($0.name)) }.max() ?? 0
        for section in DoctorReport.Section.allCases {
            let findings = report.findings.filter { $0.section == section }
            if findings.isEmpty { continue }
            if !lines.isEmpty { lines.append("") }
            lines.append(paint(.bold, section.rawValue.prefix(1).uppercased() + section.rawValue.dropFirst()))
            for finding in findings {
                let name = safe(finding.name)
                let pad = String(repeating: " ", count: width - TerminalText.width(of: name))
                lines.append("  \(mark(finding.verdict)) \(name)\(pad)  \(safe(finding.detail))")
                if let remedy = finding.remedy {
                    lines.append(String(repeating: " ", count: width + 6) + paint(.cyan, "→ \(safe(remedy))"))
                }
            }
        }
        return lines + ["", verdict]
    }

    private var verdict: String {
        let problems = report.findings.filter { $0.verdict == .problem }
        let warnings = report.findings.filter { $0.verdict == .warning }.count
        if report.lacksOnlyPrivileges {
            return paint(.red, "Only privileges are missing: run this as root to see the rest.")
        }
        if !problems.isEmpty {
            return paint(.red, "\(problems.count) problem\(problems.count == 1 ? "" : "s") to solve: see ✗ above.")
        }
        if warnings > 0 {
            return paint(.yellow, "All collectors can run; \(warnings) warning\(warnings == 1 ? "" : "s") above.")
        }
        return paint(.green, "All collectors can run.")
    }

    private func mark(_ verdict: DoctorReport.Verdict) -> String {
        switch verdict {
        case .ok: paint(.green, "✓")
        case .note: paint(.blue, "·")
        case .warning: paint(.yellow, "!")
        case .problem: paint(.red, "✗")
        }
    }

    private func safe(_ text: String) -> String { TerminalText.escape(text, limit: 1000) }
}
