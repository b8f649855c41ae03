import ArgumentParser
import TapioAgent
import TapioEvents

struct StatusCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "status",
        abstract: "How the running agent is.",
        discussion: """
            Asks the agent over its control socket: health, collectors, what was seen and lost, rings, archive, \
            memory. Exit code 1 when the agent is not well or does not run; with --alive only when it does not answer. \
            With --ready each collector proves itself first: it causes one harmless event and finds it, decoded.

            EXAMPLES
              tapio status
              tapio status --json | jq .health
              tapio status > /dev/null || systemctl restart tapio
              tapio status --alive --json > /dev/null
              tapio status --ready
              tapio status --metrics > /var/lib/node_exporter/tapio.prom
            """
    )

    @Flag(help: "Exit code 0 whenever the agent answers, well or not: for a liveness probe.")
    var alive = false

    @Flag(help: "Let each collector prove itself, and print check by check what came of it: for a readiness probe.")
    var ready = false

    @Flag(
        help:
            "Print the metrics instead, as Prometheus reads them: for a textfile collector, where nothing shall listen."
    )
    var metrics = false

    @OptionGroup var agent: AgentOptions
    @OptionGroup var output: OutputOptions

    func validate() throws {
        if metrics && output.json { throw ValidationError("--metrics and --json are two forms: give one of them") }
        if [alive, ready, metrics].count(where: { $0 }) > 1 {
            throw ValidationError("--alive, --ready and --metrics ask for different things: give one of them")
        }
    }

    func run() throws {
        if metrics {
            let out = Output()
            try out.text(agent.client.metrics())
            return try out.flush()
        }
        if ready { return try printReadiness() }
        let report = try agent.client.status()
        let out = Output()
        if output.json {
            try out.line(JSONOutput.text(report))
        } else {
            for line in StatusText(report, paint: output.paint).lines { try out.line(line) }
        }
        try out.flush()
        if !report.health.isHealthy && !alive { throw ExitStatus.failed.code }
    }

    private func printReadiness() throws {
        let report = try agent.client.readiness()
        let out = Output()
        if output.json {
            try out.line(JSONOutput.text(report))
        } else {
            var table = TextTable([.left("CHECK"), .left("STATE"), .left("")])
            for check in report.checks {
                table.row([check.name, check.state.rawValue, TerminalText.escape(check.message)])
            }
            for line in table.lines(output.paint) { try out.line(line) }
        }
        try out.flush()
        if !report.isReady { throw ExitStatus.failed.code }
    }
}
