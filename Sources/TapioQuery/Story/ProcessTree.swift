import TapioEvents

/// The processes of a moment, as the rows until then tell of them.
public struct ProcessTree: Sendable {
    /// A process.
    public struct Node: Sendable, Hashable {
        /// Its number.
        public var pid: Int64
        /// Its parent's, as last seen; 0 where nobody is known.
        public var parentPid: Int64
        /// Its start, UTC microseconds since 1970; nil where no row tells it.
        public var startUs: Int64?
        /// Its name.
        public var comm: String
        /// Its program.
        public var exe: String?
        /// Its arguments as one command line.
        public var args: String?
        /// Its pod as `namespace/name`.
        public var pod: String?
        /// The container that it is in.
        public var containerID: String?
        /// Its end; nil while it runs.
        public var endUs: Int64?
        /// What it returned.
        public var exitCode: Int64?
        /// The signal that ended it; 0 where none did.
        public var signal: Int64?
        /// Whether it is known from its fork only: it runs what its parent ran.
        public var isForked = false
        /// Places of its children in ``ProcessTree/nodes``, in the order of their starts.
        public internal(set) var children: [Int] = []
        /// Place of its parent; nil where that is not among the processes.
        public internal(set) var parent: Int?
    }

    /// The moment, UTC microseconds since 1970; nil where none was named and no row tells of a process.
    public let atUs: Int64?
    /// From when on the rows tell: the start of the agent's run, where the ledger has it.
    public let fromUs: Int64?
    /// The processes, those that had ended before only where they were asked for.
    public private(set) var nodes: [Node] = []
    /// Places of those without a parent among ``nodes``.
    public private(set) var roots: [Int] = []
    /// Processes that found no room.
    public private(set) var refused = 0
    /// Summaries of several processes' events, which name none of them.
    public private(set) var summaries: Int64 = 0
    /// What the archive does not tell of the time.
    public let gaps: [StoryGap]
    /// What the scan met.
    public private(set) var summary = ScanSummary()

    /// Processes that run, and as many that ended, that are held at most; of more, those that came first.
    public static let most = 200_000
    /// The kinds that it is made from.
    static let kinds = ["process_existing", "process_exec", "process_fork", "process_exit"]

    /// Reads the tree of a moment.
    ///
    /// - Parameters:
    ///   - atUs: The moment; nil: the last row's.
    ///   - sinceUs: Processes that ended from then on are kept; nil: none that ended.
    public init(_ archive: StoryArchive, atUs: Int64?, endedSinceUs: Int64?) throws {
        guard archive.nodes.count <= 1 else {
            let names = archive.nodes.prefix(5).map { "node=" + $0 }.joined(separator: ", ")
            throw QueryError(
                "a tree is of one node, and this archive is of several: name one with --archive (\(names))"
            )
        }
        let until = atUs.map { StoryRange(untilNs: ($0 &+ 1).multipliedReportingOverflow(by: 1000).partialValue) }
        var start: Int64?
        try archive.forEach(
            "kind = _ledger and ledger_entry = start",
            in: until ?? StoryRange(),
            columns: ["ts", "ledger_from"]
        ) { row in
            start = row.time("ledger_from") ?? start
            return true
        }
        var range = until ?? StoryRange()
        // A process that was there when the agent started is a row of that run: what was before is not needed.
        range.sinceNs = start.map { $0.multipliedReportingOverflow(by: 1000).partialValue }
        var table = ProcessTable(endedSinceUs: endedSinceUs)
        var last: Int64?
        summary = try archive.forEach(FilterText.kinds(Self.kinds), in: range, columns: Self.columns) { row in
            last = row.timeUs
            table.add(row)
            return true
        }
        self.atUs = atUs ?? last
        fromUs = start
        refused = table.refused
        summaries = table.summaries
        gaps = try StoryGaps.read(archive, in: range, kinds: Set(Self.kinds)).gaps
        nodes = table.nodes.sorted { ($0.startUs ?? .min, $0.pid) < ($1.startUs ?? .min, $1.pid) }
        roots = Self.link(&nodes)
    }

