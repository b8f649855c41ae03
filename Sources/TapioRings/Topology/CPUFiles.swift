/// What `/sys/devices` says of CPUs and nodes.
struct CPUFiles {
    /// The path of `sys/devices/`.
    let devices: String

    func possible() throws(CPUTopologyError) -> [Int] {
        try CPUList.read(devices + "system/cpu/possible")
    }

    func online() throws(CPUTopologyError) -> [Int] {
        try CPUList.read(devices + "system/cpu/online")
    }

    /// The nodes with their online CPUs; none on a kernel without NUMA.
    func nodes(online: [Int]) throws(CPUTopologyError) -> [CPUTopology.NUMANode] {
        let online = Set(online)
        var nodes: [CPUTopology.NUMANode] = []
        for number in try CPUList.readIfThere(devices + "system/node/online") ?? [] {
            let cpus = try CPUList.readIfThere(devices + "system/node/node\(number)/cpulist") ?? []
            nodes.append(CPUTopology.NUMANode(number: number, cpus: cpus.filter { online.contains($0) }))
        }
        return nodes
    }

    /// The slower ones of a machine with unlike CPUs.
    func efficiencyCPUs(online: [Int]) throws(CPUTopologyError) -> [Int] {
        // x86: a performance monitoring unit for each kind of core, with the list of its CPUs.
        if let fast = try CPUList.readIfThere(devices + "cpu_core/cpus"), !fast.isEmpty {
            let fast = Set(fast)
            return online.filter { !fast.contains($0) }
        }
        // arm64 and others: each CPU's capacity, 1024 being the greatest of the machine. Those of one kind can differ
        // somewhat (boost), those of unlike kinds differ a lot.
        var capacities: [Int: Int] = [:]
        for cpu in online {
            let path = devices + "system/cpu/cpu\(cpu)/cpu_capacity"
            guard let text = try KernelFile.readIfThere(path) else { continue }
            guard let capacity = Int(text.filter { !$0.isWhitespace }) else {
                throw CPUTopologyError(source: path, reason: .malformed(String(text.prefix(80))))
            }
            capacities[cpu] = capacity
        }
        let greatest = capacities.values.max() ?? 0
        return online.filter { (capacities[$0] ?? greatest) * 4 < greatest * 3 }
    }

    /// The CPUs of each core.
    func cores(online: [Int]) throws(CPUTopologyError) -> [[Int]] {
        var cores: [[Int]] = []
        var placed: Set<Int> = []
        for cpu in online where !placed.contains(cpu) {
            let path = devices + "system/cpu/cpu\(cpu)/topology/thread_siblings_list"
            let siblings = Set(try CPUList.readIfThere(path) ?? [])
            let core = online.filter { $0 == cpu || siblings.contains($0) && !placed.contains($0) }
            placed.formUnion(core)
            cores.append(core)
        }
        return cores
    }
}
