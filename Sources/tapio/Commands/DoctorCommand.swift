import ArgumentParser
import TapioAgent
import TapioEvents

struct DoctorCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "doctor",
        abstract: "What works on this machine, what does not, and what would help.",
        discussion: """
            Looks at kernel, BTF, lockdown, privileges, limits, mounts, clock, and what the configuration means here: \
            which collectors can run, how long a stall the rings survive, how much memory the agent may take. Changes \
            nothing; needs no agent. Without privileges it says what it can.

            Exit code 1 when a collector cannot run, 77 when only privileges are missing.

            EXAMPLES
              sudo tapio doctor
              tapio doctor --set rings.bulk_bytes=16MiB
              tapio doctor --json | jq '.findings[] | select(.verdict == "problem")'
            """
    )

    @OptionGroup var source: ConfigurationOptions
    @OptionGroup var agent: AgentOptions
    @OptionGroup var output: OutputOptions

    func run() throws {
        let loaded = try source.load()
        var report = Doctor(configuration: loaded.configuration).examine()
        report.findings.append(agentFinding)
        let out = Output()
        if output.json {
            try out.line(JSONOutput.text(report))
        } else {
            for line in DoctorText(report, paint: output.paint).lines { try out.line(line) }
        }
        try out.flush()
        if report.lacksOnlyPrivileges { throw ExitStatus.privileges.code }
        if !report.isHealthy { throw ExitStatus.failed.code }
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
