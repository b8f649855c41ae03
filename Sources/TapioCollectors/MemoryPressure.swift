import TapioBPF
import TapioEvents

/// Finds where threads wait for memory: on the machine, and in cgroups of version 2. Where the kernel keeps no account of it,
/// nothing is found.
struct MemoryPressure {
    /// What a file says, and since when.
    struct Reading: Equatable {
        /// From the hierarchy's root; empty for the machine.
        var path: String
        /// Inode of the cgroup's directory; 0 for the machine.
        var id: UInt64
        var elapsedNs: UInt64
        /// Since it was last looked at.
        var someNs: UInt64
        var fullNs: UInt64
        /// As the kernel wrote it.
        var now: PressureStall
    }

    private let machine: String
    private let tree: CgroupTree?
    /// By path.
    private var seen: [String: PressureStall] = [:]
    private var lookedNs: Int64?

    /// Of this machine, or of files that are like its own.
    ///
    /// - Parameter machine: The file of the machine as a whole.
    init(
        machine: String = "/proc/pressure/memory",
        mounts: String = ProcFile.read("/proc/self/mounts") ?? ""
    ) {
        self.machine = machine
        tree = CgroupTree(of: "", mounts: mounts)
    }

    /// Where there is that much pressure now. The first look finds none: there is no time yet over which to count.
    /// O(cgroups), a file each.
    mutating func look(nowNs: Int64, atLeastPercent percent: Int) -> [Reading] {
        var found: [String: PressureStall] = [:]
        var readings: [Reading] = []
        func add(_ path: String, _ text: String?, id: () -> UInt64?) {
            guard let now = text.flatMap({ PressureStall($0) }) else { return }
            found[path] = now
            guard let lookedNs, now.some.hundredths >= percent * 100, let id = id() else { return }
            let before = seen[path]
            readings.append(
                Reading(
                    path: path,
                    id: id,
                    elapsedNs: UInt64(max(nowNs - lookedNs, 0)),
                    // A cgroup of that name may be another than it was: its account begins anew.
                    someNs: Self.difference(now.some.totalNs, before?.some.totalNs),
                    fullNs: Self.difference(now.full.totalNs, before?.full.totalNs),
                    now: now
                )
            )
        }
        add("", ProcFile.read(machine)) { 0 }
        // The root's is the machine's.
        for path in tree?.paths().paths ?? [] where path != "/" {
            add(path, tree?.read("memory.pressure", of: path)) { tree?.inode(of: path) }
        }
        seen = found
        lookedNs = nowNs
        return readings
    }

    private static func difference(_ now: UInt64, _ before: UInt64?) -> UInt64 {
        guard let before, before <= now else { return now }
        return now - before
    }
}

extension MemoryPressure.Reading {
    /// As a record of memory_pressure.
    var record: [UInt8] {
        var pressure = tapio_memory_pressure()
        pressure.header = tapio_header(cgroupID: id)
        pressure.elapsed_ns = elapsedNs
        pressure.some_ns = someNs
        pressure.full_ns = fullNs
        pressure.some_share = now.some.hundredths / 10
        pressure.full_share = now.full.hundredths / 10
        var builder = RecordBuilder(pressure, EventKind(Int(TAPIO_KIND_MEMORY_PRESSURE)), .normal)
        builder.append(path.utf8, at: offset(\tapio_memory_pressure.path))
        return builder.bytes
    }
}
