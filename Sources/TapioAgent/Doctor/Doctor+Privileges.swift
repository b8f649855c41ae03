import TapioCollectors

extension Doctor {
    /// What an agent that is started like this process keeps and drops once everything is attached.
    var afterStart: DoctorReport.Finding? {
        guard let held = system.capabilities, held != 0 else { return nil }
        let circumstances = PrivilegePlan.Circumstances(
            perfEventParanoid: system.perfEventParanoid,
            followsHeaps: configuration.wantedCollectors["leak"] != nil
        )
        let plan = PrivilegePlan(held: held, circumstances)
        let lacking = CapabilityNames.names(in: PrivilegePlan.needed(held: held, circumstances) & ~held)
        let kept = "an agent keeps \(CapabilityNames.names(in: plan.kept).joined(separator: ", ")) once it has started"
        let detail = "\(kept), and drops \(plan.dropped.nonzeroBitCount) others"
        guard !lacking.isEmpty else { return .init(.privileges, "after the start", .ok, detail) }
        return .init(
            .privileges,
            "after the start",
            .note,
            "\(detail); this process lacks \(lacking.joined(separator: ", "))",
            remedy: "docs/privileges.md says what works without"
        )
    }
}

extension SystemView {
    /// kernel.perf_event_paranoid; 2, which is the kernel's own, where it cannot be read.
    var perfEventParanoid: Int { text("/proc/sys/kernel/perf_event_paranoid").flatMap { Int($0) } ?? 2 }
}
