import Glibc
import TapioBPF
import TapioEvents
import TapioKernel
import Testing

@testable import TapioCollectors

/// The programs of `leak.bpf.c` and what looks after them, polled by the test instead of a clock.
final class LeakFixture {
    let plane: KernelPlane
    let object: BPFObject
    var poller: LeakPoller
    private var options: CollectorOptions
    private var toldNs = ClockOffset.bootNow()

    /// Options under which all allocations are kept, however young they are.
    static func options(
        comms: [String] = [],
        pids: [Int32] = [],
        executables: [String] = [],
        fromStart: Bool = false
    ) -> CollectorOptions {
        var options = CollectorOptions()
        options.set(LeakCollector.comms, comms)
        options.set(LeakCollector.pids, pids.map { "\($0)" })
        options.set(LeakCollector.executables, executables)
        options[LeakCollector.fromStart] = fromStart ? 1 : 0
        options[LeakCollector.sampleBytes] = 0
        options[LeakCollector.minAge] = 0
        options[LeakCollector.interval] = 1_000_000_000
        return options
    }

    /// Loads and attaches.
    init(_ options: CollectorOptions) throws {
        self.options = options
        plane = try KernelPlane()
        object = try BPFObject("leak", plane: plane)
        try object.setConstant("exit_tells_group_dead", TracepointCatalog().exitTellsGroupDead)
        try object.setVariable("sample_bytes", UInt64(options[LeakCollector.sampleBytes]))
        try object.setCapacity(ofMap: "live", entries: UInt32(options[LeakCollector.maxAllocations]))
        try object.setCapacity(ofMap: "stacks", entries: UInt32(options[LeakCollector.maxStacks]))
        try object.load()
        let failures = object.attach()
        if let failure = failures.first { throw failure }
        poller = LeakPoller(options: options)
        try poll()
        toldNs = ClockOffset.bootNow()
    }

    /// Takes other options over.
    func reconfigure(_ options: CollectorOptions) throws {
        self.options = options
        poller.reconfigure(options)
        try poll()
    }

    func poll() throws { try poller.poll(object) }

    /// Lets an interval end: the rows that are told.
    func tell() throws -> [DecodedEvent] {
        let due = toldNs + Int64(options[LeakCollector.interval]) + 20_000_000
        let now = ClockOffset.bootNow()
        if due > now { usleep(UInt32((due - now) / 1000)) }
        toldNs = ClockOffset.bootNow()
        _ = rows()
        try poll()
        return rows()
    }

    private func rows() -> [DecodedEvent] {
        let registry = SchemaRegistry(LeakCollector.descriptor.schemas)
        let check = RecordCheck(registry)
        let decoder = RecordDecoder(registry)
        var events: [DecodedEvent] = []
        for ring in plane.rings {
            let drained = ring.drain { record in
                #expect(check.fault(in: record) == nil)
                events.append(decoder.decode(record, clock: ClockOffset(utcMinusBootNs: 0)))
            }
            #expect(drained.fault == nil)
        }
        return events
    }

    /// How many allocations of a process, or of all, are in the map.
    func liveCount(pid: Int32? = nil) throws -> Int {
        try object.elements(ofHash: "live", empty: ([3 of UInt64](repeating: 0), [4 of UInt64](repeating: 0))).count {
            pid == nil || UInt32(truncatingIfNeeded: $0.key[0]) == UInt32(pid!)
        }
    }

    /// Pids of the processes that are followed.
    func followed() throws -> [Int32] {
        try object.elements(ofHash: "processes", empty: (UInt32(0), tapio_leak_process())).map { Int32($0.key) }
            .sorted()
    }

    /// Elements of a map whose keys are numbers of 64 bits.
    func stackCount() throws -> Int {
        try object.elements(ofHash: "stacks", empty: (UInt64(0), tapio_leak_stack())).count
    }

    /// Elements of the map of calls that have not returned.
    func callCount() throws -> Int {
        try object.elements(ofHash: "calls", empty: (UInt32(0), [11 of UInt64](repeating: 0))).count
    }
}

extension [DecodedEvent] {
    /// Those of a process.
    func of(_ pid: Int32) -> [DecodedEvent] { filter { $0.number("pid") == Int64(pid) } }

    /// The row of the stack whose innermost frame is that function; records an issue if there is none, or more.
    func row(_ function: String, at place: SourceLocation = #_sourceLocation) throws -> DecodedEvent {
        let found = filter { $0.string("stack")?.hasPrefix("\(function)+0x") == true }
        #expect(
            found.count == 1,
            "\(function): \(found.count) rows of \(map { $0.string("stack") ?? "" })",
            sourceLocation: place
        )
        return try #require(found.first, sourceLocation: place)
    }

    /// The sum of a column.
    func sum(_ column: String) -> Int64 { reduce(0) { $0 + ($1.number(column) ?? 0) } }
}
