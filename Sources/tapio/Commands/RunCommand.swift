import ArgumentParser
import Glibc
import TapioAgent
import TapioCollectors
import TapioEvents

struct RunCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "run",
        abstract: "Watch this machine and keep what happens: the agent.",
        discussion: """
            Runs until Ctrl-C or SIGTERM, then drains, seals the archive and says what was seen, lost and kept. On a \
            terminal it shows itself live; elsewhere only its log is written, to standard error. SIGHUP reads the \
            configuration again, SIGUSR1 seals the open segment.

            Needs root, or CAP_BPF and CAP_PERFMON; tapio doctor tells what is missing. Exit code 77 when it is that.

            --record also keeps the records as they came from the kernel, with what was found out of each, for tapio \
            replay. What finds no place in the file is counted; the archive is not touched by it.

            EXAMPLES
              sudo tapio run --for 30s --archive ./tapio-archive
              sudo tapio run --collectors process --print
              sudo tapio run --print --json | jq 'select(.kind == "tcp_connect")'
              sudo tapio run --set rings.bulk_bytes=16MiB --set sampling.process_fork=0.25
              sudo tapio run --for 1m --record trouble.tapiorec
            """
    )

    @OptionGroup var source: ConfigurationOptions

    @Option(help: ArgumentHelp("The archive's directory, made if need be (archive.path).", valueName: "dir"))
    var archive: String?

    @Option(
        name: .customLong("for"),
        help: ArgumentHelp("Stop by itself after this time, as in 30s, 5m or 1h30m.", valueName: "time"),
        transform: RunCommand.nanoseconds
    )
    var duration: UInt64?

    @Option(
        help: ArgumentHelp("Run only these, as in process,network; see tapio collectors.", valueName: "names"),
        transform: RunCommand.names
    )
    var collectors: [String]?

    @Flag(help: "Write each event as a line, instead of the live view; with --json as NDJSON.")
    var print = false

    @Flag(help: "No live view and no summary: only warnings and errors.")
    var quiet = false

    @Option(help: ArgumentHelp("Record what comes from the kernel into this file.", valueName: "file"))
    var record: String?

    @Option(help: ArgumentHelp("The most bytes of the recording. Default: 1GiB.", valueName: "size"))
    var recordLimit: String?

    @OptionGroup var output: OutputOptions

    func validate() throws {
        if recordLimit != nil && record == nil { throw ValidationError("--record-limit is for --record") }
        if let recordLimit, (HumanUnits.byteCount(recordLimit) ?? 0) < 1 << 20 {
            throw ValidationError("--record-limit \(recordLimit): a size of at least 1MiB, such as 1GiB")
        }
        if output.json && !print { throw ValidationError("--json is for --print: write run --print --json") }
        if let record { try OutputFile.check(record) }
        if quiet && print { throw ValidationError("--quiet and --print exclude each other") }
    }

    func run() async throws {
        let status = try await AgentMain.run(try request())
        if status != .ok { throw status.code }
    }

    /// What the agent is asked to do.
    func request() throws -> RunRequest {
        var flags: [ConfigurationFlag] = []
        if let archive {
            flags.append(ConfigurationFlag(key: "archive.path", value: AbsolutePath.of(archive), spelling: "--archive"))
        }
        for collector in collectors == nil ? [] : CollectorRegistry.all.map(\.name) {
            let isWanted = collectors?.contains(collector) == true
            let key = "collectors.\(collector).enabled"
            flags.append(ConfigurationFlag(key: key, value: isWanted ? "true" : "false", spelling: "--collectors"))
        }
        var printing: ControlRequest.EventStream.Format?
        if print { printing = output.json ? .json : output.usesColour ? .colour : .text }
        return RunRequest(
            sources: try source.sources(flags: flags),
            durationNs: duration,
            printing: printing,
            isQuiet: quiet,
            usesColour: output.usesColour,
            recording: record.map { path in
                RecordingRequest(
                    path: path,
                    limitBytes: recordLimit.flatMap { HumanUnits.byteCount($0) } ?? RunCommand.usualRecordLimit
                )
            }
        )
    }

    /// Bytes of a recording where nobody names a bound.
    private static let usualRecordLimit: Int64 = 1 << 30

    private static func nanoseconds(_ text: String) throws -> UInt64 {
        guard let ns = HumanUnits.durationNs(text), ns > 0 else {
            throw ValidationError("--for '\(text)' is no time; write one as in 30s, 5m or 1h30m")
        }
        return UInt64(ns)
    }

    private static func names(_ text: String) throws -> [String] {
        let names = text.split(separator: ",").map { String($0.drop(while: \.isWhitespace)) }
        let known = CollectorRegistry.all.map(\.name)
        for name in names where !known.contains(name) {
            throw ValidationError(
                "--collectors: no collector is named '\(name)'; there are \(known.joined(separator: ", "))"
            )
        }
        guard !names.isEmpty else {
            throw ValidationError("--collectors names none; there are \(known.joined(separator: ", "))")
        }
        return names
    }
}

/// What `tapio run` asks of the agent.
struct RunRequest {
    /// Where the configuration comes from, now and at each SIGHUP.
    var sources: ConfigurationSources
    /// Nanoseconds after which it stops by itself; nil for never.
    var durationNs: UInt64?
    /// Events are written to standard output in this form; nil for not at all.
    var printing: ControlRequest.EventStream.Format?
    var isQuiet: Bool
    var usesColour: Bool
    /// Where what is read is recorded; nil for nowhere.
    var recording: RecordingRequest?

    /// Whether a ``LiveView`` is shown.
    var isLive: Bool { printing == nil && !isQuiet && isatty(STDOUT_FILENO) == 1 }
}
