import TapioEvents
import Testing

@testable import TapioQuery

@Suite("A timeline") struct TimelineTests {
    private typealias Story = StoryFixture

    /// The kinds of the entries with their seconds, gaps as `gap`.
    private func entries(
        _ subject: String,
        _ rows: [Row],
        range: StoryRange = StoryRange(),
        kinds: [String] = []
    ) throws -> [String] {
        let archive = Story.archive(rows)
        let timeline = try Timeline(try Subject(subject, nowNs: 0), in: archive, range: range, kinds: kinds)
        var entries: [String] = []
        _ = try timeline.forEach { entry in
            func seconds(_ us: Int64) -> String { HumanUnits.decimal(Double(us - Story.baseUs) / 1e6) }
            switch entry {
            case .event(let row): entries.append("\(row.kind) \(seconds(row.timeUs))")
            case .gap(let gap): entries.append("gap \(seconds(gap.fromUs))")
            }
            return true
        }
        return entries
    }

    @Test("has all kinds in the order of time, with what others did to the process")
    func kinds() throws {
        let rows =
            Story.life(10, "api", from: 1, to: 9) + [
                Story.row("process_fork", 1, pid: 1, ["child_pid": .int(10), "child_start_ts": Story.time(1)]),
                Story.row("tcp_connect", 5, pid: 10), Story.row("tcp_connect", 6, pid: 11),
                Story.row("signal_sent", 8, pid: 99, ["target_pid": .int(10), "signal": .int(15)]),
            ]
        #expect(
            try entries("10", rows) == [
                "process_exec 1", "process_fork 1", "tcp_connect 5", "signal_sent 8", "process_exit 9",
            ]
        )
        #expect(try entries("10", rows, kinds: ["tcp_connect", "signal_sent"]) == ["tcp_connect 5", "signal_sent 8"])
    }

    @Test("a pid that was given again is one process only, and the note names the other")
    func reuse() throws {
        let rows =
            Story.life(10, "old", from: 1, to: 3) + Story.life(10, "new", from: 5, to: 7)
            + [Story.row("tcp_connect", 2, pid: 10), Story.row("tcp_connect", 6, pid: 10)]
        #expect(try entries("10", rows) == ["process_exec 5", "tcp_connect 6", "process_exit 7"])
        #expect(try entries("10@2026-01-01T00:00:02Z", rows) == ["process_exec 1", "tcp_connect 2", "process_exit 3"])
        let scope = try SubjectScope(.process(pid: 10, atUs: nil), in: Story.archive(rows), range: StoryRange())
        #expect(scope.life?.comm == "new")
        #expect(scope.note?.contains("old") == true)
    }

    @Test("of many that had a pid, those that did not end in order are named first, and how many are not named")
    func manyOthers() throws {
        var rows = (0..<8).flatMap {
            Story.life(10, "p\($0)", from: Double($0) * 10 + 1, to: Double($0) * 10 + 3, code: $0 == 1 ? 3 : 0)
        }
        rows.append(Story.row("oom_kill", 22, pid: 10, ["start_ts": Story.time(21), "comm": .string("p2")]))
        let scope = try SubjectScope(.process(pid: 10, atUs: nil), in: Story.archive(rows), range: StoryRange())
        let note = try #require(scope.note)
        #expect(note.contains("was 8 processes in that time; this is about p7[10]; others: "), "\(note)")
        #expect(note.contains("others: 10@2026-01-01T00:00:11.000000Z (p1, exit code 3), "), "\(note)")
        #expect(note.contains("(p2, OOM), 10@2026-01-01T00:00:41.000000Z (p4), "), "\(note)")
        #expect(note.hasSuffix("(p6), and 2 more"), "\(note)")
    }

    @Test("a time at which no process had the pid is refused, with the ones before and after")
    func nobodyThen() throws {
        let rows = Story.life(10, "old", from: 11, to: 13) + Story.life(10, "new", from: 15, to: 17)
        func refusal(_ seconds: Int) -> String? {
            do {
                _ = try entries("10@2026-01-01T00:00:\(seconds)Z", rows)
                return nil
            } catch {
                return "\(error)"
            }
        }
        let next = "the next is 10@2026-01-01T00:00:15.000000Z (new)"
        let before = "the one before is 10@2026-01-01T00:00:11.000000Z (old), which ended 2026-01-01T00:00:13.000000Z"
        let nobody = "no process is known to have had pid 10 at 2026-01-01T00:00"
        #expect(refusal(14) == "\(nobody):14.000000Z; \(next); \(before)")
        #expect(refusal(10)?.hasSuffix("; the next is 10@2026-01-01T00:00:11.000000Z (old)") == true)
        #expect(refusal(18)?.contains("; the one before is 10@2026-01-01T00:00:15.000000Z (new)") == true)
        for second in [11, 12, 13, 16] { #expect(refusal(second) == nil) }
    }

    @Test("who is told that no process had the pid then learns what could not be read")
    func nobodyThenInDamage() throws {
        let rows = Story.life(10, "old", from: 11, to: 13)
        let whole = Story.archive(rows)
        let broken = SegmentSource(name: "y.parquet", byteCount: 100) { _ in throw MemoryGroup.Broken() }
        let archive = StoryArchive(
            engine: QueryEngine(segments: whole.engine.segments + [broken]),
            schema: whole.schema
        )
        func refusal(_ archive: StoryArchive) throws -> NoSuchLife? {
            do {
                _ = try Timeline(.process(pid: 10, atUs: Story.us(14)), in: archive, range: StoryRange())
                return nil
            } catch let error as NoSuchLife {
                return error
            }
        }
        #expect(try refusal(whole)?.summary.exitCode == 0)
        let refused = try #require(try refusal(archive))
        #expect(refused.summary.exitCode == 3)
        #expect(refused.summary.damage.map(\.place) == ["y.parquet"])
    }

    @Test("gaps stand where they lie, though the ledger wrote them later, and only those of the kinds asked for")
    func gaps() throws {
        let rows =
            [Story.row("tcp_connect", 1, pid: 10), Story.row("tcp_connect", 5, pid: 10)] + [
                Story.gap("tcp_connect", from: 2, to: 3, count: 7, writtenAt: 60),
                Story.gap("block_io", from: 3, to: 4, count: 1, writtenAt: 60),
                Story.gap(nil, from: 20, to: 21, count: 0, writtenAt: 60),
            ]
        #expect(
            try entries("10", rows, kinds: ["tcp_connect"]) == ["tcp_connect 1", "gap 2", "tcp_connect 5", "gap 20"]
        )
        #expect(try entries("10", rows) == ["tcp_connect 1", "gap 2", "gap 3", "tcp_connect 5", "gap 20"])
        let range = StoryRange(untilNs: Story.us(2.5) * 1000)
        #expect(try entries("10", rows, range: range) == ["tcp_connect 1", "gap 2"])
    }

    @Test("a time without an agent is a gap, and one of two nodes is not told by the other's start")
    func absence() throws {
        func ledger(_ entry: String, _ at: Double) -> Row {
            Story.row(
                "_ledger",
                at,
                ["ledger_entry": .string(entry), "ledger_from": Story.time(at), "ledger_to": Story.time(at)]
            )
        }
        let rows = [
            ledger("start", 0), Story.row("tcp_connect", 1, pid: 10), ledger("stop", 2), ledger("start", 8),
            Story.row("tcp_connect", 9, pid: 10),
        ]
        #expect(try entries("comm=x", rows) == ["gap 2"])
        let gaps = try StoryGaps.read(Story.archive(rows, nodes: ["a", "b"]), in: StoryRange())
        #expect(gaps.gaps.isEmpty)
    }

    @Test("signals from outside to a pod's processes are there, those to another that had the pid are not")
    func pod() throws {
        let names: Row = ["pod": .string("api-1"), "namespace": .string("default")]
        let rows =
            Story.life(10, "api", from: 1, to: 9).map { $0.merging(names) { $1 } } + [
                Story.row("signal_sent", 8, pid: 99, ["target_pid": .int(10), "target_start_ts": Story.time(1)]),
                Story.row("signal_sent", 8.5, pid: 99, ["target_pid": .int(10), "target_start_ts": Story.time(0)]),
                Story.row("signal_sent", 8.6, pid: 99, ["target_pid": .int(12)]),
            ]
        #expect(try entries("default/api-*", rows) == ["process_exec 1", "signal_sent 8", "process_exit 9"])
    }

    @Test("an address is found at both ends and in what name servers answered, and no longer address is")
    func address() throws {
        let rows = [
            Story.row("dns_query", 1, pid: 10, ["dns_answers": .string("A 10.0.0.7 60")]),
            Story.row("dns_query", 1.5, pid: 10, ["dns_answers": .string("A 10.0.0.77 60, A 110.0.0.7 60")]),
            Story.row("tcp_connect", 2, pid: 10, ["dst_addr": .string("10.0.0.7"), "dst_port": .int(80)]),
            Story.row("tcp_connect", 3, pid: 10, ["src_addr": .string("10.0.0.7"), "src_port": .int(81)]),
            Story.row("tcp_connect", 4, pid: 10, ["dst_addr": .string("10.0.0.8"), "dst_port": .int(80)]),
        ]
        #expect(try entries("10.0.0.7", rows) == ["dns_query 1", "tcp_connect 2", "tcp_connect 3"])
        #expect(try entries("10.0.0.7:80", rows) == ["tcp_connect 2"])
    }

    @Test("a pid of an archive of two nodes is refused: it is two processes")
    func nodes() {
        let archive = Story.archive([Story.row("tcp_connect", 1, pid: 10)], nodes: ["a", "b"])
        #expect(throws: QueryError.self) {
            try Timeline(.process(pid: 10, atUs: nil), in: archive, range: StoryRange())
        }
    }
}
