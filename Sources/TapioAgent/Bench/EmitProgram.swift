import CTapioSystem
import TapioBPF
import TapioEvents
import TapioKernel
import TapioPipeline

/// The programs of `bench.bpf.c`, loaded beside the agent's, with the records that they repeat.
struct EmitProgram {
    /// The kinds of the records, in their order.
    private let kinds: [UInt8]
    private let object: BPFObject
    private let program: RunnableProgram

    /// Records that generators take in turn.
    static let recordCount = Int(TAPIO_BENCH_RECORDS)
    /// The kind of the small record that `fixed` repeats.
    static let fixedKind = UInt8(TAPIO_KIND_PROCESS_FORK)

    init(_ load: BenchmarkLoad, plane: KernelPlane) throws(KernelError) {
        object = try BPFObject("bench", plane: plane)
        try object.load()
        program = try object.runnable(load == .emitFixed ? "bench_fixed" : "bench_mixed")
        guard load != .emitFixed else {
            kinds = [Self.fixedKind]
            return
        }
        let object = object
        var kinds: [UInt8] = []
        try BenchmarkRecords.forEach(Self.recordCount) { (index, record) throws(KernelError) in
            var value = tapio_bench_record()
            value.size = UInt32(min(record.byteCount, Int(TAPIO_BENCH_RECORD_BYTES)))
            precondition(record.byteCount <= Int(TAPIO_BENCH_RECORD_BYTES), "a record that is too long for a benchmark")
            unsafe withUnsafeMutableBytes(of: &value.bytes) { bytes in
                unsafe record.withUnsafeBytes { unsafe bytes.copyMemory(from: $0) }
            }
            kinds.append(record.uint8(at: RecordCheck.kindOffset))
            try object.setElement(index, ofMap: "bench_records", to: value)
        }
        self.kinds = kinds
        // What making them took is no part of the agent.
        tapio_release_freed_memory()
    }

    /// How many events of each kind a generator makes that begins with the record `first`.
    func caused(first: Int, count: Int) -> [EventKind: Int] {
        Self.laps(of: kinds, first: first, count: count)
    }

    /// Counts `count` elements of a cycle, from the element `first` on.
    static func laps(of kinds: [UInt8], first: Int, count: Int) -> [EventKind: Int] {
        var result: [EventKind: Int] = [:]
        let (laps, rest) = count.quotientAndRemainder(dividingBy: kinds.count)
        if laps > 0 { for kind in kinds { result[EventKind(rawValue: kind), default: 0] += laps } }
        for step in 0..<rest { result[EventKind(rawValue: kinds[(first + step) % kinds.count]), default: 0] += 1 }
        return result
    }

    /// For the generators; valid as long as this value.
    var descriptor: Int32 { program.descriptor }

    /// What the kernel says about the program.
    var statistics: [ProgramStatistics] { object.statistics().filter { $0.runCount > 0 } }
}
