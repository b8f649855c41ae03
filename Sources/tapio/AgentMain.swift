import Glibc
import Logging
import TapioAgent
import TapioEvents
import TapioPipeline

/// The one call behind `tapio run`: the agent, with what a person sees of it.
enum AgentMain {
    /// Runs the agent until it is stopped, or its time is over.
    static func run(_ request: RunRequest) async throws -> ExitStatus {
        let settings = AgentLogHandler.Settings()
        let logger = Logger(label: "tapio") { _ in AgentLogHandler(settings: settings) }
        let agent = try makeAgent(request, logger, settings)
        let manager = makeManager(logger)
        let signals = try SignalSource.start()
        do throws(AgentError) {
            try await agent.start()
        } catch {
            throw failure(error)
        }
        await agent.dropPrivileges()
        if let manager, !manager.ready(await agent.status().summaryLine) {
            logger.error(
                "the service manager does not take messages: NOTIFY_SOCKET names no socket that can be reached"
            )
        }
        let reporting = manager.map { manager in Task { await agent.report(to: manager) } }
        let printing = request.printing.map { form in Task { await print(agent, form) } }
        let live = request.isLive ? LiveDisplay(agent, request, settings) : nil
        let limit = request.durationNs.map { Duration.nanoseconds(Int64(clamping: $0)) }
        await agent.serve(signals, for: limit, manager: manager)
        await live?.end()
        await agent.stop()
        reporting?.cancel()
        await printing?.value

        let report = await agent.status()
        if !request.isQuiet && request.printing == nil {
            let output = Output()
            var summary = RunSummary(report)
            summary.program = CommandLine.arguments.first ?? "tapio"
            for line in summary.lines(usesColour: request.usesColour) { try output.line(line) }
            try output.flush()
        }
        return report.health.isHealthy ? .ok : .failed
    }

    /// Who started this process and wants to know how it is; nil where nobody does.
    private static func makeManager(_ logger: Logger) -> ServiceManager? {
        do throws(ServiceManagerError) {
            return try ServiceManager.named(in: ConfigurationSources.processEnvironment)
        } catch {
            logger.error("\(error)")
            return nil
        }
    }

    private static func makeAgent(
        _ request: RunRequest,
        _ logger: Logger,
        _ settings: AgentLogHandler.Settings
    ) throws -> Agent {
        do throws(AgentError) {
            return try Agent(
                sources: request.sources,
                logger: logger,
                logSettings: settings,
                minimumLevel: request.isQuiet ? .warning : nil,
                recording: request.recording
            )
        } catch {
            throw failure(error)
        }
    }

    private static func failure(_ error: AgentError) -> any Error {
        if case .configuration(let errors) = error { return errors }
        return CommandFailure(ExitStatus(rawValue: error.exitCode) ?? .failed, error.description)
    }

    /// Writes events as lines until the agent stops, or until nobody reads them.
    private static func print(_ agent: Agent, _ form: ControlRequest.EventStream.Format) async {
        let output = Output(isLive: true)
        let stream = ControlRequest.EventStream(format: form)
        for await live in agent.liveEvents() {
            for event in live.events {
                do {
                    try output.line(EventForm.line(event, stream))
                } catch {
                    // The reader of the pipe is gone, and with it the reason to run.
                    kill(getpid(), SIGTERM)
                    return
                }
            }
        }
    }
}

/// The live view of a run, with the log's lines above it.
private struct LiveDisplay {
    private let view: LiveView
    private let settings: AgentLogHandler.Settings
    private let drawing: Task<Void, Never>
    private let watching: Task<Void, Never>

    init(_ agent: Agent, _ request: RunRequest, _ settings: AgentLogHandler.Settings) {
        let now = ClockOffset.measure().utcMicroseconds(boot: ClockOffset.bootNow())
        let view = LiveView(
            usesColour: request.usesColour,
            endsAt: request.durationNs.map { now + Int64(clamping: $0 / 1000) },
            source: { await agent.status() }
        )
        settings.sink = { view.line($0) }
        self.view = view
        self.settings = settings
        drawing = Task { await view.run() }
        watching = Task {
            for await live in agent.liveEvents() {
                // The newest few of each hand-over: a screen shows no more.
                for event in live.events.filter(LiveDisplay.isNotable).suffix(8) { view.notable.add(event) }
            }
        }
    }

    /// What travels in the urgent lane, and connections: forks and what was there before are many and tell little.
    private static func isNotable(_ event: DecodedEvent) -> Bool {
        guard case .string(let kind) = event["kind"] else { return false }
        return kind.hasPrefix("tcp") || event["priority"] == .string("high") || event["priority"] == .string("critical")
    }

    func end() async {
        watching.cancel()
        drawing.cancel()
        await drawing.value
        settings.sink = nil
    }
}
