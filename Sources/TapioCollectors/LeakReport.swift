import TapioBPF
import TapioEvents
import TapioKernel

/// Makes rows of what the programs of `leak.bpf.c` have added up.
struct LeakReport {
    /// A process, which is another one once it runs another program.
    private struct Owner: Hashable {
        var pid: UInt32
        var sinceNs: UInt64
    }

    /// What one stack of a process has not freed.
    private struct Outstanding {
        var stack: UInt64
        var bytes: Int64
        var allocations: Int64
        var samples: UInt64
        var oldestNs: UInt64
        var grownBytes: Int64
        var grownAllocations: Int64
    }

    /// What was told last of a process: by stack, bytes and allocations.
    private struct Told {
        var atNs: Int64
        var sums: [UInt64: (bytes: Int64, allocations: Int64)]
    }

    /// The most texts of stacks that are kept from one interval to the next.
    private static let mostTexts = 4096

    private var told: [Owner: Told] = [:]
    private var texts: [Owner: [UInt64: [UInt8]]] = [:]
    private var stackNames = StackNames()
    private var round: UInt32 = 1
    /// Allocations that are in no row, since there are too many stacks.
    private(set) var unplaced: UInt32 = 0

    /// Nothing was told yet.
    init() {}

    /// Tells what is outstanding now: a row for each of the stacks with most bytes, and one for the others, of each process.
    mutating func tell(_ options: CollectorOptions, nowNs: Int64, _ object: BPFObject) throws(KernelError) {
        round &+= 1
        try object.setVariable("stack_round", round)
        let beforeNs = max(nowNs - Int64(options[LeakCollector.minAge]), 0)
        unplaced = try collect(beforeNs: UInt64(beforeNs) + 1, object)
        let groups = try takeOutstanding(object)
        let processes = try object.elements(ofHash: "processes", empty: (UInt32(0), tapio_leak_process()))
        var nextTold: [Owner: Told] = [:]
        var nextTexts: [Owner: [UInt64: [UInt8]]] = [:]
        var keptTexts = 0
        for (pid, process) in processes {
            let owner = Owner(pid: pid, sinceNs: process.since_ns)
            let sums = groups[owner] ?? []
            nextTold[owner] = Told(
                atNs: nowNs,
                sums: Dictionary(uniqueKeysWithValues: sums.map { ($0.stack, ($0.bytes, $0.allocations)) })
            )
            guard !sums.isEmpty else { continue }
            let texts = try tell(
                sums.sorted { ($0.bytes, $0.stack) > ($1.bytes, $1.stack) },
                of: process,
                owner,
                top: options[LeakCollector.topStacks],
                mostTexts: max(Self.mostTexts - keptTexts, 0),
                nowNs,
                object
            )
            nextTexts[owner] = texts
            keptTexts += texts.count
        }
        told = nextTold
        texts = nextTexts
    }

    /// Removes what processes have left behind that ended, without telling anything.
    func removeEnded(_ object: BPFObject) throws(KernelError) {
        _ = try collect(beforeNs: 0, object)
    }

    private func collect(beforeNs: UInt64, _ object: BPFObject) throws(KernelError) -> UInt32 {
        try object.runnable("collect").run(
            tapio_leak_collect(before_ns: beforeNs, round: round, unplaced: 0)
        ).unplaced
    }

    /// What the program added up, by process; its map is empty then.
    private func takeOutstanding(_ object: BPFObject) throws(KernelError) -> [Owner: [Outstanding]] {
        var groups: [Owner: [Outstanding]] = [:]
        for (group, sum) in try object.elements(
            ofHash: "outstanding",
            empty: (tapio_leak_group(), tapio_leak_sum())
        ) {
            try object.removeEntry(group, ofMap: "outstanding")
            let owner = Owner(pid: group.pid, sinceNs: group.since_ns)
            let before = told[owner]?.sums[group.stack] ?? (0, 0)
            let bytes = Int64(clamping: sum.bytes)
            let one = UInt64(TAPIO_LEAK_ONE)
            let allocations = Int64(clamping: sum.allocations / one + (sum.allocations % one >= one / 2 ? 1 : 0))
            groups[owner, default: []].append(
                Outstanding(
                    stack: group.stack,
                    bytes: bytes,
                    allocations: allocations,
                    samples: sum.samples,
                    oldestNs: sum.oldest_ns,
                    grownBytes: bytes - before.bytes,
                    grownAllocations: allocations - before.allocations
                )
            )
        }
        return groups
    }

