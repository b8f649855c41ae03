import TapioArchive
import TapioBPF
import TapioEvents

/// The table `process`: which program a process was, from when to when, and who started it. A row for each program that a
/// process runs, from its exec (or its fork, or its start before the agent) to the next exec or its end.
///
/// A process is known by its pid and its start, so that a pid that is used again is another process.
struct ProcessFacts {
    /// Processes that are known at a time. One beyond is told of without its end.
    static let mostLive = 16_384
    /// For how long after its end a process is still the one that its pid names: its files are closed then.
    static let lingerNs: Int64 = 1_000_000_000
    /// Rows that can wait to be taken.
    static let mostRows = 32_768

    private struct Life {
        var pid: UInt32
        var startNs: Int64
        var sinceNs: Int64
        var ppid: UInt32
        var uid: UInt32
        var cgroup: UInt64
        var comm: [UInt8]
        var exe = ""
        var args = ""
        var cwd = ""
        var ancestors: [String] = []
        /// With `ppid` the parent's identity; nil where not known.
        var parentStartNs: Int64?
        /// Its begin as it is in the table without its end, UTC microseconds since 1970: with the end it has to have the same,
        /// whatever the clock says then. Nil where it is not there.
        var toldFromUs: Int64?
    }

    private let bootID: String
    private let clock: @Sendable () -> ClockOffset
    private var live: [UInt32: Life] = [:]
    private var ended = RecentEnds()
    private var rows = WaitingRows<(life: Life, endNs: Int64?)>(most: mostRows)
    /// Processes that were too many to be known until they end.
    private(set) var forgotten: UInt64 = 0

    /// - Parameter clock: What makes boot time UTC now.
    init(bootID: String, clock: @escaping @Sendable () -> ClockOffset) {
        self.bootID = bootID
        self.clock = clock
    }

    /// Rows that wait to be taken.
    var rowCount: Int { rows.count }

    /// Rows that found no place.
    var refused: UInt64 { rows.refused }

    /// Processes that are known now.
    var liveCount: Int { live.count }

    /// Takes in what a record told. They come in the order of each CPU and lane: a fork may be read after the child's exec, and
    /// even after its end. Then it is left out.
    mutating func note(_ seen: SeenProcess) {
        switch seen.kind {
        case TAPIO_KIND_PROCESS_EXEC: noteProgram(seen, sinceNs: seen.time(\tapio_header.time_ns))
        case TAPIO_KIND_PROCESS_EXISTING: noteProgram(seen, sinceNs: seen.time(\tapio_process_exec.start_ns))
        case TAPIO_KIND_PROCESS_FORK: noteFork(seen)
        case TAPIO_KIND_PROCESS_EXIT: noteExit(seen)
        default: break
        }
    }

    /// The rows that are new: of what has ended, and, once, of what lives on.
    mutating func take() -> [FactRow] {
        let clock = clock()
        for (pid, life) in live where life.toldFromUs == nil {
            live[pid]?.toldFromUs = clock.utcMicroseconds(boot: life.sinceNs)
            tell(life, to: nil)
        }
        return rows.take().map { row($0.life, $0.endNs, clock) }
    }

    // MARK: - Parts

    /// Processes that have ended of late, the last of each pid: 4096 to 8192 of them.
    private struct RecentEnds {
        private static let generation = 4096
        private var newer: [UInt32: Int64] = [:]
        private var older: [UInt32: Int64] = [:]

        mutating func note(_ pid: UInt32, startNs: Int64) {
            if newer.count >= Self.generation {
                older = newer
                newer = [:]
            }
            newer[pid] = max(startNs, newer[pid] ?? startNs)
        }

        /// Whether this process, or a later one of its pid, has ended.
        func contains(_ pid: UInt32, startNs: Int64) -> Bool {
            max(newer[pid] ?? .min, older[pid] ?? .min) >= startNs
        }
    }

