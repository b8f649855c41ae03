import TapioEvents

/// One process of those that had a number one after the other.
public struct ProcessLife: Sendable, Hashable {
    /// The number.
    public var pid: Int64
    /// Its start, UTC microseconds since 1970; nil where no row tells it.
    public var startUs: Int64?
    /// Its end; nil where no row tells one.
    public var endUs: Int64?
    /// Its name, as last seen.
    public var comm = ""
    /// Its program and arguments, as last seen.
    public var command: String?
    /// Its pod as `namespace/name`.
    public var pod: String?
    /// Whether the archive has the row of its fork or exec: else what it did before is not in it.
    public var isBornInArchive = false
    /// What it returned; nil where no row tells it.
    public var exitCode: Int64?
    /// The signal that ended it; nil where no row tells of one.
    public var signal: Int64?
    /// Whether the kernel chose it to be killed since memory ran out.
    public var isOutOfMemory = false

    /// How it ended, in a word, where that was not in order; nil where it was, or where no row tells.
    public var failure: String? {
        if isOutOfMemory { return "OOM" }
        if let signal { return ErrorWords.signal(signal) }
        return exitCode.flatMap { $0 == 0 ? nil : "exit code \($0)" }
    }

    /// `comm[pid]`, safe for a terminal.
    public var name: String { "\(TerminalText.escape(comm, limit: 40))[\(pid)]" }
}

/// The processes that had one pid, told apart by their starts.
struct ProcessLives {
    /// Start times of one process differ by less, where the clock is set meanwhile; a pid does not come back that soon.
    private static let toleranceUs: Int64 = 10_000
    /// Lives that are told apart; more are taken for the last of them.
    private static let most = 4096

    let pid: Int64
    /// In the order of their starts.
    private(set) var lives: [ProcessLife] = []

    init(pid: Int64) {
        self.pid = pid
    }

    /// What tells of lives.
    static func filter(_ pid: Int64) -> String {
        "(pid = \(pid) and kind in (process_existing, process_exec, process_exit, signal_death, oom_kill))"
            + " or (child_pid = \(pid) and kind = process_fork)"
    }

    static let columns = [
        "ts", "kind", "pid", "comm", "start_ts", "child_pid", "child_start_ts", "exe", "args", "pod", "namespace",
        "agg_count", "exit_code", "signal",
    ]

    /// Takes in a row, in the order of time.
    mutating func add(_ row: StoryRow) {
        if row.int("agg_count") != nil { return }
        let isFork = row.kind == "process_fork"
        guard let start = row.time(isFork ? "child_start_ts" : "start_ts") else { return }
        let place = place(of: start)
        if isFork || row.kind == "process_exec" { lives[place].isBornInArchive = true }
        if let comm = row.text("comm"), !isFork || lives[place].comm.isEmpty { lives[place].comm = comm }
        if isFork { return }
        if let command = row.text("args") ?? row.text("exe") { lives[place].command = command }
        if let pod = row.text("pod") { lives[place].pod = (row.text("namespace").map { $0 + "/" } ?? "") + pod }
        if row.kind == "oom_kill" { lives[place].isOutOfMemory = true }
        if let signal = row.int("signal"), signal > 0 { lives[place].signal = signal }
        if row.kind == "process_exit" {
            lives[place].endUs = row.timeUs
            lives[place].exitCode = row.int("exit_code")
        }
    }

    private mutating func place(of start: Int64) -> Int {
        if let known = lives.firstIndex(where: { (($0.startUs ?? .min) &- start).magnitude <= UInt64(Self.toleranceUs) }
        ) {
            return known
        }
        guard lives.count < Self.most else { return lives.count - 1 }
        let place = lives.firstIndex { ($0.startUs ?? .min) > start } ?? lives.count
        lives.insert(ProcessLife(pid: pid, startUs: start), at: place)
        return place
    }

    /// The one that had the number at a time, or the last; nil where nothing tells of one.
    func life(atUs time: Int64?) -> ProcessLife? {
        guard let time else { return lives.last }
        let found = lives.last { ($0.startUs ?? .min) <= time &+ Self.toleranceUs }
        // Who had ended by then did not have it any more.
        if let end = found?.endUs, end < time &- Self.toleranceUs { return nil }
        return found
    }

    /// The last one that started by a time, and the first that started after it.
    func around(_ time: Int64) -> (before: ProcessLife?, next: ProcessLife?) {
        (lives.last { ($0.startUs ?? .min) <= time }, lives.first { ($0.startUs ?? .min) > time })
    }

    /// When the number was this life's: until the next one's start, since nothing else can have had it.
    func range(of life: ProcessLife) -> StoryRange {
        guard let start = life.startUs else { return StoryRange() }
        let next = lives.first { ($0.startUs ?? .min) > start &+ Self.toleranceUs }?.startUs
        func ns(_ us: Int64) -> Int64 { (us &- 1000).multipliedReportingOverflow(by: 1000).partialValue }
        return StoryRange(sinceNs: ns(start), untilNs: next.map(ns))
    }
}
