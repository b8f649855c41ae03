import TapioBPF
import TapioEvents
import TapioKernel

/// Finds cgroups whose CPU quota was used up since it looked before.
struct ThrottlePoller: CollectorPoller {
    private struct Counts {
        var periods: UInt64 = 0
        var throttledPeriods: UInt64 = 0
        var throttledNs: UInt64 = 0
    }

    private let tree: CgroupTree?
    private let identity: CgroupIdentity
    private var seen: [String: Counts] = [:]
    private var lookedNs: Int64?

    /// A poller for the cgroups of this machine, or of a tree of files that is like one.
    init(mounts: String = ProcFile.read("/proc/self/mounts") ?? "") {
        tree = CgroupTree(of: "cpu", mounts: mounts)
        identity = CgroupIdentity(mounts: mounts)
    }

    mutating func poll(_ object: BPFObject) throws(KernelError) {
        guard let tree else { return }
        let now = ClockOffset.bootNow()
        var found: [String: Counts] = [:]
        for path in tree.paths().paths {
            guard let text = tree.read("cpu.stat", of: path) else { continue }
            let counts = Self.parse(text)
            found[path] = counts
            // What was there before is not told of at the first look; what came to be since begins at 0.
            guard let lookedNs else { continue }
            let before = seen[path] ?? Counts()
            guard counts.throttledPeriods > before.throttledPeriods else { continue }
            guard let id = identity.id(of: path) ?? tree.inode(of: path) else { continue }
            try object.report(record(path, id, counts, since: before, elapsedNs: UInt64(now - lookedNs)))
        }
        seen = found
        lookedNs = now
    }

    private func record(
        _ path: String,
        _ id: UInt64,
        _ counts: Counts,
        since before: Counts,
        elapsedNs: UInt64
    ) -> [UInt8] {
        var throttle = tapio_throttle()
        throttle.header = tapio_header(cgroupID: id)
        throttle.elapsed_ns = elapsedNs
        throttle.throttled_ns = counts.throttledNs &- before.throttledNs
        throttle.periods = counts.periods &- before.periods
        throttle.throttled_periods = counts.throttledPeriods &- before.throttledPeriods
        var builder = RecordBuilder(throttle, EventKind(Int(TAPIO_KIND_CPU_THROTTLED)), .normal)
        builder.append(path.utf8, at: offset(\tapio_throttle.path))
        return builder.bytes
    }

    /// Lines of a name and a number (cgroup-v2.rst; version 1 has throttled_time, in nanoseconds).
    private static func parse(_ text: String) -> Counts {
        var counts = Counts()
        for line in text.split(separator: "\n") {
            let fields = line.split(separator: " ")
            guard fields.count == 2, let value = UInt64(fields[1]) else { continue }
            switch fields[0] {
            case "nr_periods": counts.periods = value
            case "nr_throttled": counts.throttledPeriods = value
            case "throttled_usec": counts.throttledNs = value.multipliedReportingOverflow(by: 1000).partialValue
            case "throttled_time": counts.throttledNs = value
            default: break
            }
        }
        return counts
    }
}
