import Glibc
import TapioAgent
import TapioEvents
import TapioQuery

/// A process tree for people: a line for each process, below its parent.
struct TreeText {
    private let paint: Paint
    private let width: Int?
    private let isPlain: Bool

    /// - Parameter isPlain: Lines of ASCII; nil: where NO_COLOR or --no-color is set, or the terminal is dumb.
    init(output: OutputOptions, isPlain: Bool? = nil) {
        paint = output.paint
        width = TerminalSize(descriptor: STDOUT_FILENO)?.columns
        self.isPlain = isPlain ?? (output.noColour || Self.isSet("NO_COLOR") || Self.isDumb)
    }

    private static func isSet(_ name: String) -> Bool {
        guard let value = unsafe getenv(name) else { return false }
        return unsafe value.pointee != 0
    }

    private static var isDumb: Bool {
        guard let terminal = unsafe getenv("TERM") else { return false }
        return unsafe strcmp(terminal, "dumb") == 0
    }

    /// Levels that branches are drawn for.
    static let drawnLevels = 64

    /// The moment, then the processes, each made when it is asked for.
    func lines(_ tree: ProcessTree) -> AnyIterator<String> {
        var first = tree.atUs.map { paint(.faint, "at \(HumanTime.rfc3339(microseconds: $0))") }
        var walk = tree.walk
        return AnyIterator {
            if let line = first.take() { return line }
            guard let step = walk.next() else { return nil }
            let branch = Self.branch(step, isPlain: isPlain)
            return paint(.faint, branch) + text(step.node, left: width.map { $0 - branch.count })
        }
    }

    /// What stands before a process: the branches that lead to it, or how deep it is where they would be too many.
    static func branch(_ step: ProcessTree.Step, isPlain: Bool) -> String {
        guard step.depth > 0 else { return "" }
        guard step.depth <= drawnLevels else { return "\(isPlain ? "..." : "…") depth \(step.depth) " }
        var branch = ""
        for depth in 1..<step.depth { branch += step.isLast(at: depth) ? "   " : isPlain ? "|  " : "│  " }
        if isPlain { return branch + (step.isLast ? "`- " : "|- ") }
        return branch + (step.isLast ? "└─ " : "├─ ")
    }

    private func text(_ node: ProcessTree.Node, left: Int?) -> String {
        let name = "\(TerminalText.escape(node.comm, limit: 40))[\(node.pid)]"
        var parts: [(String, TerminalStyle)] = [(name, node.endUs == nil ? .bold : .faint)]
        if let pod = node.pod { parts.append((TerminalText.escape(pod, limit: 120), .magenta)) }
        if let end = node.endUs {
            parts.append((Self.end(node, end), node.exitCode == 0 && node.signal ?? 0 == 0 ? .faint : .red))
        }
        if node.isForked { parts.append(("(forked)", .faint)) }
        if let command = node.args ?? node.exe { parts.append((TerminalText.escape(command, limit: 1000), .plain)) }
        var room = left ?? .max
        var line = ""
        for (text, style) in parts {
            if !line.isEmpty {
                line += " "
                room -= 1
            }
            guard room > 1 else { break }
            let isCut = TerminalText.width(of: text) > room
            line += paint(style, isCut ? TerminalText.cut(text + "…", to: room) : text)
            if isCut { break }
            room -= TerminalText.width(of: text)
        }
        return line
    }

    private static func end(_ node: ProcessTree.Node, _ end: Int64) -> String {
        let time = HumanTime.timeOfDay(microseconds: end)
        if let signal = node.signal, signal > 0 { return "killed by \(SignalName.name(of: signal)) \(time)" }
        return "exit \(node.exitCode.map(String.init) ?? "?") \(time)"
    }

    /// The tree as JSON.
    struct Document: Encodable {
        var at: String?
        var from: String?
        var processes: [Process]
    }

    /// A process with its children.
    struct Process: Encodable {
        var pid: Int64
        var ppid: Int64
        var start: String?
        var comm: String
        var exe: String?
        var args: String?
        var pod: String?
        var containerID: String?
        var end: String?
        var exitCode: Int64?
        var signal: Int64?
        var isForked: Bool
        /// How far below a root it is: a tree in the order of its lines needs no nesting, however deep it is.
        var depth: Int
    }

    /// The processes in the order of the lines.
    func document(_ tree: ProcessTree) -> Document {
        var document = Document(
            at: tree.atUs.map { HumanTime.rfc3339(microseconds: $0) },
            from: tree.fromUs.map { HumanTime.rfc3339(microseconds: $0) },
            processes: []
        )
        for step in tree.walk {
            let node = step.node
            document.processes.append(
                Process(
                    pid: node.pid,
                    ppid: node.parentPid,
                    start: node.startUs.map { HumanTime.rfc3339(microseconds: $0) },
                    comm: node.comm,
                    exe: node.exe,
                    args: node.args,
                    pod: node.pod,
                    containerID: node.containerID,
                    end: node.endUs.map { HumanTime.rfc3339(microseconds: $0) },
                    exitCode: node.exitCode,
                    signal: node.signal,
                    isForked: node.isForked,
                    depth: step.depth
                )
            )
        }
        return document
    }
}
