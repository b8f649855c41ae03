import TapioBPF
import TapioCollectors
import TapioEvents

/// The kinds that benchmarks emit and no collector does: the registry of a benchmark's agent has them, and only that.
enum BenchmarkKinds {
    /// All kinds of the collectors, and those of the benchmarks.
    static let registry = SchemaRegistry(CollectorRegistry.all.flatMap(\.schemas) + [call])

    /// A system call of a generator.
    static let call = EventSchema(
        EventKind(Int(TAPIO_KIND_BENCH_CALL)),
        "bench_call",
        collector: "bench",
        priority: .low,
        record: tapio_bench_call.self,
        "A generator of a benchmark made a system call; duration is the time since the one before it on its CPU.",
        fields: [
            Field(.duration, .uint64(at: offset(\.duration_ns)), absent: .allOnes),
            Field(
                Column(3840, "bench_call", .int32, "Number of the system call."),
                .uint32(at: offset(\.call))
            ),
            Field(
                Column(3841, "bench_ordinal", .int64, unit: .count, "Calls of generators on its CPU before it."),
                .uint64(at: offset(\.ordinal))
            ),
        ],
        aggregation: Aggregation(
            by: ["cgroup_id", "uid", "pid", "comm", "bench_call"],
            measure: "duration_ns"
        )
    )

    private static func offset<Value>(_ path: KeyPath<tapio_bench_call, Value>) -> Int {
        MemoryLayout<tapio_bench_call>.offset(of: path)!
    }
}
