/// What makes events during a benchmark.
public enum BenchmarkLoad: Sendable, Hashable {
    /// Runs a program that ends at once: fork, exec and exit.
    case exec
    /// Forks a child that ends at once: fork and exit.
    case fork
    /// Connects over loopback, accepts, closes both ends.
    case tcp
    /// Runs a BPF program that emits records of all kinds, so many each second; nil: as fast as it can.
    case emit(perSecond: Int?)
    /// The same with one small record, again and again, and nothing but the rings.
    case emitFixed

    /// The load of that name: `exec`, `fork`, `tcp`, `emit@420000` or `emit@max`.
    public init?(_ name: String) {
        switch name {
        case "exec": self = .exec
        case "fork": self = .fork
        case "tcp": self = .tcp
        case "emit@max": self = .emit(perSecond: nil)
        case "fixed": self = .emitFixed
        default:
            guard name.hasPrefix("emit@"), let rate = Int(name.dropFirst(5)), (1000...100_000_000).contains(rate) else {
                return nil
            }
            self = .emit(perSecond: rate)
        }
    }

    /// Its name.
    public var name: String {
        switch self {
        case .exec: "exec"
        case .fork: "fork"
        case .tcp: "tcp"
        case .emit(let rate): "emit@" + (rate.map { "\($0)" } ?? "max")
        case .emitFixed: "fixed"
        }
    }

    /// Whether it runs a program of `bench.bpf.c`, with no collector beside it.
    var isEmitted: Bool {
        switch self {
        case .exec, .fork, .tcp: false
        case .emit, .emitFixed: true
        }
    }

    /// The collectors that see it.
    var collectors: Set<String> {
        switch self {
        case .exec, .fork: ["process"]
        case .tcp: ["network"]
        case .emit, .emitFixed: []
        }
    }

    /// How often to cause it by default: some seconds each.
    public var defaultCount: Int {
        switch self {
        case .exec: 4_000
        case .fork: 20_000
        case .tcp: 40_000
        case .emit(let rate): (rate ?? 2_000_000) * 4
        case .emitFixed: 20_000_000
        }
    }

    /// The events that causing it `count` times is, by kind, and which rows of the archive are those of the process `pid`.
    func traces(pid: Int32) -> [(kind: String, each: Int, filter: String)] {
        switch self {
        case .exec:
            [
                ("process_fork", 1, "pid = \(pid)"), ("process_exec", 1, "ppid = \(pid)"),
                ("process_exit", 1, "ppid = \(pid)"),
            ]
        case .fork: [("process_fork", 1, "pid = \(pid)"), ("process_exit", 1, "ppid = \(pid)")]
        case .tcp:
            [
                ("tcp_connect", 1, "pid = \(pid)"), ("tcp_accept", 1, "pid = \(pid)"),
                ("tcp_close", 2, "pid = \(pid)"),
            ]
        case .emit, .emitFixed: []
        }
    }
}
