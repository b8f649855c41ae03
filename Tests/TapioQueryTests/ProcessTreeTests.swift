import TapioEvents
import Testing

@testable import TapioQuery

@Suite("The process tree of a moment") struct ProcessTreeTests {
    private typealias Story = StoryFixture

    private func existing(_ pid: Int64, _ comm: String, ppid: Int64, start: Double, at: Double = 0.1) -> Row {
        Story.row(
            "process_existing",
            at,
            pid: pid,
            ["comm": .string(comm), "ppid": .int(ppid), "start_ts": Story.time(start), "args": .string(comm)]
        )
    }

    private func fork(_ parent: Int64, _ child: Int64, _ at: Double) -> Row {
        let values: Row = ["child_pid": .int(child), "child_start_ts": Story.time(at), "comm": .string("p\(parent)")]
        return Story.row("process_fork", at, pid: parent, values)
    }

    private func tree(_ rows: [Row], at: Double? = nil, since: Double? = nil, pid: Int64? = nil) throws -> [String] {
        var tree = try ProcessTree(
            Story.archive(rows),
            atUs: at.map(Story.us),
            endedSinceUs: since.map(Story.us)
        )
        if let pid {
            let isThere = tree.keep(pid: pid)
            #expect(isThere)
        }
        var lines: [String] = []
        for step in tree.walk {
            let node = step.node
            let end = node.endUs == nil ? "" : " exit \(node.exitCode ?? -1)"
            lines.append(String(repeating: " ", count: step.depth) + "\(node.comm)[\(node.pid)]\(end)")
        }
        return lines
    }

    private var rows: [Row] {
        [
            existing(1, "init", ppid: 0, start: -100), existing(20, "sh", ppid: 1, start: -50),
            fork(20, 30, 1),
            Story.row(
                "process_exec",
                1.1,
                pid: 30,
                ["comm": .string("make"), "ppid": .int(20), "start_ts": Story.time(1)]
            ),
            fork(30, 31, 2),
            Story.row(
                "process_exit",
                3,
                pid: 31,
                ["comm": .string("p30"), "ppid": .int(30), "start_ts": Story.time(2), "exit_code": .int(7)]
            ),
            Story.row(
                "process_exit",
                4,
                pid: 30,
                ["comm": .string("make"), "ppid": .int(20), "start_ts": Story.time(1), "exit_code": .int(2)]
            ),
        ]
    }

    @Test("has those that ran then, each below its parent")
    func moments() throws {
        #expect(try tree(rows, at: 0.5) == ["init[1]", " sh[20]"])
        #expect(try tree(rows, at: 2.5) == ["init[1]", " sh[20]", "  make[30]", "   p30[31]"])
        #expect(try tree(rows, at: 3.5) == ["init[1]", " sh[20]", "  make[30]"])
        #expect(try tree(rows) == ["init[1]", " sh[20]"])
    }

    @Test("has those that ended where they are asked for, with what they returned")
    func ended() throws {
        #expect(try tree(rows, since: 0) == ["init[1]", " sh[20]", "  make[30] exit 2", "   p30[31] exit 7"])
        #expect(try tree(rows, since: 3.5) == ["init[1]", " sh[20]", "  make[30] exit 2"])
    }

    @Test("one process is kept with its ancestors and descendants")
    func one() throws {
        let more = rows + [existing(40, "cron", ppid: 1, start: -40)]
        #expect(try tree(more, at: 2.5, pid: 30) == ["init[1]", " sh[20]", "  make[30]", "   p30[31]"])
        #expect(try tree(more, at: 2.5, pid: 40) == ["init[1]", " cron[40]"])
    }

    @Test("an orphan stands at the left: who took it in, no row tells")
    func orphan() throws {
        let rows =
            [existing(1, "init", ppid: 0, start: -100), existing(20, "sh", ppid: 1, start: -50), fork(20, 30, 1)] + [
                Story.row(
                    "process_exit",
                    2,
                    pid: 20,
                    ["comm": .string("sh"), "start_ts": Story.time(-50), "exit_code": .int(0)]
                )
            ]
        #expect(try tree(rows) == ["init[1]", "p20[30]"])
    }

    @Test("only the agent's last run before the moment counts: who was there then was told anew")
    func runs() throws {
        func start(_ at: Double) -> Row {
            Story.row(
                "_ledger",
                at,
                ["ledger_entry": .string("start"), "ledger_from": Story.time(at), "ledger_to": Story.time(at)]
            )
        }
        let rows = [
            start(0), existing(1, "init", ppid: 0, start: -100), existing(20, "gone", ppid: 1, start: -50), start(10),
            existing(1, "init", ppid: 0, start: -100, at: 10.1), existing(21, "new", ppid: 1, start: 5, at: 10.1),
        ]
        #expect(try tree(rows, at: 5) == ["init[1]", " gone[20]"])
        #expect(try tree(rows) == ["init[1]", " new[21]"])
    }

