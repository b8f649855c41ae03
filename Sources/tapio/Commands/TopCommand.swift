import ArgumentParser
import Glibc
import TapioAgent
import TapioEvents

struct TopCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "top",
        abstract: "What happens on this node right now, and what it costs.",
        discussion: """
            Rates by kind and collector, what is sampled and lost, the processes, pods and remote ends with most events, \
            latency, caches, memory and CPU of the running agent. Rates are differences of its counters. Rankings are of \
            the events that it reads, each with its weight; it counts them in bounded memory while somebody \
            watches, and only then.

            On a terminal it fills the screen; ? explains its keys. Elsewhere, on a terminal that cannot move its cursor \
            (TERM=dumb), and with --once, --count or --json it prints a plain snapshot of each interval: one, unless \
            --count says otherwise.

            EXAMPLES
              tapio top
              tapio top --interval 5s --no-color
              tapio top --once | head -20
              tapio top --json --count 60 | jq -c '[.takenAt, .total.rates.seen]'
            """
    )

    @Option(
        help: ArgumentHelp("Time between two readings, from 100ms to 1m.", valueName: "time"),
        transform: TopCommand.milliseconds
    )
    var interval = 1000

    @Flag(help: "Print one snapshot; the same as --count 1.")
    var once = false

    @Option(help: ArgumentHelp("Print this many snapshots; 0 for no end.", valueName: "number"))
    var count: Int?

    @Option(help: ArgumentHelp("Entries of each ranking of a snapshot, from 1 to 200.", valueName: "number"))
    var entries = 10

    @OptionGroup var agent: AgentOptions
    @OptionGroup var output: OutputOptions

    func validate() throws {
        if once && count != nil { throw ValidationError("--once and --count exclude each other") }
        if let count, count < 0 { throw ValidationError("--count \(count): a number of snapshots, or 0 for no end") }
        guard (1...ControlRequest.Top.mostEntries).contains(entries) else {
            throw ValidationError("--entries \(entries): from 1 to \(ControlRequest.Top.mostEntries)")
        }
    }

    func run() throws {
        let snapshots = once ? 1 : count
        if snapshots == nil, !output.json, isatty(STDOUT_FILENO) == 1 {
            if !TopCommand.isDumb { return try watch() }
            return try print(.max)
        }
        try print(snapshots == 0 ? .max : snapshots ?? 1)
    }

    /// Fills the screen.
    private func watch() throws {
        // An agent that never answered is an error; one that goes away later is waited for.
        _ = try agent.client.status()
        let request = ControlRequest.Top(intervalMs: interval, entries: ControlRequest.Top.mostEntries)
        var session = try TopSession(agent.client, request, usesColour: output.usesColour)
        if let signal = session.run() { throw ExitCode(ExitStatus.ended(by: signal)) }
    }

    /// Prints so many snapshots.
    private func print(_ most: Int) throws {
        // Each snapshot is of its own interval.
        var data = TopData(rankedSeconds: 0)
        var printed = 0
        var failure: (any Error)?
        let out = Output()
        let request = ControlRequest.Top(intervalMs: interval, entries: entries)
        try agent.client.readings(request) { reading in
            data.add(reading)
            guard reading.seconds > 0 else { return true }
            do {
                try print(data, isFirst: printed == 0, out)
            } catch {
                failure = error
                return false
            }
            printed += 1
            return printed < most
        }
        if let failure { throw failure }
        if printed < most && most != .max {
            throw CommandFailure(.failed, "the agent stopped after \(printed) of \(most) snapshots")
        }
    }

    private func print(_ data: TopData, isFirst: Bool, _ out: Output) throws {
        if output.json {
            if let snapshot = TopSnapshot(data) { try out.line(JSONOutput.line(snapshot)) }
        } else {
            if !isFirst { try out.line() }
            let columns = TerminalSize(descriptor: STDOUT_FILENO)?.columns ?? 100
            let lines = TopFrame(data).report(columns: columns, entries: entries, usesColour: output.usesColour)
            for line in lines { try out.line(line) }
        }
        try out.flush()
    }

    private static var isDumb: Bool {
        guard let terminal = unsafe getenv("TERM") else { return true }
        return unsafe terminal.pointee == 0 || strcmp(terminal, "dumb") == 0
    }

    private static func milliseconds(_ text: String) throws -> Int {
        let allowed = ControlRequest.Top.intervals
        guard let ns = HumanUnits.durationNs(text), allowed.contains(Int(ns / 1_000_000)) else {
            throw ValidationError("--interval '\(text)' is no time from 100ms to 1m; write one as in 500ms or 5s")
        }
        return Int(ns / 1_000_000)
    }
}
