import Glibc
import TapioAgent
import TapioArchive
import TapioCollectors
import TapioEvents

/// What helps somebody who was not there to find out what is wrong: facts about agent, configuration and machine, without events
/// and without secrets. Each part is bounded, and what could not be had is said.
struct BugReport {
    /// The greatest a part may be, bytes.
    static let mostPartBytes = 2 << 20
    /// Files of the archive that are listed.
    private static let mostListed = 20_000
    /// Lines that the journal is asked for, and seconds that it may take.
    private static let journalLines = 5000
    private static let journalSeconds = 10

    /// A file of the report.
    struct Part {
        var name: String
        var content: [UInt8]
        var about: String
    }

    private(set) var parts: [Part] = []
    /// What is not in it, and why.
    private(set) var missing: [String] = []
    private(set) var node = "unknown"
    private var secrets = SecretRemover()

    /// Collects all that this user may see.
    static func collect(_ source: ConfigurationOptions, _ agent: AgentOptions, archive: String?) -> BugReport {
        var report = BugReport()
        let status = report.askAgent(agent.client)
        let loaded = report.loadConfiguration(source, runningPath: status?.configuration.path)
        // From here on the configuration's secrets are known.
        report.addConfiguration(loaded)
        if let status {
            report.add(status)
            report.addMetrics(agent.client)
        }
        report.addVersion()
        report.addDoctor(loaded, status)
        report.addKernel()
        if let status { report.addProcess(status.pid) }
        report.addLog(status)
        report.addListing(archive ?? report.archivePath(loaded, status))
        return report
    }

    /// The report as a tar archive whose files lie in `directory`; a MANIFEST comes first.
    func tar(directory: String, time: Int64) -> [UInt8] {
        var tar = TarWriter(directory: directory, time: time)
        var lines = ["tapio bugreport, \(HumanTime.rfc3339(seconds: time)), node \(node)", ""]
        var table = TextTable([.left("FILE"), .right("BYTES"), .left("")])
        for part in parts { table.row([part.name, String(part.content.count), part.about]) }
        lines += table.lines(Paint(usesColour: false))
        lines += ["", missing.isEmpty ? "Nothing is missing." : "Missing:"] + missing.map { "  " + $0 }
        lines += ["", "Secrets are replaced by \(SecretRemover.mark); look for what is left before you hand it on."]
        tar.add("MANIFEST", Array(secrets.clean(lines.joined(separator: "\n") + "\n").utf8))
        for part in parts { tar.add(part.name, part.content) }
        return tar.finish()
    }

    // MARK: Parts

    private mutating func add(_ name: String, _ text: String, _ about: String) {
        var content = Array(secrets.clean(text).utf8)
        if content.count > BugReport.mostPartBytes {
            content.removeLast(content.count - BugReport.mostPartBytes)
            missing.append("\(name): cut after \(BugReport.mostPartBytes) bytes")
        }
        parts.append(Part(name: name, content: content, about: about))
    }

    private mutating func addJSON(_ name: String, _ value: some Encodable, _ about: String) {
        do {
            add(name, try JSONOutput.text(value) + "\n", about)
        } catch {
            missing.append("\(name): it is no JSON: \(error)")
        }
    }

    private mutating func askAgent(_ client: ControlClient) -> StatusReport? {
        node = AgentConfiguration().nodeName
        do {
            let status = try client.status()
            node = status.node
            return status
        } catch {
            missing.append("status.json, status.txt, ledger.txt, metrics.txt, process.txt: \(error)")
            return nil
        }
    }

    /// That of the running agent, unless another is named.
    private mutating func loadConfiguration(
        _ source: ConfigurationOptions,
        runningPath: String?
    ) -> Result<LoadedConfiguration, any Error> {
        Result {
            if source.config == nil, let runningPath, unsafe access(runningPath, R_OK) == 0 {
                return try ConfigurationOptions.load(config: runningPath, settings: source.settings)
            }
            return try source.load()
        }
    }

    private struct Configuration: Encodable {
        var files: [String] = []
        var hash: String?
        var values: [String: Value] = [:]
        var errors: [String] = []

