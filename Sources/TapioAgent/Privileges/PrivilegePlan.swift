/// Which capabilities the agent keeps once everything is attached. docs/privileges.md says what each is for.
///
/// Kept is what starting a collector again, a reload and a look-up take; what only the start took goes, and so does all
/// that nothing ever takes. The plan is a value: who holds what is looked up elsewhere.
struct PrivilegePlan: Equatable {
    /// Numbers of capabilities(7).
    enum Capability: UInt64 {
        case dacOverride = 1
        case dacReadSearch = 2
        case netAdmin = 12
        case sysPtrace = 19
        case sysAdmin = 21
        case perfmon = 38
        case bpf = 39
        case checkpointRestore = 40

        var bit: UInt64 { 1 << rawValue }
    }

    /// What a plan depends on beside the capabilities.
    struct Circumstances: Equatable {
        /// kernel.perf_event_paranoid: above 2, which Debian and Ubuntu have added, CAP_PERFMON is not enough for events of perf.
        var perfEventParanoid = 2
        /// Whether heap memory of other processes is followed (collectors.leak).
        var followsHeaps = false
        /// Whether the archive's directories belong to the agent's user.
        var ownsArchive = true
    }

    /// Capabilities that stay, as a bit set.
    let kept: UInt64
    /// Capabilities that go, as a bit set.
    let dropped: UInt64

    /// The plan for an agent that holds these capabilities.
    init(held: UInt64, _ circumstances: Circumstances) {
        kept = held & Self.needed(held: held, circumstances)
        dropped = held & ~kept
    }

    /// What the collectors take while they run, whether it is held or not.
    static func needed(held: UInt64, _ circumstances: Circumstances) -> UInt64 {
        var needed: [Capability] = [.bpf, .perfmon, .netAdmin, .dacReadSearch]
        // For BPF it stands in for any of these, and a container's runtime may know no other (capabilities(7)).
        let finer = Capability.bpf.bit | Capability.perfmon.bit | Capability.netAdmin.bit
        if held & finer != finer || circumstances.perfEventParanoid > 2 { needed.append(.sysAdmin) }
        // Maps, files and roots of other users' processes.
        if circumstances.followsHeaps { needed += [.sysPtrace, .checkpointRestore] }
        if !circumstances.ownsArchive { needed.append(.dacOverride) }
        return needed.reduce(0) { $0 | $1.bit }
    }
}
