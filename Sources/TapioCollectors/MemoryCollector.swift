import TapioEvents
import TapioKernel

/// Watches memory: whom the kernel killed when there was none left, who had to wait while it looked for some, or for what was
/// on a disk, and which cgroups come near their limits.
public enum MemoryCollector {
    static let name = "memory"

    /// How long a thread must have been held up by reclaim for an event of it, ns.
    public static let reclaimAtLeast = CollectorOption(
        "reclaim_at_least",
        0...60_000_000_000,
        default: 1_000_000,
        form: .duration,
        "How long a thread is held up while memory is reclaimed until that is told of; shorter ones are counted as filtered."
    )

    /// From which part of its limit on a cgroup's usage is told of, percent.
    public static let usageAtLeast = CollectorOption(
        "usage_at_least",
        1...100,
        default: 90,
        form: .percent,
        "From which part of its memory limit on a cgroup is told of: when it gets there, then once a minute."
    )

    /// From what share of the time on in which threads waited for memory pressure is told of, percent.
    public static let pressureAtLeast = CollectorOption(
        "pressure_at_least",
        0...100,
        default: 10,
        form: .percent,
        "From what share of the last ten seconds on, in which some thread waited for memory, that is told of; 0: always."
    )

    /// Its line in the registry.
    public static let descriptor = CollectorDescriptor(
        name: name,
        summary:
            "Processes killed for want of memory; waits for reclaim and for pages on disks; cgroups near their limit; pressure.",
        schemas: [kill, reclaim, fault, usage, pressure],
        options: [reclaimAtLeast, usageAtLeast, pressureAtLeast, .window],
        tracepoints: [
            "mark_victim", "mm_vmscan_direct_reclaim_begin", "mm_vmscan_direct_reclaim_end",
            "mm_vmscan_memcg_reclaim_begin", "mm_vmscan_memcg_reclaim_end",
        ].map(Tracepoint.init(raw:)),
        unmetNeeds: { _ in
            [
                .controller("memory", for: "usage by cgroup"),
                .file(
                    "/proc/pressure/memory",
                    for: "pressure",
                    remedy: "boot with psi=1, or a kernel built with CONFIG_PSI=y"
                ),
            ].compactMap(\.self)
        },
        make: { ObjectCollector(definition, plane: $0, options: $1) }
    )

    private static let definition = ObjectCollector.Definition(
        name: name,
        prepare: { (object, catalog) throws(KernelError) in
            // The victim's user id came with the task itself, in Linux 6.8.
            let tellsTask = (catalog.argumentCount("mark_victim") ?? 0) >= 2
            try object.disableProgram(tellsTask ? "oom_kill_by_pid" : "oom_kill")
            try object.setConstant("page_shift", PageSize.shift)
        },
        apply: { (object, options) throws(KernelError) in
            try object.setVariable("reclaim_least_ns", UInt64(options[reclaimAtLeast]))
        },
        begin: { (object) throws(KernelError) in try object.attach("major_fault", to: .majorFaults) },
        windows: ["faults"],
        makePoller: { MemoryPoller(options: $0) }
    )
}