    static let columns = [
        "ts", "kind", "pid", "ppid", "comm", "start_ts", "parent_start_ts", "child_pid", "child_start_ts", "exe",
        "args",
        "pod", "namespace", "container_id", "exit_code", "signal", "agg_count",
    ]

    /// Makes children of parents: of those that had the parent's number, the last that started not after the child.
    /// O(n log n), however often a number was given again.
    ///
    /// - Parameter nodes: In the order of their starts, those of which it is not known first.
    /// - Returns: Places of those without a parent.
    static func link(_ nodes: inout [Node]) -> [Int] {
        let starts = nodes.map { $0.startUs ?? .min }
        var places: [Int64: [Int]] = [:]
        for place in nodes.indices { places[nodes[place].pid, default: []].append(place) }
        var roots: [Int] = []
        for place in nodes.indices {
            let candidates = places[nodes[place].parentPid] ?? []
            var count = started(candidates, by: nodes[place].startUs ?? .max, starts)
            // Nobody is the parent of itself.
            if count > 0, candidates[count - 1] == place { count -= 1 }
            // They are in the order of their starts: a parent comes first, so that there is no circle.
            guard count > 0, candidates[count - 1] < place else {
                roots.append(place)
                continue
            }
            let parent = candidates[count - 1]
            nodes[place].parent = parent
            nodes[parent].children.append(place)
        }
        return roots
    }

    /// How many of those, in the order of their starts, had started by then.
    private static func started(_ places: [Int], by limit: Int64, _ starts: [Int64]) -> Int {
        var low = 0
        var high = places.count
        while low < high {
            let middle = (low + high) / 2
            if starts[places[middle]] <= limit { low = middle + 1 } else { high = middle }
        }
        return low
    }

    /// Keeps one process with all that descends from it, and the line of its ancestors. False where there is none of that pid.
    public mutating func keep(pid: Int64) -> Bool {
        guard
            let place = nodes.lastIndex(where: { $0.pid == pid && $0.endUs == nil })
                ?? nodes.lastIndex(where: { $0.pid == pid })
        else { return false }
        var child = place
        while let parent = nodes[child].parent {
            nodes[parent].children = [child]
            child = parent
        }
        roots = [child]
        return true
    }

    /// Keeps the processes of which `isWanted` holds, and what descends from them. False where it holds of none.
    public mutating func keep(where isWanted: (Node) -> Bool) -> Bool {
        var kept: [Int] = []
        var isShown = [Bool](repeating: false, count: nodes.count)
        // A parent comes before its children.
        for place in nodes.indices {
            if let parent = nodes[place].parent, isShown[parent] {
                // Those below another one that is kept are shown there.
                isShown[place] = true
            } else if isWanted(nodes[place]) {
                isShown[place] = true
                kept.append(place)
            }
        }
        roots = kept
        return !kept.isEmpty
    }

    /// The processes from the roots on, parents before children.
    public var walk: Walk { Walk(self) }

    /// A process where it stands in the tree.
    public struct Step: Sendable {
        /// The process.
        public let node: Node
        /// How far below a root it is.
        public let depth: Int
        /// Whether it is the last of its siblings.
        public let isLast: Bool
        /// Bit n: whether the one at depth n on the way to it, itself the last, is the last of its siblings.
        let ends: UInt64

        /// The same of one on the way to it, by its depth: of the first 64.
        public func isLast(at depth: Int) -> Bool { ends >> depth & 1 == 1 }
    }

    /// Goes from process to process; what it holds of each that is to come does not grow with the depth.
    public struct Walk: Sequence, IteratorProtocol {
        private struct Pending {
            var place: Int
            var depth: Int
            var isLast: Bool
            var ends: UInt64
        }

        private let nodes: [Node]
        private var pending: [Pending] = []
        // A hostile archive may tell of a process that is its own ancestor: nobody is visited twice.
        private var seen: Set<Int> = []

        fileprivate init(_ tree: ProcessTree) {
            nodes = tree.nodes
            add(tree.roots, depth: 0, ends: 0)
        }