    private func life(_ seen: SeenProcess, startNs: Int64, sinceNs: Int64) -> Life {
        Life(
            pid: seen.uint32(\tapio_header.pid),
            startNs: startNs,
            sinceNs: sinceNs,
            ppid: seen.uint32(\tapio_header.ppid),
            uid: seen.uint32(\tapio_header.uid),
            cgroup: seen.uint64(\tapio_header.cgroup_id),
            comm: seen.comm
        )
    }

    private mutating func noteProgram(_ seen: SeenProcess, sinceNs: Int64) {
        var new = life(seen, startNs: seen.time(\tapio_process_exec.start_ns), sinceNs: sinceNs)
        func text(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }
        new.exe = text(seen.bytes(\.exe))
        new.args = text(TextList.commandLine.text(seen.bytes(\.args)))
        let cwd = seen.bytes(\.cwd)
        new.cwd = cwd.isEmpty ? "" : text(TextList.directory.text(cwd))
        new.parentStartNs = seen.time(\tapio_process_exec.parent_start_ns)
        new.ancestors = TextList.ancestors(seen.bytes(\.ancestors)).map(text)
        begin(new)
    }

    /// A child is what its parent is, until it execs.
    private mutating func noteFork(_ seen: SeenProcess) {
        let startNs = seen.time(\tapio_process_fork.child_start_ns)
        var child = life(seen, startNs: startNs, sinceNs: startNs)
        let parent = live[child.pid]
        child.ppid = child.pid
        child.pid = seen.uint32(\tapio_process_fork.child_pid)
        if let known = live[child.pid], known.startNs >= startNs { return }
        if ended.contains(child.pid, startNs: startNs) { return }
        let name = String(decoding: TextList.ancestor(child.comm, pid: child.ppid), as: UTF8.self)
        child.ancestors = Array(([name] + (parent?.ancestors ?? [])).prefix(Int(TAPIO_ANCESTORS)))
        if let parent {
            (child.exe, child.args, child.cwd) = (parent.exe, parent.args, parent.cwd)
            child.parentStartNs = parent.startNs
        }
        begin(child)
    }

    private mutating func noteExit(_ seen: SeenProcess) {
        let startNs = seen.time(\tapio_process_exit.start_ns)
        let endNs = seen.time(\tapio_header.time_ns)
        let pid = seen.uint32(\tapio_header.pid)
        ended.note(pid, startNs: startNs)
        if let known = live[pid], known.startNs == startNs {
            live[pid] = nil
            tell(known, to: endNs + Self.lingerNs)
        } else if live[pid] == nil {
            // What it was nobody saw.
            tell(life(seen, startNs: startNs, sinceNs: startNs), to: endNs + Self.lingerNs)
        }
    }

    private mutating func begin(_ new: Life) {
        if let old = live.removeValue(forKey: new.pid) {
            // The same process that is another program now; or one whose end nobody saw.
            tell(old, to: old.startNs == new.startNs ? new.sinceNs : new.startNs)
        }
        guard live.count < Self.mostLive else {
            forgotten += 1
            tell(new, to: nil)
            return
        }
        live[new.pid] = new
    }

    private mutating func tell(_ life: Life, to endNs: Int64?) {
        rows.append((life, endNs))
    }

    private func row(_ life: Life, _ endNs: Int64?, _ clock: ClockOffset) -> FactRow {
        let utcUs = { clock.utcMicroseconds(boot: $0) }
        let comm = String(decoding: life.comm, as: UTF8.self)
        return FactRow(
            .process,
            from: life.toldFromUs ?? utcUs(life.sinceNs),
            to: endNs.map(utcUs),
            [
                .text(bootID), .integer(Int64(life.pid)), .integer(utcUs(life.startNs)),
                .integer(Int64(life.ppid)), .optional(comm), .optional(life.exe), .optional(life.args),
                .optional(life.cwd), life.uid == .max ? .null : .integer(Int64(life.uid)),
                .integer(Int64(bitPattern: life.cgroup)), .optional(life.ancestors.joined(separator: " < ")),
                life.parentStartNs.map { .integer(utcUs($0)) } ?? .null,
            ]
        )
    }
}
