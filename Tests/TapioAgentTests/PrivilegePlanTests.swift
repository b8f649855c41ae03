import TapioCollectors
import Testing

@testable import TapioAgent

@Suite("Which capabilities the agent keeps") struct PrivilegePlanTests {
    private typealias Capability = PrivilegePlan.Capability
    /// What root has.
    private let all: UInt64 = 0x1ff_ffff_ffff

    private func kept(_ held: UInt64, _ change: (inout PrivilegePlan.Circumstances) -> Void = { _ in }) -> [String] {
        var circumstances = PrivilegePlan.Circumstances()
        change(&circumstances)
        let plan = PrivilegePlan(held: held, circumstances)
        #expect(plan.kept | plan.dropped == held && plan.kept & plan.dropped == 0)
        return CapabilityNames.names(in: plan.kept)
    }

    @Test("of root's, those that starting a collector again and looking up cgroups take")
    func root() {
        #expect(kept(all) == ["dac_read_search", "net_admin", "perfmon", "bpf"])
    }

    @Test("following heaps, events of perf and an archive of somebody else's keep what they take")
    func circumstances() {
        func more(_ change: (inout PrivilegePlan.Circumstances) -> Void) -> Set<String> {
            Set(kept(all, change)).subtracting(["dac_read_search", "net_admin", "perfmon", "bpf"])
        }
        let heaps = more { $0.followsHeaps = true }
        #expect(heaps == ["sys_ptrace", "checkpoint_restore"])
        let paranoid = more { $0.perfEventParanoid = 3 }
        #expect(paranoid == ["sys_admin"])
        let strange = more { $0.ownsArchive = false }
        #expect(strange == ["dac_override"])
    }

    @Test("CAP_SYS_ADMIN stays only where it stands in for a finer one")
    func standIn() {
        #expect(kept(Capability.sysAdmin.bit) == ["sys_admin"])
        #expect(kept(all & ~Capability.bpf.bit).contains("sys_admin"))
        #expect(kept(all & ~Capability.netAdmin.bit).contains("sys_admin"))
        #expect(!kept(all).contains("sys_admin"))
    }

    @Test("nothing is kept that is not held, and unknown ones go")
    func bounds() {
        #expect(kept(0) == [])
        #expect(kept(1 << 63 | 1 << 50) == [])
        #expect(CapabilityNames.names(in: 1 << 63 | 1) == ["chown", "capability_63"])
    }
}
