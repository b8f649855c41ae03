import Synchronization
import TapioArchive
import TapioBPF
import TapioEvents
import Testing

@testable import TapioAgent

@Suite("The table of processes") final class ProcessFactsTests {
    private var facts = ProcessFacts(bootID: "boot", clock: { ClockOffset(utcMinusBootNs: 0) })

    /// A row as the tests look at it.
    private struct Row: Equatable {
        var pid: Int64
        var from: Int64
        var to: Int64?
        var exe: String?
        var ancestry: String?
    }

    private func take() -> [Row] {
        facts.take().map { row in
            func integer(_ place: Int) -> Int64? {
                if case .integer(let number) = row.values[place] { number } else { nil }
            }
            func text(_ place: Int) -> String? {
                if case .text(let text) = row.values[place] { text } else { nil }
            }
            #expect(row.table == .process && row.values.count == FactTable.process.columns.count)
            return Row(pid: integer(3)!, from: integer(0)!, to: integer(1), exe: text(7), ancestry: text(12))
        }.sorted { ($0.pid, $0.from) < ($1.pid, $1.from) }
    }

    private func header(_ kind: Int, _ pid: UInt32, _ ms: UInt64, ppid: UInt32, comm: String) -> tapio_header {
        var header = tapio_header()
        header.kind = UInt8(kind)
        header.pid = pid
        header.ppid = ppid
        header.time_ns = ms * 1_000_000
        withUnsafeMutableBytes(of: &header.comm) { $0.copyBytes(from: comm.utf8) }
        return header
    }

    private func seen<Record: BitwiseCopyable>(_ record: Record, _ rest: [UInt8] = []) -> SeenProcess {
        let bytes = withUnsafeBytes(of: record) { Array($0) } + rest
        return bytes.withUnsafeBytes { SeenProcess($0.bytes) }
    }

    private func exec(
        _ pid: UInt32,
        startMs: UInt64,
        _ ms: UInt64,
        exe: String,
        args: String = "",
        parent: (pid: UInt32, name: String)? = nil,
        kind: Int = TAPIO_KIND_PROCESS_EXEC
    ) {
        var record = tapio_process_exec()
        record.header = header(kind, pid, ms, ppid: parent?.pid ?? 1, comm: "x")
        record.start_ns = startMs * 1_000_000
        var rest: [UInt8] = []
        func append(_ bytes: some Collection<UInt8>) -> tapio_string {
            defer { rest += bytes }
            let offset = MemoryLayout<tapio_process_exec>.size + rest.count
            return tapio_string(offset: UInt16(offset), length: UInt16(bytes.count))
        }
        if let parent {
            var ancestor = tapio_ancestor()
            ancestor.pid = parent.pid
            withUnsafeMutableBytes(of: &ancestor.comm) { $0.copyBytes(from: parent.name.utf8) }
            record.ancestors = withUnsafeBytes(of: ancestor) { append(Array($0)) }
        }
        record.exe = append(exe.utf8)
        record.args = append(args.utf8)
        facts.note(seen(record, rest))
    }

    private func fork(_ pid: UInt32, _ comm: String, child: UInt32, startMs: UInt64) {
        var record = tapio_process_fork()
        record.header = header(TAPIO_KIND_PROCESS_FORK, pid, startMs, ppid: 1, comm: comm)
        record.child_pid = child
        record.child_start_ns = startMs * 1_000_000
        facts.note(seen(record))
    }

    private func exit(_ pid: UInt32, startMs: UInt64, _ ms: UInt64) {
        var record = tapio_process_exit()
        record.header = header(TAPIO_KIND_PROCESS_EXIT, pid, ms, ppid: 1, comm: "x")
        record.start_ns = startMs * 1_000_000
        facts.note(seen(record))
    }

