/// What makes events during a benchmark.
public enum BenchmarkLoad: Sendable, Hashable {
    /// Runs a program that ends at once: fork, exec and exit.
    case exec
    /// Forks a child that ends at once: fork and exit.
    case fork
    /// Connects over loopback, accepts, closes both ends.
    case tcp
    /// Calls getppid(2), so often each second, and a program in the kernel makes an event of each call; nil: as fast as it
    /// can.
    case getppid(perSecond: Int?)
    /// Runs a BPF program that emits records of all kinds, so many each second; nil: as fast as it can.
    case emit(perSecond: Int?)
    /// The same with one small record, again and again, and nothing but the rings.
    case emitFixed

    /// Rates that a generator can be told, events each second.
    static let rates = 1000...100_000_000

    /// The load of that name: `exec`, `fork`, `tcp`, `getppid@420000`, `getppid@max`, `emit@420000` or `emit@max`.
    public init?(_ name: String) {
        switch name {
        case "exec": self = .exec
        case "fork": self = .fork
        case "tcp": self = .tcp
        case "fixed": self = .emitFixed
        default:
            let parts = name.split(separator: "@", omittingEmptySubsequences: false)
            guard parts.count == 2 else { return nil }
            var rate: Int?
            if parts[1] != "max" {
                guard let number = Int(parts[1]), Self.rates.contains(number) else { return nil }
                rate = number
            }
            switch parts[0] {
            case "getppid": self = .getppid(perSecond: rate)
            case "emit": self = .emit(perSecond: rate)
            default: return nil
            }
        }
    }

    /// Its name.
    public var name: String {
        switch self {
        case .exec: "exec"
        case .fork: "fork"
        case .tcp: "tcp"
        case .getppid(let rate): "getppid@" + (rate.map { "\($0)" } ?? "max")
        case .emit(let rate): "emit@" + (rate.map { "\($0)" } ?? "max")
        case .emitFixed: "fixed"
        }
    }

    /// What in the kernel makes its events.
    enum Origin: Sendable, Hashable {
        /// The collectors' programs, which see what others on the machine do as well.
        case collectors
        /// A program of `calls.bpf.c`, which sees the generators' calls alone.
        case calls
        /// A program of `bench.bpf.c` that the generators run.
        case programs
    }

    /// What in the kernel makes its events.
    var origin: Origin {
        switch self {
        case .exec, .fork, .tcp: .collectors
        case .getppid: .calls
        case .emit, .emitFixed: .programs
        }
    }

    /// How many events each second it is to cause; nil: as many as it can.
    public var perSecond: Int? {
        switch self {
        case .exec, .fork, .tcp, .emitFixed: nil
        case .getppid(let rate), .emit(let rate): rate
        }
    }

    /// The part of it that each of some generators causes.
    func shared(by generators: Int) -> BenchmarkLoad {
        switch self {
        case .exec, .fork, .tcp, .emitFixed: self
        case .getppid(let rate): .getppid(perSecond: rate.map { max(Self.rates.lowerBound, $0 / generators) })
        case .emit(let rate): .emit(perSecond: rate.map { max(Self.rates.lowerBound, $0 / generators) })
        }
    }

    /// The collectors that see it.
    var collectors: Set<String> {
        switch self {
        case .exec, .fork: ["process"]
        case .tcp: ["network"]
        case .getppid, .emit, .emitFixed: []
        }
    }

    /// How often to cause it by default: some seconds each.
    public var defaultCount: Int {
        switch self {
        case .exec: 4_000
        case .fork: 20_000
        case .tcp: 40_000
        case .getppid(let rate): (rate ?? 3_000_000) * 4
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
        case .getppid: [("bench_call", 1, "pid = \(pid)")]
        case .emit, .emitFixed: []
        }
    }
}