        struct Value: Encodable {
            var value: String
            var origin: String
        }
    }

    private mutating func addConfiguration(_ loaded: Result<LoadedConfiguration, any Error>) {
        var shown = Configuration()
        switch loaded {
        case .success(let loaded):
            shown.files = loaded.files
            shown.hash = Hexadecimal.text(loaded.configuration.fingerprint)
            for key in ConfigurationSchema.agent.keys {
                let value = key.value(in: loaded.configuration)
                let origin = loaded.origins[key.path] ?? .defaults
                let isSecret = SecretRemover.isSecret(key: key.path) && value != key.defaultValue
                if isSecret { learn(value) }
                let text = isSecret ? SecretRemover.mark : value.description
                shown.values[key.path] = .init(value: text, origin: origin.description)
            }
        case .failure(let errors as ConfigurationErrors):
            // What is wrong with a value quotes it.
            shown.errors = errors.errors.map { error in
                let isSecret = error.key.map(SecretRemover.isSecret) ?? false
                return isSecret ? "\(error.key ?? ""): \(SecretRemover.mark); \(error.remedy)" : error.description
            }
            missing.append("configuration.json: values, because it has errors: see there")
        case .failure(let error):
            shown.errors = ["\(error)"]
            missing.append("configuration.json: values: \(error)")
        }
        addJSON("configuration.json", shown, "what holds, and where it was given")
    }

    private mutating func learn(_ value: ConfigurationValue) {
        switch value {
        case .text(let text): secrets.learn(text)
        case .list(let texts): texts.forEach { secrets.learn($0) }
        default: break
        }
    }

    private mutating func add(_ status: StatusReport) {
        let paint = Paint(usesColour: false)
        addJSON("status.json", status, "what tapio status --json says")
        add("status.txt", StatusText(status, paint: paint).lines.joined(separator: "\n") + "\n", "the same for people")
        let ledger = LedgerText(status, paint: paint)
        add(
            "ledger.txt",
            (ledger.table + ledger.violations).joined(separator: "\n") + "\n",
            "what became of every event"
        )
    }

    private mutating func addMetrics(_ client: ControlClient) {
        do {
            add("metrics.txt", try client.metrics(), "what /metrics says")
        } catch {
            missing.append("metrics.txt: \(error)")
        }
    }

    private mutating func addVersion() {
        add(
            "version.txt",
            """
            tapio \(TapioVersion.current)\(BuildFacts.commit.map { " (\($0))" } ?? "")
            Swift \(BuildFacts.swift)\(BuildFacts.isDebug ? ", not optimised" : "")
            user id \(getuid())

            """,
            "of this program"
        )
    }

    private mutating func addDoctor(_ loaded: Result<LoadedConfiguration, any Error>, _ status: StatusReport?) {
        let configuration = (try? loaded.get().configuration) ?? AgentConfiguration()
        var report = Doctor(configuration: configuration).examine()
        let runs = status.map { "version \($0.version) runs as pid \($0.pid)" } ?? "none answers"
        report.findings.append(.init(.agent, "agent", status == nil ? .note : .ok, runs))
        let lines = DoctorText(report, paint: Paint(usesColour: false)).lines
        add("doctor.txt", lines.joined(separator: "\n") + "\n", "what tapio doctor says")
        addJSON("doctor.json", report, "the same for programs")
    }

    // MARK: Machine

    private static let kernelFiles = [
        "/proc/version", "/proc/cmdline", "/proc/uptime", "/proc/loadavg", "/proc/meminfo", "/etc/os-release",
        "/sys/kernel/security/lockdown", "/sys/kernel/security/lsm", "/proc/sys/kernel/unprivileged_bpf_disabled",
        "/proc/sys/kernel/bpf_stats_enabled", "/proc/sys/kernel/perf_event_paranoid",
        "/proc/sys/net/core/bpf_jit_enable",
        "/sys/devices/system/cpu/online", "/sys/devices/system/node/online", "/proc/pressure/cpu",
        "/proc/pressure/memory",
        "/proc/pressure/io", "/proc/self/cgroup", "/proc/self/limits",
    ]
    private static let mountTypes: Set<Substring> = [
        "bpf", "tracefs", "debugfs", "securityfs", "cgroup", "cgroup2", "proc", "sysfs",
    ]

