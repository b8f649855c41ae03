import CTapioLibBPF
import Glibc
import TapioBPF
import TapioRings

/// Sizes of the rings.
public struct KernelPlaneConfiguration: Sendable, Equatable {
    /// Bytes of each CPU's urgent ring: a power of two, at least a page.
    public var urgentBytes = 1 << 20
    /// Bytes of each CPU's bulk ring: a power of two, at least a page.
    public var bulkBytes = 4 << 20

    /// The defaults: 1 MiB urgent and 4 MiB bulk for each CPU.
    public init() {}

    func bytes(of lane: RingLane) -> Int {
        lane == .urgent ? urgentBytes : bulkBytes
    }
}

/// The maps that all BPF objects share: the rings (two for each online CPU), the counters and the control page. They
/// live as long as this object; collectors come and go without touching them.
public final class KernelPlane: Sendable {
    /// The rings of all CPUs that were online at the start: by CPU, urgent before bulk.
    public let rings: [KernelRing]
    /// Settings that running programs read.
    public let control: ControlPage
    /// What was asked for.
    public let configuration: KernelPlaneConfiguration
    /// Whether each CPU's rings lie on its NUMA node. Not so on a kernel without NUMA, or one that refuses.
    public let ringsLieOnNodes: Bool

    private let ringsMap: Descriptor
    private let countersMap: Descriptor
    private let controlMap: Descriptor
    private let possibleCPUs: Int

    /// Creates the maps and maps them into memory. Needs CAP_BPF and CAP_PERFMON, or root.
    public init(configuration: KernelPlaneConfiguration = KernelPlaneConfiguration()) throws(KernelError) {
        for lane in RingLane.allCases {
            try Self.check(ringBytes: configuration.bytes(of: lane), lane)
        }
        self.configuration = configuration
        possibleCPUs = Int(libbpf_num_possible_cpus())
        guard possibleCPUs > 0 else {
            throw KernelError(code: Int32(-possibleCPUs), action: "count", subject: "CPUs")
        }
        countersMap = try Self.map(
            BPF_MAP_TYPE_PERCPU_ARRAY,
            "tapio_cpu",
            value: MemoryLayout<tapio_cpu_state>.size,
            entries: 1
        )
        controlMap = try Self.map(
            BPF_MAP_TYPE_ARRAY,
            "tapio_control",
            value: MemoryLayout<tapio_control>.size,
            entries: 1,
            flags: UInt32(BPF_F_MMAPABLE)
        )
        control = try ControlPage(mapping: controlMap.number)
        for kind in UInt8.min...UInt8.max {
            control.setKeep(ControlPage.keepAll, kind: kind)
        }
        control.salt = .random(in: .min ... .max)
        let topology = try Self.topology()
        ringsLieOnNodes = Self.canPlaceRings(topology)
        // The outer map learns from an example what its values are. Its flags count, not its size: either all rings say
        // where they lie, or none does.
        let example = try Self.ringMap(
            bytes: Int(getpagesize()),
            node: ringsLieOnNodes ? anyNode : nil,
            subject: "tapio_ring"
        )
        ringsMap = try Self.map(
            BPF_MAP_TYPE_ARRAY_OF_MAPS,
            "tapio_rings",
            value: 4,
            entries: possibleCPUs * Int(TAPIO_LANES),
            inner: example.number
        )

        var rings: [KernelRing] = []
        for cpu in topology.online where cpu < possibleCPUs {
            let node = ringsLieOnNodes ? topology.node(of: cpu) ?? anyNode : nil
            for lane in RingLane.allCases {
                rings.append(
                    try Self.ring(cpu, lane, bytes: configuration.bytes(of: lane), node: node, outer: ringsMap.number)
                )
            }
        }
        self.rings = rings
    }

    /// The ring of a CPU's lane; nil where the CPU was offline at the start.
    public func ring(cpu: Int, lane: RingLane) -> KernelRing? {
        rings.first { $0.cpu == cpu && $0.lane == lane }
    }

