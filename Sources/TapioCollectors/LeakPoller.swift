import TapioBPF
import TapioEvents
import TapioKernel

/// Looks for the chosen processes, keeps programs attached to their allocators, and tells from time to time what they have not
/// freed.
struct LeakPoller: CollectorPoller {
    private var options: CollectorOptions
    private var selection: LeakSelection
    private var isSelectionNew = true
    private var names: Set<[UInt8]> = []
    private var pids: [Int32: UInt64] = [:]
    private var followed: [LeakSelection.Process] = []
    private var probes = LeakProbes()
    private var report = LeakReport()
    private var toldNs: Int64?
    private var ended: UInt64 = 0
    private var lost = LeakLosses()
    private var absent: [String] = []

    /// A poller that has followed nobody yet.
    init(options: CollectorOptions) {
        self.options = options
        selection = LeakSelection(options)
    }

    var problems: [String] { absent + probes.problems + lost.problems }
    var notes: [String] { probes.notes + lost.notes }

    mutating func reconfigure(_ options: CollectorOptions) {
        self.options = options
        let wanted = LeakSelection(options)
        isSelectionNew = isSelectionNew || wanted != selection
        selection = wanted
    }

    mutating func poll(_ object: BPFObject) throws(KernelError) {
        let now = ClockOffset.bootNow()
        var processes = selection.processes()
        processes += try renamed(besides: processes, object)
        followed = processes
        try choose(processes, object)
        probes.follow(processes, selection, nowNs: now, object)
        if isSelectionNew {
            try forgetOthers(processes, object)
            isSelectionNew = false
        }
        let begin = toldNs ?? now
        toldNs = begin
        if now - begin >= Int64(options[LeakCollector.interval]) {
            toldNs = now
            try report.tell(options, nowNs: now, object)
            try lost.look(object, unplaced: report.unplaced)
        }
        try removeEnded(object)
    }

    /// Processes that were chosen by a name that they no longer have: they stay so, or else it would not be seen what they
    /// free. Ends what is known of those that were chosen by a program that they no longer run.
    private mutating func renamed(
        besides found: [LeakSelection.Process],
        _ object: BPFObject
    ) throws(KernelError) -> [LeakSelection.Process] {
        let pids = Set(found.map(\.pid))
        var renamed: [LeakSelection.Process] = []
        for process in followed where !pids.contains(process.pid) {
            // There is none where it has ended, or has become another program under another name.
            guard
                let known = try object.entry(UInt32(process.pid), ofMap: "processes", empty: tapio_leak_process())
            else { continue }
            if process.isNamed, selection.comms.contains(known.name),
                LeakSelection.startTicks(of: process.pid) == process.startTicks
            {
                renamed.append(process)
            } else {
                try object.removeEntry(UInt32(process.pid), ofMap: "processes")
                ended = .max
            }
        }
        return renamed
    }

    /// Tells the programs who is chosen.
    private mutating func choose(_ processes: [LeakSelection.Process], _ object: BPFObject) throws(KernelError) {
        for name in selection.comms.subtracting(names) {
            try object.setEntry(PaddedName.bytes(name), ofMap: "names", to: UInt8(1))
        }
        for name in names.subtracting(selection.comms) {
            try object.removeEntry(PaddedName.bytes(name), ofMap: "names")
        }
        names = selection.comms
        var wanted: [Int32: UInt64] = [:]
        for process in processes where !process.isNamed { wanted[process.pid] = process.startTicks }
        for (pid, ticks) in wanted where pids[pid] != ticks {
            try object.setEntry(UInt32(pid), ofMap: "pids", to: ticks)
        }
        for pid in pids.keys where wanted[pid] == nil { try object.removeEntry(UInt32(pid), ofMap: "pids") }
        pids = wanted
        let found = Set(processes.map(\.pid))
        absent = selection.pids.filter { Int32($0).map(found.contains) != true }.map {
            "there is no process \($0): set collectors.leak.pids anew"
        }
    }

    /// Ends what is known of processes that were chosen and no longer are.
    private mutating func forgetOthers(_ processes: [LeakSelection.Process], _ object: BPFObject) throws(KernelError) {
        let chosen = Set(processes.map { UInt32($0.pid) })
        for (pid, process) in try object.elements(ofHash: "processes", empty: (UInt32(0), tapio_leak_process()))
        where !chosen.contains(pid) && !selection.comms.contains(process.name) {
            try object.removeEntry(pid, ofMap: "processes")
        }
        ended = .max
    }

    /// Removes what processes have left behind that ended.
    private mutating func removeEnded(_ object: BPFObject) throws(KernelError) {
        let count = try object.perCPUCount(ofMap: "leak_counts", at: Int(TAPIO_LEAK_ENDED))
        guard count != ended else { return }
        ended = count
        try report.removeEnded(object)
    }
}

extension tapio_leak_process {
    /// Its name, without padding.
    var name: [UInt8] {
        unsafe withUnsafeBytes(of: comm) { unsafe Array($0.prefix { $0 != 0 }) }
    }
}

/// What could not be followed because a bound was reached.
private struct LeakLosses {
    private static let bounds = [
        (
            TAPIO_LEAK_NO_ALLOCATION, "allocations were not followed",
            "raise collectors.leak.max_allocations or sample_bytes"
        ),
        (TAPIO_LEAK_NO_STACK, "allocations have no stack", "raise collectors.leak.max_stacks or sample_bytes"),
        (TAPIO_LEAK_NO_PROCESS, "calls were not followed: too many processes", "choose fewer than 1024"),
    ]

    private var counts = [UInt64](repeating: 0, count: bounds.count)
    private(set) var problems: [String] = []

    /// All of them, since the start.
    var notes: [String] {
        zip(Self.bounds, counts).compactMap { bound, count in count == 0 ? nil : "\(count) \(bound.1) since the start" }
    }

    /// Looks what was added since the last time.
    mutating func look(_ object: BPFObject, unplaced: UInt32) throws(KernelError) {
        problems = []
        for (index, bound) in Self.bounds.enumerated() {
            let count = try object.perCPUCount(ofMap: "leak_counts", at: Int(bound.0))
            if count > counts[index] { problems.append("\(count - counts[index]) \(bound.1): \(bound.2)") }
            counts[index] = count
        }
        if unplaced > 0 {
            problems.append("\(unplaced) allocations are in no row: raise collectors.leak.max_stacks")
        }
    }
}