    private mutating func addKernel() {
        var text = ""
        for path in BugReport.kernelFiles { text += BugReport.section(path, SmallText.head(path, bytes: 16_384)) }
        let mounts =
            SmallText.head("/proc/self/mounts", bytes: 1 << 20).map { String(decoding: $0, as: UTF8.self) } ?? ""
        // Those of other kinds are nobody's business.
        let ours = mounts.split(separator: "\n").filter { line in
            let fields = line.split(separator: " ")
            return fields.count > 2 && BugReport.mountTypes.contains(fields[2])
        }
        text += BugReport.section(
            "/proc/self/mounts (of BPF, tracing and cgroups)",
            Array(ours.joined(separator: "\n").utf8)
        )
        add("kernel.txt", text, "the kernel and its settings")
    }

    private mutating func addProcess(_ pid: Int32) {
        var text = ""
        for name in ["status", "limits", "cgroup", "smaps_rollup"] {
            let path = "/proc/\(pid)/\(name)"
            let content = SmallText.head(path, bytes: 65_536)
            if content == nil { missing.append("process.txt: \(path) cannot be read by this user") }
            text += BugReport.section(path, content)
        }
        add("process.txt", text, "the agent's process")
    }

    private static func section(_ title: String, _ content: [UInt8]?) -> String {
        let text = content.map { String(decoding: $0, as: UTF8.self) } ?? "(not readable)"
        return "== \(title)\n\(text)\(text.hasSuffix("\n") ? "" : "\n")\n"
    }

    // MARK: Log

    private mutating func addLog(_ status: StatusReport?) {
        if let status {
            let link = "/proc/\(status.pid)/fd/2"
            if let log = SmallText.tail(link, bytes: BugReport.mostPartBytes / 2) {
                add("agent.log", String(decoding: log, as: UTF8.self), "the end of the file that the agent logs to")
            } else {
                missing.append(
                    "agent.log: the agent logs to its standard error, which is no file that this user may read"
                )
            }
        }
        let journal = "/usr/bin/journalctl"
        guard unsafe access(journal, X_OK) == 0 else {
            missing.append("journal.txt: there is no journalctl; the log is where the agent's standard error goes")
            return
        }
        let asked = BoundedCommand.run(
            journal,
            ["-u", "tapio", "--no-pager", "-q", "-o", "short-iso", "-n", String(BugReport.journalLines)],
            seconds: BugReport.journalSeconds,
            bytes: BugReport.mostPartBytes
        )
        if let lack = asked.lack { missing.append("journal.txt: \(lack)") }
        if asked.output.isEmpty {
            missing.append("journal.txt: the journal says nothing of the unit tapio")
        } else {
            add("journal.txt", String(decoding: asked.output, as: UTF8.self), "journalctl -u tapio, the last lines")
        }
    }

    // MARK: Archive

    private func archivePath(_ loaded: Result<LoadedConfiguration, any Error>, _ status: StatusReport?) -> String {
        if let path = status?.archive.path, !path.isEmpty { return path }
        return ((try? loaded.get().configuration) ?? AgentConfiguration()).archive.path
    }

    private mutating func addListing(_ path: String) {
        do {
            let files = try SegmentFiles.find(path)
            var lines = ["\(files.count) segments in \(path), size in bytes and name, no events:"]
            lines += files.suffix(BugReport.mostListed).map { "\(SegmentFiles.size($0))\t\(TerminalText.escape($0))" }
            if files.count > BugReport.mostListed {
                lines.append("and \(files.count - BugReport.mostListed) older ones")
            }
            add("archive.txt", lines.joined(separator: "\n") + "\n", "names and sizes of the archive's files")
        } catch {
            missing.append("archive.txt: \(error)")
        }
    }
}