    @Test("a hundred thousand lives of one pid each have the children that began in their time")
    func manyLives() {
        let lives = 100_000
        var nodes: [ProcessTree.Node] = []
        for life in 0..<lives {
            let startUs = Int64(life) * 10
            // Each says that the one before it, of its own number, was its parent.
            nodes.append(.init(pid: 7, parentPid: 7, startUs: startUs, comm: "again"))
            nodes.append(.init(pid: 1_000_000 + Int64(life), parentPid: 7, startUs: startUs + 5, comm: "child"))
        }
        let roots = ProcessTree.link(&nodes)
        #expect(roots == [0])
        let strangers = nodes.indices.dropFirst().filter { nodes[$0].parent != ($0 % 2 == 0 ? $0 - 2 : $0 - 1) }
        #expect(strangers.isEmpty, "\(strangers.prefix(5))")
        #expect(nodes[0].children == [1, 2] && nodes[lives].children == [lives + 1, lives + 2])
        #expect(nodes[2 * lives - 2].children == [2 * lives - 1])
    }

    @Test("of lives that began at one time the last counts; who has no start may be a child, and makes no circle")
    func ties() {
        func node(_ pid: Int64, _ parentPid: Int64, _ startUs: Int64?) -> ProcessTree.Node {
            .init(pid: pid, parentPid: parentPid, startUs: startUs, comm: "")
        }
        var nodes = [node(5, 6, nil), node(6, 5, nil), node(7, 0, 10), node(7, 0, 10), node(8, 7, 10), node(9, 7, 9)]
        nodes.sort { ($0.startUs ?? .min, $0.pid) < ($1.startUs ?? .min, $1.pid) }
        let roots = ProcessTree.link(&nodes)
        // 5, 6, 9, 7, 7, 8.
        #expect(roots == [0, 2, 3, 4])
        #expect(nodes.map(\.parent) == [nil, 0, nil, nil, nil, 4])
    }

    @Test("a pid that is given again is a new process, not a child of its own")
    func reuse() throws {
        let rows =
            [existing(1, "init", ppid: 0, start: -100)] + Story.life(20, "old", from: 1, to: 2)
            + [fork(1, 20, 3)]
        #expect(try tree(rows) == ["init[1]", " p1[20]"])
        #expect(try tree(rows, since: 0) == ["init[1]", " old[20] exit 0", " p1[20]"])
    }

    @Test("a deep tree is walked like another, and the last of their siblings are known")
    func deep() throws {
        let rows = (1...300).map { existing($0, "p", ppid: $0 - 1, start: Double($0)) }
        let sibling = existing(1000, "sibling", ppid: 2, start: 1000)
        var tree = try ProcessTree(Story.archive(rows + [sibling]), atUs: nil, endedSinceUs: nil)
        let steps = Array(tree.walk)
        #expect(steps.map(\.depth) == Array(0..<300) + [2])
        #expect(steps.map(\.isLast) == (0..<301).map { $0 != 2 })
        #expect((0..<64).map { steps[299].isLast(at: $0) } == (0..<64).map { $0 != 2 })
        let isKept = tree.keep { $0.pid == 100 || $0.pid == 200 || $0.comm == "sibling" }
        #expect(isKept)
        #expect(tree.walk.map(\.node.pid) == Array(100...300) + [1000])
        #expect(tree.walk.first { $0.node.pid == 200 }?.depth == 100)
    }

    @Test("rows that lie end no walk in a circle")
    func circle() throws {
        let rows = [
            existing(5, "a", ppid: 6, start: 1), existing(6, "b", ppid: 5, start: 1),
            existing(7, "c", ppid: 7, start: 1),
        ]
        #expect(try tree(rows).count <= 3)
    }

    @Test("summaries name no process, and are counted")
    func summaries() throws {
        let tree = try ProcessTree(
            Story.archive(rows + [Story.row("process_exec", 2, ["agg_count": .int(12), "weight": .double(12)])]),
            atUs: nil,
            endedSinceUs: nil
        )
        #expect(tree.summaries == 12)
        #expect(tree.nodes.count == 2)
    }

    @Test("of several nodes there is no tree")
    func nodes() {
        #expect(throws: QueryError.self) {
            try ProcessTree(Story.archive(rows, nodes: ["a", "b"]), atUs: nil, endedSinceUs: nil)
        }
    }
}