    @Test("one row for each program that a process runs, from exec to exec and to a second after its end")
    func life() {
        fork(10, "sh", child: 20, startMs: 5)
        exec(20, startMs: 5, 6, exe: "/bin/env", parent: (10, "sh"))
        exec(20, startMs: 5, 7, exe: "/bin/true", parent: (10, "sh"))
        exit(20, startMs: 5, 8)
        #expect(
            take() == [
                Row(pid: 20, from: 5_000, to: 6_000, exe: nil, ancestry: "sh[10]"),
                Row(pid: 20, from: 6_000, to: 7_000, exe: "/bin/env", ancestry: "sh[10]"),
                Row(pid: 20, from: 7_000, to: 1_008_000, exe: "/bin/true", ancestry: "sh[10]"),
            ]
        )
        #expect(take() == [] && facts.liveCount == 0)
    }

    @Test("what lives on is told once without its end, and again when it has one")
    func longLife() {
        exec(20, startMs: 5, 5, exe: "/bin/daemon", kind: TAPIO_KIND_PROCESS_EXISTING)
        let row = Row(pid: 20, from: 5_000, to: nil, exe: "/bin/daemon", ancestry: nil)
        #expect(take() == [row])
        #expect(take() == [])
        exit(20, startMs: 5, 90)
        #expect(take() == [Row(pid: 20, from: 5_000, to: 1_090_000, exe: "/bin/daemon", ancestry: nil)])
    }

    @Test("a row has the same begin with its end as it had without, though the clock was set in between")
    func steadyBegin() {
        let offset = Mutex<Int64>(0)
        facts = ProcessFacts(bootID: "boot") { ClockOffset(utcMinusBootNs: offset.withLock { $0 }) }
        exec(20, startMs: 5, 5, exe: "/bin/daemon")
        let before = take()
        offset.withLock { $0 = -3_000 }
        exit(20, startMs: 5, 90)
        #expect(before.map(\.from) == [5_000] && take().map(\.from) == [5_000])
    }

    @Test("a child is what its parent is until it execs, and descends from it and its ancestors")
    func fork() {
        exec(20, startMs: 5, 6, exe: "/bin/sh", parent: (10, "init"))
        fork(20, "sh 2", child: 30, startMs: 7)
        exit(30, startMs: 7, 9)
        let rows = take()
        #expect(
            rows.last == Row(pid: 30, from: 7_000, to: 1_009_000, exe: "/bin/sh", ancestry: "'sh 2'[20] < init[10]")
        )
        #expect(rows.first?.to == nil)
    }

    @Test("the parent is named by its start as well, so that a chain can be followed whatever pids are used again")
    func parents() throws {
        exec(20, startMs: 5, 6, exe: "/bin/sh")
        fork(20, "sh", child: 30, startMs: 7)
        fork(99, "unknown", child: 31, startMs: 8)
        let rows = facts.take()
        let place = FactTable.process.columns.firstIndex { $0.name == "parent_start_ts" }!
        func parentStart(_ pid: Int64) -> DimensionValue? {
            rows.first { $0.values[3] == .integer(pid) }?.values[place]
        }
        #expect(parentStart(30) == .integer(5_000) && parentStart(31) == .null)
    }

    @Test("no more ancestors than eight, however deep it goes")
    func depth() {
        for level in 0..<20 { fork(UInt32(100 + level), "p", child: UInt32(101 + level), startMs: UInt64(level + 1)) }
        let deepest = take().last
        #expect(deepest?.ancestry == (112...119).reversed().map { "p[\($0)]" }.joined(separator: " < "))
    }

    @Test("a pid that is used again is another process, whether its end was seen or not")
    func reuse() {
        exec(20, startMs: 5, 6, exe: "/bin/old")
        exec(20, startMs: 50, 60, exe: "/bin/new")
        #expect(
            take() == [
                Row(pid: 20, from: 6_000, to: 50_000, exe: "/bin/old", ancestry: nil),
                Row(pid: 20, from: 60_000, to: nil, exe: "/bin/new", ancestry: nil),
            ]
        )
        // The end of the old one, read late from another CPU, is not that of the new one.
        exit(20, startMs: 5, 49)
        #expect(facts.liveCount == 1 && take() == [])
    }

    @Test("a fork that is read after the child's exec changes nothing")
    func swapped() {
        exec(20, startMs: 5, 6, exe: "/bin/true")
        fork(10, "sh", child: 20, startMs: 5)
        exit(20, startMs: 5, 7)
        #expect(take() == [Row(pid: 20, from: 6_000, to: 1_007_000, exe: "/bin/true", ancestry: nil)])
    }

    @Test("a fork that is read after the child's end, since it came by the other lane, begins nothing")
    func lateFork() {
        exec(20, startMs: 5, 6, exe: "/bin/true")
        exit(20, startMs: 5, 7)
        fork(10, "sh", child: 20, startMs: 5)
        #expect(facts.liveCount == 0 && take().count == 1)
        // The pid's next process is another.
        fork(10, "sh", child: 20, startMs: 9)
        #expect(facts.liveCount == 1)
    }

    @Test("an end of which nobody saw the begin is a row of its own")
    func unknownBegin() {
        exit(20, startMs: 5, 7)
        #expect(take() == [Row(pid: 20, from: 5_000, to: 1_007_000, exe: nil, ancestry: nil)])
    }

    @Test("of processes beyond the bound the begin is told, and they are counted; so are rows beyond theirs")
    func bounds() {
        for pid in 1...UInt32(ProcessFacts.mostLive + 3) { exec(pid, startMs: 1, 1, exe: "/x") }
        #expect(facts.liveCount == ProcessFacts.mostLive && facts.forgotten == 3)
        #expect(take().count == ProcessFacts.mostLive + 3)
        for pid in 1...UInt32(ProcessFacts.mostRows + 5) { exit(pid + 1_000_000, startMs: 1, 2) }
        #expect(facts.refused == 5 && take().count == ProcessFacts.mostRows)
    }

    @Test("text that reaches beyond what is copied is cut, and a lying string ends where the record does")
    func longText() {
        exec(20, startMs: 5, 6, exe: "/bin/true", args: String(repeating: "a", count: 4000) + "\0")
        var record = tapio_process_exec()
        record.header = header(TAPIO_KIND_PROCESS_EXEC, 21, 6, ppid: 1, comm: "x")
        record.exe = tapio_string(offset: 60_000, length: 60_000)
        facts.note(seen(record, [0x2f]))
        let rows = take()
        #expect(rows.map(\.exe) == ["/bin/true", nil])
    }
}
