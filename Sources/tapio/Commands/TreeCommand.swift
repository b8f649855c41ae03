import ArgumentParser
import Glibc
import TapioEvents
import TapioQuery

struct TreeCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "tree",
        abstract: "The process tree of a moment.",
        discussion: """
            It is made from the rows of the agent's last run before that moment: the processes that were there when it \
            started, and every fork, exec and exit since. Without --at it is the archive's last moment. Processes whose \
            parent is not known to run then stand at the left. With --all, those that ended are shown too, with how. \
            At most \(HumanUnits.count(Int64(ProcessTree.most))) that run, and as many that ended, find room: of more it \
            says so, with exit code 3; --since leaves out those that ended before.

            EXAMPLES
              tapio tree
              tapio tree --at 14:05 --pod 'default/api-*'
              tapio tree --pid 4711 --all
              tapio tree --all --since 10m --json
            """
    )

    @Option(help: ArgumentHelp("The moment: 10m (ago), 14:05, or 2026-03-04T05:06:07Z.", valueName: "time"))
    var at: String?

    @Option(help: ArgumentHelp("Only this process, its ancestors, and what descends from it.", valueName: "pid"))
    var pid: Int64?

    @Option(help: ArgumentHelp("Only processes of these pods: [namespace/]name, maybe a glob.", valueName: "pod"))
    var pod: String?

    @Flag(help: "Also processes that had ended by then.")
    var all = false

    @Option(help: ArgumentHelp("With --all: only those that ended from then on.", valueName: "time"))
    var since: String?

    @OptionGroup var join: JoinOptions
    @OptionGroup var archive: ArchiveOptions
    @OptionGroup var output: OutputOptions

    func validate() throws {
        if since != nil && !all { throw ValidationError("--since is about ended processes: add --all") }
        if pid != nil && pod != nil { throw ValidationError("--pid and --pod exclude each other") }
    }

    func run() throws {
        let reading = try StoryReading(archive, range: try TimeRange.parse([]), join: join)
        let since = try since.map(StoryReading.time)
        let at = try at.map(StoryReading.time)
        if let since, let at, since > at {
            let (begin, end) = (HumanTime.rfc3339(microseconds: since), HumanTime.rfc3339(microseconds: at))
            throw CommandFailure(
                .usage,
                "the range ends before it begins: --since \(begin), --at \(end); give a --since that is not after --at"
            )
        }
        var tree = try ProcessTree(
            reading.archive,
            atUs: at,
            endedSinceUs: all ? since ?? .min : nil
        )
        if let pid, !tree.keep(pid: pid) {
            throw reading.nobody(
                "no process \(pid) is known to run then\(all ? "" : "; --all shows ended ones too")",
                tree.summary
            )
        }
        if let pod {
            let glob = PodGlob(pod)
            guard tree.keep(where: { glob.matches($0.pod) }) else {
                throw reading.nobody("no process of pod \(TerminalText.escape(pod)) is known to run then", tree.summary)
            }
        }
        let out = Output()
        let text = TreeText(output: output)
        if output.json {
            try out.line(try JSONOutput.text(text.document(tree)))
        } else {
            for line in text.lines(tree) { try out.line(line) }
        }
        try out.flush()
        if tree.atUs == nil {
            StandardError.line("tapio: note: the archive has no event of a process")
        } else if tree.nodes.isEmpty {
            StandardError.line("tapio: note: the archive tells of no process that is shown")
        }
        if tree.summaries > 0 {
            StandardError.line(
                "tapio: note: incomplete: \(HumanUnits.count(tree.summaries)) starts and ends are in summaries, which name no process"
            )
        }
        if tree.refused > 0 {
            let (refused, most) = (HumanUnits.count(Int64(tree.refused)), HumanUnits.count(Int64(ProcessTree.most)))
            StandardError.line(
                "tapio: note: incomplete: \(refused) processes found no room: at most \(most) that run and \(most) that ended are held; a later --since leaves out more that ended"
            )
        }
        for gap in tree.gaps.prefix(10) { StandardError.line("tapio: note: \(gap.text)") }
        let isIncomplete = !tree.gaps.isEmpty || tree.summaries > 0 || tree.refused > 0
        let status = reading.note(tree.summary, hasGaps: isIncomplete)
        if status != .ok { throw status.code }
    }
}

/// A pod, maybe of any namespace and with `*` and `?`.
struct PodGlob {
    private let namespace: [Character]?
    private let name: [Character]

    init(_ text: String) {
        if let slash = text.firstIndex(of: "/") {
            namespace = Array(text[..<slash])
            name = Array(text[text.index(after: slash)...])
        } else {
            namespace = nil
            name = Array(text)
        }
    }

    /// Whether `namespace/name` is one of them.
    func matches(_ pod: String?) -> Bool {
        guard let pod else { return false }
        let slash = pod.lastIndex(of: "/")
        let own = Array(slash.map { pod[pod.index(after: $0)...] } ?? pod[...])
        let space = slash.map { Array(pod[..<$0]) } ?? []
        return Self.matches(name, own) && (namespace.map { Self.matches($0, space) } ?? true)
    }

    /// Linear but for the last star, to which it goes back.
    private static func matches(_ glob: [Character], _ text: [Character]) -> Bool {
        var (g, t) = (0, 0)
        var star: (glob: Int, text: Int)?
        while t < text.count {
            if g < glob.count, glob[g] == "*" {
                star = (g, t)
                g += 1
            } else if g < glob.count, glob[g] == "?" || glob[g] == text[t] {
                (g, t) = (g + 1, t + 1)
            } else if let last = star {
                star = (last.glob, last.text + 1)
                (g, t) = (last.glob + 1, last.text + 1)
            } else {
                return false
            }
        }
        return glob[g...].allSatisfy { $0 == "*" }
    }
}
