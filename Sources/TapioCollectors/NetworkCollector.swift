public import TapioKernel

/// Watches TCP over IPv4 and IPv6 in all network namespaces: connections made, accepted, closed and failed, segments
/// sent again, and resets.
///
/// Each event names the process that connected or accepted, or nobody: the process that happens to run is never taken
/// for the owner. Not seen: who accepts through io_uring or 32-bit `socketcall` (its connections get their owner when
/// it closes them).
public actor NetworkCollector: Collector {
    private let plane: KernelPlane
    private var options: CollectorOptions
    private var attached: AttachedObject?
    /// The capacity of the running programs' map.
    private var capacity = 0
    private var existingProblem: String?

    /// A collector that does nothing until it is started.
    public init(plane: KernelPlane, options: CollectorOptions) {
        self.plane = plane
        self.options = options
    }

    /// Attaches, then tells who listens and gives the connections that there are their owners: in that order, so that none
    /// falls between.
    /// Does without the latter where the kernel has no iterator over files.
    public func start() throws(CollectorError) {
        capacity = options[Self.maxSockets]
        existingProblem = nil
        let fresh: AttachedObject
        do throws(CollectorError) {
            fresh = try attach(capacity)
        } catch let refusal {
            fresh = try attach(capacity, without: Self.existing)
            existingProblem = refusal.reason
        }
        if existingProblem == nil {
            do throws(KernelError) {
                try fresh.object.runIterator(Self.existing)
            } catch {
                existingProblem = error.description
            }
        }
        attached = fresh
    }

    /// Detaches. When it returns, what its programs submitted is in the rings.
    public func stop() {
        attached?.object.detach()
        attached = nil
    }

    /// Takes the options over; a new `max_sockets` is used from the next start on.
    public func reconfigure(_ options: CollectorOptions) throws(CollectorError) {
        self.options = options
    }

    /// Its programs, and what it has to do without; throws where it is not attached.
    public func health() throws(CollectorError) -> CollectorHealth {
        guard let attached else { throw CollectorError(collector: Self.name, reason: "it is not attached") }
        var health = attached.health()
        if let existingProblem {
            health.problems.append(
                "who listens already is not told, and connections older than the agent have no owner: \(existingProblem)"
            )
        }
        if options[Self.maxSockets] != capacity {
            health.problems.append("max_sockets is still \(capacity): start the agent again to change it")
        }
        do throws(KernelError) {
            let untracked = try attached.object.perCPUCount(ofMap: "tracking_full")
            if untracked > 0 {
                health.problems.append(
                    "\(untracked) connections could not be remembered, and their events may name no owner; "
                        + "raise max_sockets (now \(capacity))"
                )
            }
        } catch {
            health.problems.append(error.description)
        }
        return health
    }

    private func attach(_ capacity: Int, without program: String? = nil) throws(CollectorError) -> AttachedObject {
        try AttachedObject(Self.name, plane: plane) { (object, _) throws(KernelError) in
            try object.setCapacity(ofMap: "connections", entries: UInt32(capacity))
            if let program { try object.disableProgram(program) }
        }
    }
}

// MARK: - What it declares

extension NetworkCollector {
    static let name = "network"
    private static let existing = "tcp_existing"

    /// How many TCP sockets are remembered at a time, with who owns them; 240 bytes of kernel memory each, as needed.
    public static let maxSockets = CollectorOption(
        "max_sockets",
        1...4_194_304,
        default: 65_536,
        "TCP sockets whose owner is remembered at a time."
    )

    /// Its line in the registry.
    public static let descriptor = CollectorDescriptor(
        name: name,
        summary: "TCP connections opened, accepted, closed and failed, with bytes and times; retransmits and resets.",
        schemas: NetworkSchemas.all,
        options: [maxSockets],
        tracepoints: [
            "inet_sock_set_state", "tcp_destroy_sock", "tcp_retransmit_skb", "tcp_retransmit_synack",
            "tcp_receive_reset", "tcp_send_reset",
        ].map(Tracepoint.init(raw:))
            + ["sys_exit_accept", "sys_exit_accept4"].map { Tracepoint(category: "syscalls", event: $0) },
        make: { NetworkCollector(plane: $0, options: $1) }
    )
}
