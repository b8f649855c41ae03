import ArgumentParser
import Glibc
import TapioAgent
import TapioEvents

struct LedgerCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "ledger",
        abstract: "What became of every event, and whether the sum closes.",
        discussion: """
            For each kind, since the agent started:

              seen = filtered + sampled out + ring full + malformed + aggregated + shed + failed
                     + archived + in flight

            Columns that are zero for all kinds are left out. While a kind is sampled, NOW and KEPT tell how: sampled, \
            aggregated into summaries or counted only, and the probability with which an event is kept. Losses are ring full, malformed, shed and failed; each \
            is in the archive too, as a row of kind _ledger with its time. Exit code 1 when the sum does not close, \
            3 when it closes but events were lost.

            EXAMPLES
              tapio ledger
              tapio ledger --watch
              tapio ledger --json | jq '.[] | select(.counts.ringFull > 0)'
            """
    )

    @Flag(help: "Show it again every second until Ctrl-C.")
    var watch = false

    @OptionGroup var agent: AgentOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
        let out = Output(isLive: watch)
        var status = try show(out)
        while watch {
            try await Task.sleep(for: .seconds(1))
            if output.json {
                status = try show(out)
            } else if isatty(STDOUT_FILENO) == 1 {
                // Home and clear, in one write with the table.
                try out.line("\u{1b}[H\u{1b}[2J" + lines(try agent.client.status()).joined(separator: "\n"))
            } else {
                try out.line()
                status = try show(out)
            }
        }
        try out.flush()
        if status != .ok { throw status.code }
    }

    private func show(_ out: Output) throws -> ExitStatus {
        let report = try agent.client.status()
        if output.json {
            try out.line(JSONOutput.text(report.ledger))
        } else {
            for line in lines(report) { try out.line(line) }
        }
        if report.ledger.contains(where: { !$0.violations.isEmpty }) { return .failed }
        return report.ledger.contains { $0.counts.lost > 0 } ? .incomplete : .ok
    }

    private func lines(_ report: StatusReport) -> [String] {
        let text = LedgerText(report, paint: output.paint)
        let up = HumanUnits.duration(ns: (report.takenAt &- report.startedAt) &* 1000)
        let node = TerminalText.escape(report.node, limit: 200)
        var lines = ["Since \(HumanTime.rfc3339(seconds: report.startedAt / 1_000_000)) (\(up)) on \(node):", ""]
        lines += text.table + [""]
        let lost = report.ledger.reduce(0) { $0 + $1.counts.lost }
        if !text.violations.isEmpty {
            lines += text.violations + ["The ledger does not close: tell the authors, with tapio status --json."]
        } else if lost > 0 {
            lines.append(
                "The ledger closes. tapio query 'kind = _ledger and ledger_entry = gap' tells when what was lost."
            )
        } else {
            lines.append("The ledger closes, and nothing was lost.")
        }
        return lines
    }
}
