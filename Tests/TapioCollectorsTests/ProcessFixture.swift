import TapioBPF
import TapioKernel

@testable import TapioCollectors

/// A record as it came out of a ring.
struct Captured {
    let bytes: [UInt8]
    let lane: RingLane
    let header: tapio_header

    init(_ record: RawSpan, lane: RingLane) {
        bytes = record.withUnsafeBytes { Array($0) }
        self.lane = lane
        header = bytes.withUnsafeBytes { $0.loadUnaligned(as: tapio_header.self) }
    }

    func load<Record>(_ type: Record.Type) -> Record {
        precondition(bytes.count >= MemoryLayout<Record>.size)
        return bytes.withUnsafeBytes { $0.loadUnaligned(as: type) }
    }

    func string(_ string: tapio_string) -> [UInt8] {
        Array(bytes[Int(string.offset)..<Int(string.offset) + Int(string.length)])
    }

    var comm: String {
        withUnsafeBytes(of: header.comm) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
    }
}

/// The process programs on rings of their own, and all that was read from them.
final class ProcessFixture {
    let plane: KernelPlane
    let object: BPFObject
    private(set) var records: [Captured] = []

    /// Loads and attaches exec, fork and exit, but does not walk the existing processes.
    init(
        urgentBytes: Int = 1 << 22,
        bulkBytes: Int = 1 << 22,
        tellsGroupDead: Bool = true,
        argsLimit: UInt32 = 4096
    ) throws {
        var configuration = KernelPlaneConfiguration()
        configuration.urgentBytes = urgentBytes
        configuration.bulkBytes = bulkBytes
        plane = try KernelPlane(configuration: configuration)
        object = try BPFObject("process", plane: plane)
        let kernelTells = try TracepointCatalog().argumentCount("sched_process_exit") == 2
        try object.setConstant("exit_tells_group_dead", kernelTells && tellsGroupDead)
        try object.setVariable("args_limit", argsLimit)
        try object.load()
        let failures = object.attach()
        if let failure = failures.first { throw failure }
    }

    /// Reads what is in the rings now.
    func drain() {
        for ring in plane.rings {
            let result = ring.drain { records.append(Captured($0, lane: ring.lane)) }
            precondition(result.fault == nil, "\(result.fault!)")
        }
    }

    /// Detaches and reads all that was ever submitted.
    func finish() -> [Captured] {
        object.detach()
        drain()
        return records
    }

    /// The records of one kind and process, by time: they may come from several CPUs.
    func of(_ kind: Int, pid: Int32) -> [Captured] {
        records.filter { $0.header.kind == UInt8(kind) && $0.header.pid == UInt32(pid) }
            .sorted { $0.header.time_ns < $1.header.time_ns }
    }

    func counts(_ kind: Int) throws -> KernelCounts {
        try plane.counters().counts(kind: UInt8(kind))
    }
}
