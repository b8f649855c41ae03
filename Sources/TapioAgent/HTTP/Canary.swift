import CTapioSystem
import Glibc
import TapioCollectors
import TapioEvents
import TapioRings

/// One harmless event for each collector that has one, caused on purpose to see whether it arrives.
///
/// A child of the agent causes them, for the agent's own events are filtered in the kernel: it is named `tapio-canary`, lives
/// for about a millisecond and ends itself with SIGKILL. Its events are in the archive like any others.
struct Canary: Sendable {
    /// The name that it asks for.
    static let name = TAPIO_CANARY_NAME

    /// What the child is to do.
    private struct Deed: Sendable {
        var places: [String] = []
        var tcpPort: UInt16 = 0
        var asksName = false
        var readsMemory = false
    }

    /// Why a collector has none; nil: it has one.
    private static func obstacle(
        _ collector: String,
        _ configuration: AgentConfiguration.CollectorConfiguration?
    )
        -> String?
    {
        switch collector {
        case "process", "network", "dns", "signal", "security": nil
        case "syscall":
            configuration?.list("ignore")?.contains("EBADF") == true
                ? "its canary's error, EBADF, is among those that the configuration ignores" : nil
        case "file": places(configuration).isEmpty ? noPlace : nil
        case "cgroup": "a cgroup is not made only to be seen"
        case "memory": "want of memory is not harmless"
        case "drops", "udp", "flow", "storage", "scheduler":
            "what it sees is merged in the kernel and told once per window"
        case "leak": "it follows chosen processes alone"
        case "kubernetes": "its events are the cluster's"
        default: "it has no canary"
        }
    }

    private static let noPlace = "none of its paths is a directory in which a name could be tried"

    /// What may be directories whose files are watched.
    private static func places(_ configuration: AgentConfiguration.CollectorConfiguration?) -> [String] {
        (configuration?.list("paths") ?? []).filter { path in !path.contains { "*?[".contains($0) } }
    }

    /// A name that is not there, in the first of these that is a directory. May wait for as long as the file system does.
    private static func file(in places: [String]) -> String? {
        let directory = places.first { path in
            var status = stat()
            return unsafe lstat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
        }
        return directory.map { $0 + "/.tapio-canary" }
    }

    private var deed = Deed()
    /// Collectors that must see it.
    let expected: Set<String>
    /// Those that cannot prove themselves, and why.
    let excused: [String: String]

    /// A canary for these collectors, which run.
    init(for collectors: [String], _ configurations: [String: AgentConfiguration.CollectorConfiguration]) {
        var expected: Set<String> = []
        var excused: [String: String] = [:]
        for collector in collectors {
            if let obstacle = Self.obstacle(collector, configurations[collector]) {
                excused[collector] = obstacle
            } else {
                expected.insert(collector)
            }
        }
        self.expected = expected
        self.excused = excused
        if expected.contains("file") { deed.places = Self.places(configurations["file"]) }
        deed.asksName = expected.contains("dns")
        deed.readsMemory = expected.contains("security")
    }

    /// What the child could do.
    struct Outcome: Sendable {
        var pid: Int32 = 0
        /// Why it could not be started.
        var problem: String?
        /// Collectors for which it could not do its part, and why.
        var excused: [String: String] = [:]
    }

    /// Runs the child, on a thread of its own: opening a file may take its time.
    func run() async -> Outcome {
        let (deed, expected) = (deed, expected)
        return await withCheckedContinuation { continuation in
            do {
                _ = try PinnedThread(name: "tapio-canary") {
                    continuation.resume(returning: Self.run(deed, expected))
                }
            } catch {
                continuation.resume(returning: Outcome(problem: "\(error)"))
            }
        }
    }

    private static func run(_ deed: Deed, _ expected: Set<String>) -> Outcome {
        var outcome = Outcome()
        var canary = unsafe tapio_canary()
        unsafe canary.asks_name = deed.asksName ? 1 : 0
        unsafe canary.reads_memory = deed.readsMemory ? 1 : 0
        var listener: Int32 = -1
        if expected.contains("network") {
            listener = listenOnLoopback()
            let port = listener < 0 ? nil : port(of: listener)
            unsafe canary.tcp_port = port ?? 0
            if port == nil { outcome.excused["network"] = "no port of the loopback to connect to" }
        }
        defer { if listener >= 0 { close(listener) } }
        let file = file(in: deed.places)
        if file == nil { outcome.excused["file"] = noPlace }
        let path = unsafe file.map { unsafe strdup($0) } ?? nil
        defer { unsafe free(path) }
        unsafe canary.file = unsafe UnsafePointer(path)
        let result = unsafe tapio_run_canary(&canary)
        guard result > 0 else {
            outcome.problem = "no child could be started: \(unsafe String(cString: strerror(-result)))"
            return outcome
        }
        outcome.pid = result
        for (collector, what, error) in [
            ("network", "the loopback refused its connection", unsafe canary.tcp_error),
            ("dns", "it could not answer at port 53 of 127.83.53.53", unsafe canary.dns_error),
            ("security", "it may not look into its own memory", unsafe canary.memory_error),
        ] where error != 0 {
            outcome.excused[collector] = "\(what): \(unsafe String(cString: strerror(error)))"
        }
        return outcome
    }

    private static func listenOnLoopback() -> Int32 {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        var address = loopback
        let size = socklen_t(MemoryLayout<sockaddr_in>.size)
        let isBound = unsafe withUnsafePointer(to: &address) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { unsafe bind(descriptor, $0, size) == 0 }
        }
        guard descriptor >= 0, isBound, listen(descriptor, 1) == 0 else {
            if descriptor >= 0 { close(descriptor) }
            return -1
        }
        return descriptor
    }

    private static func port(of descriptor: Int32) -> UInt16? {
        var address = loopback
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        let isKnown = unsafe withUnsafeMutablePointer(to: &address) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                unsafe getsockname(descriptor, $0, &size) == 0
            }
        }
        return isKnown ? UInt16(bigEndian: address.sin_port) : nil
    }

    private static var loopback: sockaddr_in {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        return address
    }
}
