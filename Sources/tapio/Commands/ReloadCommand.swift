import ArgumentParser
import Glibc
import TapioAgent
import TapioEvents

struct ReloadCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "reload",
        abstract: "Let the running agent read its configuration again, and say what came of it.",
        discussion: """
            Sends SIGHUP to the agent and waits for its answer. A file with errors changes nothing; what cannot change \
            while it runs is named. Exit code 2 when the agent refused the configuration.

            EXAMPLES
              tapio config check && tapio reload
              tapio reload --socket /run/tapio/tapio.sock
            """
    )

    /// Answers are looked for this often, for this long.
    private static let polls = 100
    private static let interval = Duration.milliseconds(100)

    @OptionGroup var agent: AgentOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
        let client = agent.client
        let before = try client.status()
        guard kill(before.pid, SIGHUP) == 0 else {
            let reason = unsafe String(cString: strerror(errno))
            throw CommandFailure(
                errno == EPERM ? .privileges : .failed,
                "cannot signal the agent (pid \(before.pid)): \(reason); run this as the user that runs the agent"
            )
        }
        for _ in 0..<ReloadCommand.polls {
            try await Task.sleep(for: ReloadCommand.interval)
            let now = try client.status().configuration
            let isAnswered =
                now.reloads != before.configuration.reloads
                || now.failedReloads != before.configuration.failedReloads
            guard isAnswered, let reload = now.lastReload else { continue }
            return try say(reload)
        }
        throw CommandFailure(.failed, "the agent (pid \(before.pid)) did not answer within 10s; see its log")
    }

    private func say(_ reload: StatusReport.Reload) throws {
        let out = Output()
        if output.json {
            try out.line(JSONOutput.text(reload))
        } else if reload.isApplied {
            try out.line("applied: " + TerminalText.escape(reload.message))
            for key in reload.needsRestart {
                try out.line(output.paint(.yellow, "  waits for a restart: ") + TerminalText.escape(key))
            }
        }
        try out.flush()
        guard reload.isApplied else {
            if output.json { throw ExitStatus.usage.code }
            throw CommandFailure(.usage, "refused, nothing changed: " + TerminalText.escape(reload.message))
        }
    }
}
