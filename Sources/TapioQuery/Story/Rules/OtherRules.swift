import TapioEvents

/// `failing-calls`: the system calls that failed most.
struct FailingCallsRule: ExplanationRule {
    static let name = "failing-calls"
    static let kinds = ["syscall_failed"]
    static let columns = ["syscall", "errno", "error"]
    private static let named = 5

    private struct Call: Hashable {
        var syscall: String
        var errno: Int64
        var error: String?
    }

    private let subject: ExplainedSubject
    private var calls = TallyTable<Call>()

    init(_ subject: ExplainedSubject) {
        self.subject = subject
    }

    mutating func add(_ row: StoryRow) {
        guard subject.owns(row), let errno = row.int("errno") else { return }
        calls.add(
            row,
            to: Call(syscall: row.text("syscall") ?? "a system call", errno: errno, error: row.text("error"))
        )
    }

    func statements() -> [Statement] {
        calls.top(Self.named).map { call, tally in
            let name = TerminalText.escape(call.syscall, limit: 40)
            return Statement(
                Self.name,
                .failed,
                "\(name) failed with \(ErrorWords.error(call.errno, name: call.error)), \(tally.times).",
                tally,
                filter: "\(subject.filter("syscall_failed")) and errno = \(call.errno) and "
                    + FilterText.equals("syscall", call.syscall)
            )
        }
    }
}

/// `block-errors`: requests to block devices that failed.
struct BlockErrorRule: ExplanationRule {
    static let name = "block-errors"
    static let kinds = ["block_error"]
    static let columns = ["device", "io_operation", "errno", "error"]

    private struct Request: Hashable {
        var device: String
        var operation: String
        var errno: Int64
        var error: String?
    }

    private let subject: ExplainedSubject
    private var requests = TallyTable<Request>()

    init(_ subject: ExplainedSubject) {
        self.subject = subject
    }

    mutating func add(_ row: StoryRow) {
        guard subject.owns(row) else { return }
        let request = Request(
            device: row.text("device") ?? "a device",
            operation: row.text("io_operation") ?? "request",
            errno: row.int("errno") ?? 0,
            error: row.text("error")
        )
        requests.add(row, to: request)
    }

    func statements() -> [Statement] {
        requests.top(5).map { request, tally in
            let operation = TerminalText.escape(request.operation, limit: 20)
            let device = TerminalText.escape(request.device, limit: 40)
            let error = ErrorWords.error(request.errno, name: request.error)
            return Statement(
                Self.name,
                .failed,
                "A \(operation) of block device \(device) failed with \(error), \(tally.times).",
                tally,
                filter: subject.filter("block_error")
            )
        }
    }
}

/// `kubernetes`: why Kubernetes says that a container ended or waits, and its warnings.
struct KubernetesRule: ExplanationRule {
    static let name = "kubernetes"
    static let kinds = ["k8s_container", "k8s_event"]
    static let columns = [
        "pod", "namespace", "container", "container_state", "reason", "message", "exit_code", "signal", "restart_count",
        "last_reason", "last_exit_code", "last_signal", "event_type", "event_count",
    ]
    private static let named = 8

    private struct Saying: Hashable {
        var kind: String
        var text: String
    }

    private let subject: ExplainedSubject
    private var sayings = TallyTable<Saying>()

    init(_ subject: ExplainedSubject) {
        self.subject = subject
    }

    mutating func add(_ row: StoryRow) {
        guard let text = row.kind == "k8s_event" ? Self.event(row) : Self.container(row) else { return }
        sayings.add(row, to: Saying(kind: row.kind, text: text))
    }

    private static func event(_ row: StoryRow) -> String? {
        guard row.text("event_type") == "Warning" else { return nil }
        let reason = TerminalText.escape(row.text("reason") ?? "a warning", limit: 60)
        let message = row.text("message").map { ": \(TerminalText.escape($0, limit: 200))" } ?? ""
        return "Kubernetes warns of \(reason)\(message)"
    }

    private static func container(_ row: StoryRow) -> String? {
        let name = TerminalText.escape(row.text("container") ?? "?", limit: 80)
        func end(_ reason: String?, _ code: Int64?, _ signal: Int64?) -> String? {
            // One that was completed in order needs no explanation.
            if reason == nil && (code ?? 0) == 0 && (signal ?? 0) == 0 { return nil }
            if reason == "Completed" && (code ?? 0) == 0 { return nil }
            var parts = reason.map { [TerminalText.escape($0, limit: 60)] } ?? []
            if let code { parts.append("exit code \(code)") }
            if let signal, signal > 0 { parts.append(ErrorWords.signal(signal)) }
            return parts.joined(separator: ", ")
        }
        if row.text("container_state") == "terminated",
            let why = end(row.text("reason"), row.int("exit_code"), row.int("signal"))
        {
            return "Kubernetes says that container \(name) ended: \(why)"
        }
        if let why = end(row.text("last_reason"), row.int("last_exit_code"), row.int("last_signal")) {
            let restarts = row.int("restart_count").map { ", started again \($0) times in all" } ?? ""
            return "Kubernetes says that container \(name) ended before it was started again: \(why)\(restarts)"
        }
        if row.text("container_state") == "waiting", let reason = row.text("reason"),
            reason != "ContainerCreating", reason != "PodInitializing"
        {
            return "Kubernetes says that container \(name) waits: \(TerminalText.escape(reason, limit: 60))"
        }
        return nil
    }

    func statements() -> [Statement] {
        sayings.top(Self.named).sorted { $0.tally.firstUs < $1.tally.firstUs }.map { saying, tally in
            Statement(Self.name, .told, saying.text + ".", tally, filter: subject.filter(saying.kind))
        }
    }
}
