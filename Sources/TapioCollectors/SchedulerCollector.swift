import TapioBPF
import TapioEvents
import TapioKernel

/// Watches how long threads wait for a CPU, and which cgroups are kept from running by their quota.
public enum SchedulerCollector {
    static let name = "scheduler"

    /// From what time on a wait is an event of its own, ns.
    public static let longWait = CollectorOption(
        "long_wait",
        1_000_000...60_000_000_000,
        default: 50_000_000,
        form: .duration,
        "Waits for a CPU of at least that long are told one by one; shorter ones are merged."
    )

    /// Its line in the registry.
    public static let descriptor = CollectorDescriptor(
        name: name,
        summary: "How long threads that could run waited for a CPU, by cgroup; cgroups whose CPU quota was used up.",
        schemas: [wait, throttled],
        options: [longWait, .window],
        tracepoints: [Tracepoint(raw: "sched_switch")],
        unmetNeeds: { _ in [.controller("cpu", for: "throttling")].compactMap(\.self) },
        make: { ObjectCollector(definition, plane: $0, options: $1) }
    )

    private static let definition = ObjectCollector.Definition(
        name: name,
        apply: { (object, options) throws(KernelError) in
            try object.setVariable("long_wait_ns", UInt64(options[longWait]))
        },
        windows: ["waits"],
        makePoller: { _ in ThrottlePoller() }
    )

    private static let wait = EventSchema(
        EventKind(Int(TAPIO_KIND_RUN_QUEUE_WAIT)),
        "run_queue_wait",
        collector: name,
        priority: .low,
        record: tapio_run_wait.self,
        "A thread that could run waited for a CPU. Long waits are events, the others are merged in the kernel.",
        fields: [Field(.latency, .uint64(at: offset(\tapio_run_wait.latency_ns)))],
        aggregation: Aggregation(by: ["cgroup_id", "uid"], measure: "latency_ns", isInKernel: true)
    )

    private static let throttled = EventSchema(
        EventKind(Int(TAPIO_KIND_CPU_THROTTLED)),
        "cpu_throttled",
        collector: name,
        priority: .normal,
        record: tapio_throttle.self,
        "A cgroup's CPU quota was used up, once or more since it was last looked at.",
        fields: [
            Field(.cgroupPath, .string(at: offset(\tapio_throttle.path)), absent: .zero),
            Field(.elapsed, .uint64(at: offset(\tapio_throttle.elapsed_ns))),
            Field(
                Column(
                    1793,
                    "throttled_ns",
                    .int64,
                    unit: .nanoseconds,
                    "How long its threads were kept from running in that time, all CPUs added up."
                ),
                .uint64(at: offset(\tapio_throttle.throttled_ns))
            ),
            Field(
                Column(1794, "cpu_periods", .int64, unit: .count, "Periods in which it ran in that time."),
                .uint64(at: offset(\tapio_throttle.periods))
            ),
            Field(
                Column(
                    1795,
                    "throttled_periods",
                    .int64,
                    unit: .count,
                    "Those of them in which its quota was used up."
                ),
                .uint64(at: offset(\tapio_throttle.throttled_periods))
            ),
        ]
    )
}