        private mutating func add(_ places: [Int], depth: Int, ends: UInt64) {
            for (index, place) in places.enumerated().reversed() {
                let isLast = index == places.count - 1
                // Nothing beyond the bits: such a shift gives 0.
                let bit: UInt64 = isLast ? 1 << depth : 0
                pending.append(Pending(place: place, depth: depth, isLast: isLast, ends: ends | bit))
            }
        }

        /// The next process; nil after the last.
        public mutating func next() -> Step? {
            while let step = pending.popLast() {
                guard seen.insert(step.place).inserted else { continue }
                let node = nodes[step.place]
                add(node.children, depth: step.depth + 1, ends: step.ends)
                return Step(node: node, depth: step.depth, isLast: step.isLast, ends: step.ends)
            }
            return nil
        }
    }

    /// The processes that run at a time, by the rows until then.
    private struct ProcessTable {
        private let endedSinceUs: Int64?
        private var running: [Int64: Node] = [:]
        private var ended: [Node] = []
        private(set) var refused = 0
        private(set) var summaries: Int64 = 0

        init(endedSinceUs: Int64?) {
            self.endedSinceUs = endedSinceUs
        }

        var nodes: [Node] { Array(running.values) + ended }

        mutating func add(_ row: StoryRow) {
            if let merged = row.int("agg_count") {
                summaries &+= merged
                return
            }
            switch row.kind {
            case "process_fork": fork(row)
            case "process_exit": exit(row)
            default: update(row)
            }
        }

        private mutating func fork(_ row: StoryRow) {
            guard let pid = row.int("child_pid") else { return }
            let start = row.time("child_start_ts")
            // Its exec may have been told before, from another CPU.
            if let known = running[pid], known.startUs == start { return }
            var child = Node(pid: pid, parentPid: row.pid, startUs: start, comm: row.text("comm") ?? "")
            child.isForked = true
            child.pod = Self.pod(row)
            child.containerID = row.text("container_id")
            put(child)
        }

        private mutating func update(_ row: StoryRow) {
            let start = row.time("start_ts")
            var node = Node(pid: row.pid, parentPid: row.int("ppid") ?? 0, startUs: start, comm: row.text("comm") ?? "")
            if let known = running[row.pid], known.startUs == start || start == nil {
                node = known
                node.comm = row.text("comm") ?? known.comm
                node.parentPid = row.int("ppid") ?? known.parentPid
            }
            node.isForked = false
            node.exe = row.text("exe")
            node.args = row.text("args")
            node.pod = Self.pod(row) ?? node.pod
            node.containerID = row.text("container_id") ?? node.containerID
            put(node)
        }

        private mutating func exit(_ row: StoryRow) {
            let start = row.time("start_ts")
            var node = Node(pid: row.pid, parentPid: row.int("ppid") ?? 0, startUs: start, comm: row.text("comm") ?? "")
            if let known = running[row.pid], known.startUs == start || start == nil {
                node = known
                running[row.pid] = nil
            }
            guard let since = endedSinceUs, row.timeUs >= since else { return }
            node.comm = row.text("comm") ?? node.comm
            // A parent that ends leaves its children to another, which the row of their end then names.
            if node.parentPid == 0 { node.parentPid = row.int("ppid") ?? 0 }
            node.exe = node.exe ?? row.text("exe")
            node.args = node.args ?? row.text("args")
            node.pod = node.pod ?? Self.pod(row)
            node.endUs = row.timeUs
            node.exitCode = row.int("exit_code")
            node.signal = row.int("signal")
            guard ended.count < ProcessTree.most else {
                refused += 1
                return
            }
            ended.append(node)
        }

        private mutating func put(_ node: Node) {
            guard running[node.pid] != nil || running.count < ProcessTree.most else {
                refused += 1
                return
            }
            running[node.pid] = node
        }

        private static func pod(_ row: StoryRow) -> String? {
            row.text("pod").map { (row.text("namespace").map { $0 + "/" } ?? "") + $0 }
        }
    }
}