    /// All counters, in one look-up: O(possible CPUs × 10 KiB).
    public func counters() throws(KernelError) -> CounterSnapshot {
        let words = CounterSnapshot.wordsPerCPU * possibleCPUs
        var result: Int32 = 0
        // The kernel writes one value for each possible CPU, rounded up to 8 bytes: `words` words in all.
        let values = unsafe [UInt64](unsafeUninitializedCapacity: words) { buffer, count in
            unsafe buffer.initialize(repeating: 0)
            var key: UInt32 = 0
            result = unsafe bpf_map_lookup_elem(countersMap.number, &key, buffer.baseAddress)
            count = words
        }
        guard result == 0 else {
            throw KernelError(code: errno, action: "read", subject: "tapio_cpu")
        }
        return CounterSnapshot(words: values)
    }

    /// The shared maps by the names that objects give them.
    var sharedMaps: [(name: String, descriptor: Int32)] {
        [
            ("tapio_cpu", countersMap.number), ("tapio_control", controlMap.number), ("tapio_rings", ringsMap.number),
        ]
    }

    private static func topology() throws(KernelError) -> CPUTopology {
        do {
            return try CPUTopology.current()
        } catch {
            throw KernelError(code: 0, action: "list", subject: "the online CPUs: \(error)")
        }
    }

    /// Whether the kernel makes a ring on a node, tried with one of a page.
    private static func canPlaceRings(_ topology: CPUTopology) -> Bool {
        guard let node = topology.nodes.first(where: { !$0.cpus.isEmpty })?.number else { return false }
        do throws(KernelError) {
            _ = try ringMap(bytes: Int(getpagesize()), node: node, subject: "tapio_ring")
            return true
        } catch {
            return false
        }
    }

    private static func check(ringBytes: Int, _ lane: RingLane) throws(KernelError) {
        let page = Int(getpagesize())
        guard ringBytes >= page, ringBytes.nonzeroBitCount == 1, ringBytes <= 1 << 30 else {
            throw KernelError(
                code: EINVAL,
                action: "use \(ringBytes) bytes for",
                subject: "the \(lane) rings",
                remedy: "give a power of two from \(page) to \(1 << 30)"
            )
        }
    }

    private static func map(
        _ type: bpf_map_type,
        _ name: String,
        key: Int = 4,
        value: Int,
        entries: Int,
        flags: UInt32 = 0,
        inner: Int32 = 0
    ) throws(KernelError) -> Descriptor {
        let result = unsafe tapio_bpf_map_create(
            type,
            name,
            UInt32(key),
            UInt32(value),
            UInt32(entries),
            flags,
            inner,
            Int32(anyNode)
        )
        guard result >= 0 else { throw KernelError(code: -result, action: "create map", subject: name) }
        return Descriptor(owning: result)
    }

    /// A ring map whose memory comes from a NUMA node; `anyNode`: from any, but created alike; nil: created without one.
    private static func ringMap(bytes: Int, node: Int?, subject: String) throws(KernelError) -> Descriptor {
        let created = unsafe tapio_bpf_map_create(
            BPF_MAP_TYPE_RINGBUF,
            "tapio_ring",
            0,
            0,
            UInt32(bytes),
            node == nil ? 0 : UInt32(BPF_F_NUMA_NODE),
            0,
            Int32(clamping: node ?? anyNode)
        )
        guard created >= 0 else { throw KernelError(code: -created, action: "create", subject: subject) }
        return Descriptor(owning: created)
    }

    private static func ring(
        _ cpu: Int,
        _ lane: RingLane,
        bytes: Int,
        node: Int?,
        outer: Int32
    ) throws(KernelError) -> KernelRing {
        let name = "ring of cpu \(cpu), \(lane)"
        let descriptor = try ringMap(bytes: bytes, node: node, subject: name)
        var key = UInt32(lane.index(cpu: cpu))
        var value = descriptor.number
        guard unsafe bpf_map_update_elem(outer, &key, &value, UInt64(BPF_ANY)) == 0 else {
            throw KernelError(code: errno, action: "register", subject: name)
        }
        let memory = try RingMemory(mapping: descriptor.number, size: bytes, subject: name)
        return KernelRing(memory: memory, descriptor: descriptor, cpu: cpu, lane: lane)
    }
}

/// What the kernel takes for a node where none is preferred (NUMA_NO_NODE).
private let anyNode = -1
