import TapioEvents

/// A Perfetto trace: a track for each process with a slice for its life and instants for its events, below it tracks for what
/// has a length (latencies, connections), and a counter for the events per second of each kind.
///
/// What began before the first event of the file is shown from there on; its true length stands in its fields. Memory: a
/// process takes about 200 bytes, and there are at most ``mostProcesses`` of them.
struct PerfettoWriter: EventFileWriter {
    /// Processes that are known at once.
    static let mostProcesses = 65_536
    /// Slices of one kind and process that are shown beside one another.
    static let mostLanes = 32

    private var firstNs: Int64?
    private var processes: [Int32: Process] = [:]
    private var counters: [String: Counter] = [:]
    private var second: Int64 = 0
    /// Slices that became instants since too many of their kind overlapped.
    private var flattened = 0
    /// Processes that were forgotten while they lived.
    private var forgotten = 0
    private var untimed = 0

    private struct Process {
        var name: String
        /// When it began, UTC nanoseconds since 1970; nil: not known.
        var startNs: Int64?
        /// By kind, when the last slice of each lane ended.
        var lanes: [String: [Int64]] = [:]
    }

    private struct Counter {
        var track: UInt64
        var events = 0.0
        var shown = 0.0
    }

    /// Kinds of tracks, part of their numbers.
    private enum TrackSpace: UInt64 {
        case process = 1
        case lane = 2
        case counter = 3
    }

    /// Where rows without a process stand, the ledger's among them.
    private static let nobody: Int32 = 0

    var notes: [String] {
        var notes: [String] = []
        func note(_ count: Int, _ text: String) {
            if count > 0 { notes.append("\(HumanUnits.count(Int64(count))) \(text)") }
        }
        note(flattened, "events with a length are shown as points: more than \(Self.mostLanes) of a process overlapped")
        note(forgotten, "processes lost their beginning: more than \(Self.mostProcesses) lived at once")
        note(untimed, "rows without a time are left out")
        return notes
    }

    mutating func add(_ event: DecodedEvent, to bytes: inout [UInt8]) {
        guard case .timestamp(let us) = event["ts"] else {
            untimed += 1
            return
        }
        let ns = us &* 1000 &+ (event.int("ts_sub_ns") ?? 0)
        if firstNs == nil {
            firstNs = ns
            second = ns / 1_000_000_000
            PerfettoPacket.clocks(at: UInt64(max(0, ns)), to: &bytes)
        }
        let kind = event.string("kind") ?? "?"
        count(kind, weight: event.double("weight") ?? 1, ns: ns, to: &bytes)
        let pid = kind == "_ledger" ? Self.nobody : Int32(clamping: event.int("pid") ?? 0)
        let name = pid == Self.nobody ? "(no process)" : event.string("comm") ?? ""
        meet(pid, name: name, to: &bytes)
        switch kind {
        case "process_exit": end(pid, event, ns: ns, to: &bytes)
        case "process_fork":
            if let child = event.int("child_pid"), case .timestamp(let start) = event["child_start_ts"] {
                let number = Int32(clamping: child)
                meet(number, name: name, to: &bytes)
                processes[number]?.startNs = start &* 1000
            }
            instant(pid, kind, event, ns: ns, to: &bytes)
        case "_ledger": addLedger(event, ns: ns, to: &bytes)
        default:
            if kind.hasPrefix("process_"), case .timestamp(let start) = event["start_ts"] {
                processes[pid]?.startNs = start &* 1000
            }
            if let length = event.int("latency_ns") ?? event.int("duration_ns"), length > 0 {
                slice(pid, kind, event, from: ns &- length, to: ns, &bytes)
            } else {
                instant(pid, kind, event, ns: ns, to: &bytes)
            }
        }
    }

    mutating func finish(to bytes: inout [UInt8]) {
        showCounters(to: &bytes)
        guard let firstNs else { return }
        // Who did not end goes on beyond the end.
        for (pid, process) in processes.sorted(by: { $0.key < $1.key }) {
            guard let start = process.startNs else { continue }
            PerfettoPacket.event(.begin(process.name, nil), at: max(start, firstNs), on: track(pid), to: &bytes)
        }
    }

    // MARK: Processes

    /// Makes the process known, by the name that it has now.
    private mutating func meet(_ pid: Int32, name: String, to bytes: inout [UInt8]) {
        if let known = processes[pid] {
            guard !name.isEmpty, known.name != name else { return }
            processes[pid]?.name = name
        } else {
            if processes.count >= Self.mostProcesses {
                forgotten += processes.values.count { $0.startNs != nil }
                processes.removeAll(keepingCapacity: true)
            }
            processes[pid] = Process(name: name)
        }
        let content: PerfettoPacket.TrackContent =
            pid == Self.nobody ? .named(name) : .process(pid: pid, name: name)
        PerfettoPacket.track(track(pid), parent: nil, content, to: &bytes)
    }