    /// Tells the rows of one process; gives the texts of its stacks.
    private mutating func tell(
        _ sums: [Outstanding],
        of process: tapio_leak_process,
        _ owner: Owner,
        top: Int,
        mostTexts: Int,
        _ nowNs: Int64,
        _ object: BPFObject
    ) throws(KernelError) -> [UInt64: [UInt8]] {
        let elapsed = UInt64(max(nowNs - (told[owner]?.atNs ?? Int64(clamping: process.since_ns)), 0))
        var kept: [UInt64: [UInt8]] = [:]
        // Opened for the first stack that is not known yet.
        var mapped: MappedProcess?? = nil
        for sum in sums.prefix(top) {
            let text: [UInt8]
            if let known = texts[owner]?[sum.stack] {
                text = known
            } else {
                let opened = mapped ?? Self.open(process)
                mapped = .some(opened)
                text = try words(sum.stack, of: opened, object)
            }
            if kept.count < mostTexts { kept[sum.stack] = text }
            try object.report(Self.record(sum, text, process, elapsed, nowNs))
        }
        guard sums.count > top else { return kept }
        let rest = sums.dropFirst(top)
        let text = Array("[\(rest.count) more stacks]".utf8)
        try object.report(Self.record(Self.merged(rest), text, process, elapsed, nowNs))
        return kept
    }

    /// The process as it is mapped; nil where it is gone, and another one has its pid.
    private static func open(_ process: tapio_leak_process) -> MappedProcess? {
        let pid = Int32(bitPattern: process.pid)
        let mapped = MappedProcess(pid: pid)
        // A clock tick is 10 ms.
        return LeakSelection.startTicks(of: pid) == process.start_ns / 10_000_000 ? mapped : nil
    }

    private mutating func words(
        _ key: UInt64,
        of process: MappedProcess?,
        _ object: BPFObject
    ) throws(KernelError) -> [UInt8] {
        guard key != 0, var stack = try object.entry(key, ofMap: "stacks", empty: tapio_leak_stack()) else {
            return Array("[stack not kept]".utf8)
        }
        let count = min(Int(stack.count), Int(TAPIO_LEAK_FRAMES))
        // The array lies in the struct, and all of it is there.
        let frames = unsafe withUnsafeBytes(of: &stack.frames) { bytes in
            (0..<count).map { unsafe bytes.load(fromByteOffset: $0 * 8, as: UInt64.self) }
        }
        guard let process else { return Array("[process gone]".utf8) }
        return stackNames.text(frames, of: process)
    }

    private static func merged(_ sums: ArraySlice<Outstanding>) -> Outstanding {
        var all = Outstanding(
            stack: UInt64.max,
            bytes: 0,
            allocations: 0,
            samples: 0,
            oldestNs: .max,
            grownBytes: 0,
            grownAllocations: 0
        )
        for sum in sums {
            all.bytes += sum.bytes
            all.allocations += sum.allocations
            all.samples += sum.samples
            all.oldestNs = min(all.oldestNs, sum.oldestNs)
            all.grownBytes += sum.grownBytes
            all.grownAllocations += sum.grownAllocations
        }
        return all
    }

    private static func record(
        _ sum: Outstanding,
        _ text: [UInt8],
        _ process: tapio_leak_process,
        _ elapsedNs: UInt64,
        _ nowNs: Int64
    ) -> [UInt8] {
        var row = tapio_heap_outstanding()
        row.header = tapio_header(cgroupID: process.cgroup_id)
        row.header.pid = process.pid
        row.header.tid = process.pid
        row.header.ppid = process.ppid
        row.header.uid = process.uid
        row.header.comm = process.comm
        row.start_ns = process.start_ns
        row.elapsed_ns = elapsedNs
        row.bytes = UInt64(bitPattern: sum.bytes)
        row.allocations = UInt64(bitPattern: sum.allocations)
        row.samples = sum.samples
        row.age_ns = UInt64(max(nowNs - Int64(clamping: sum.oldestNs), 0))
        row.grown_bytes = UInt64(bitPattern: sum.grownBytes)
        row.grown_allocations = UInt64(bitPattern: sum.grownAllocations)
        row.untracked_bytes = process.untracked_bytes
        row.stack_id = sum.stack
        var builder = RecordBuilder(row, EventKind(Int(TAPIO_KIND_HEAP_OUTSTANDING)), .normal)
        builder.append(text, at: offset(\tapio_heap_outstanding.stack), most: StackNames.mostBytes)
        return builder.bytes
    }
}