    private mutating func end(_ pid: Int32, _ event: DecodedEvent, ns: Int64, to bytes: inout [UInt8]) {
        defer { processes[pid] = nil }
        var start = processes[pid]?.startNs
        if case .timestamp(let us) = event["start_ts"] { start = us &* 1000 }
        if start == nil, let length = event.int("duration_ns") { start = ns &- length }
        guard let start, let firstNs else { return instant(pid, "process_exit", event, ns: ns, to: &bytes) }
        let name = processes[pid]?.name ?? ""
        PerfettoPacket.event(.begin(name, event), at: min(max(start, firstNs), ns), on: track(pid), to: &bytes)
        PerfettoPacket.event(.end, at: ns, on: track(pid), to: &bytes)
    }

    private func instant(_ pid: Int32, _ kind: String, _ event: DecodedEvent, ns: Int64, to bytes: inout [UInt8]) {
        PerfettoPacket.event(.instant(kind, event), at: ns, on: track(pid), to: &bytes)
    }

    /// Shows what has a length, on the first track of its kind and process that is free by then.
    private mutating func slice(
        _ pid: Int32,
        _ name: String,
        _ event: DecodedEvent,
        from: Int64,
        to end: Int64,
        _ bytes: inout [UInt8]
    ) {
        let start = min(max(from, firstNs ?? from), end)
        var lanes = processes[pid]?.lanes[name] ?? []
        var lane = lanes.firstIndex { $0 <= start }
        if lane == nil, lanes.count < Self.mostLanes {
            lane = lanes.count
            lanes.append(end)
            let id = track(.lane, UInt64(UInt32(bitPattern: pid)), name, UInt64(lanes.count))
            PerfettoPacket.track(id, parent: track(pid), .named(name), to: &bytes)
        }
        guard let lane else {
            flattened += 1
            return instant(pid, name, event, ns: end, to: &bytes)
        }
        lanes[lane] = end
        processes[pid]?.lanes[name] = lanes
        let id = track(.lane, UInt64(UInt32(bitPattern: pid)), name, UInt64(lane + 1))
        PerfettoPacket.event(.begin(name, event), at: start, on: id, to: &bytes)
        PerfettoPacket.event(.end, at: end, on: id, to: &bytes)
    }

    // MARK: The ledger

    private mutating func addLedger(_ event: DecodedEvent, ns: Int64, to bytes: inout [UInt8]) {
        let entry = event.string("ledger_entry") ?? "_ledger"
        guard entry == "gap", case .timestamp(let from) = event["ledger_from"],
            case .timestamp(let until) = event["ledger_to"], until > from
        else { return instant(Self.nobody, "ledger \(entry)", event, ns: ns, to: &bytes) }
        slice(Self.nobody, "gap", event, from: from &* 1000, to: until &* 1000, &bytes)
    }

    // MARK: Counters

    private mutating func count(_ kind: String, weight: Double, ns: Int64, to bytes: inout [UInt8]) {
        let now = ns / 1_000_000_000
        if now > second {
            showCounters(to: &bytes)
            second += 1
            // A second without an event is shown as 0, and so are all that follow.
            if now > second { showCounters(to: &bytes) }
            second = now
        }
        if counters[kind] == nil {
            let id = track(.counter, 0, kind, 0)
            counters[kind] = Counter(track: id)
            PerfettoPacket.track(id, parent: nil, .counter("\(kind) per second", unit: "events/s"), to: &bytes)
        }
        counters[kind]?.events += weight
    }

    private mutating func showCounters(to bytes: inout [UInt8]) {
        for (kind, counter) in counters.sorted(by: { $0.key < $1.key }) where counter.events != counter.shown {
            PerfettoPacket.event(
                .counter(counter.events),
                at: second &* 1_000_000_000,
                on: counter.track,
                to: &bytes
            )
            counters[kind]?.shown = counter.events
        }
        for kind in counters.keys { counters[kind]?.events = 0 }
    }

    // MARK: Numbers of tracks

    private func track(_ pid: Int32) -> UInt64 { track(.process, UInt64(UInt32(bitPattern: pid)), "", 0) }

    /// The same for the same track in each export.
    private func track(_ space: TrackSpace, _ number: UInt64, _ name: String, _ lane: UInt64) -> UInt64 {
        // FNV-1a.
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        func add(_ byte: UInt8) { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
        for value in [space.rawValue, number, lane] {
            for shift in stride(from: UInt64(0), to: 64, by: 8) { add(UInt8(truncatingIfNeeded: value >> shift)) }
        }
        for byte in name.utf8 { add(byte) }
        // 0 stands for the trace itself.
        return max(1, hash)
    }
}

extension DecodedEvent {
    fileprivate func string(_ name: String) -> String? {
        if case .string(let text) = self[name] { text } else { nil }
    }

    fileprivate func int(_ name: String) -> Int64? {
        if case .int(let number) = self[name] { number } else { nil }
    }

    fileprivate func double(_ name: String) -> Double? {
        if case .double(let number) = self[name] { number } else { nil }
    }
}
