import TapioCollectors
import TapioKernel
import Testing

@testable import TapioAgent

@Suite("The doctor") struct DoctorTests {
    private func examine(
        _ view: SystemView,
        _ change: (inout AgentConfiguration) -> Void = { _ in }
    ) -> DoctorReport {
        var configuration = AgentConfiguration()
        change(&configuration)
        return Doctor(system: view, configuration: configuration, collectors: [ProcessCollector.descriptor]).examine()
    }

    private func finding(
        _ name: String,
        in report: DoctorReport,
        at location: SourceLocation = #_sourceLocation
    ) throws -> DoctorReport.Finding {
        try #require(report.findings.first { $0.name == name }, "no finding \(name)", sourceLocation: location)
    }

    @Test("a machine on which everything works has no problem and no warning")
    func wellMachine() throws {
        let report = examine(try DoctorTree().view())
        #expect(report.isHealthy)
        #expect(report.findings.filter { $0.verdict > .note } == [])
        #expect(try finding("process", in: report).detail.hasPrefix("can run: process_exec"))
    }

    @Test("without BTF no collector can run, and the remedy names the kernel option")
    func withoutBTF() throws {
        let tree = try DoctorTree()
        try tree.remove("/sys/kernel/btf/vmlinux")
        let report = examine(tree.view(missing: nil))
        #expect(!report.isHealthy)
        #expect(!report.lacksOnlyPrivileges)
        #expect(try finding("btf", in: report).remedy?.contains("CONFIG_DEBUG_INFO_BTF") == true)
        let collector = try finding("process", in: report)
        #expect(collector.verdict == .problem)
        #expect(collector.remedy == "see btf above")
    }

    @Test(
        "a kernel before the first that loads the programs is refused, and one that says nothing as well",
        arguments: ["5.4.0-1", "5.18.19", nil]
    )
    func oldKernel(release: String?) throws {
        let tree = try DoctorTree()
        if let release {
            try tree.write("/proc/sys/kernel/osrelease", release)
        } else {
            try tree.remove("/proc/sys/kernel/osrelease")
        }
        #expect(try finding("kernel", in: examine(tree.view(probe: "refused"))).verdict == .problem)
    }

    @Test("an older kernel to which a distribution brought what is needed will do")
    func backports() throws {
        let tree = try DoctorTree()
        try tree.write("/proc/sys/kernel/osrelease", "5.14.0-503.el9")
        #expect(try finding("kernel", in: examine(tree.view())).verdict == .ok)
        try tree.write("/proc/sys/kernel/osrelease", "5.19.0")
        #expect(try finding("kernel", in: examine(tree.view(probe: "refused"))).verdict == .ok)
    }

    @Test(
        "lockdown matters only where it is confidentiality",
        arguments: [
            ("none [integrity] confidentiality", DoctorReport.Verdict.ok),
            ("none integrity [confidentiality]", .problem), ("[none] integrity confidentiality", .ok),
        ]
    )
    func lockdown(text: String, verdict: DoctorReport.Verdict) throws {
        let tree = try DoctorTree()
        try tree.write("/sys/kernel/security/lockdown", text)
        let finding = try finding("lockdown", in: examine(tree.view()))
        #expect(finding.verdict == verdict)
    }

    @Test(
        "CAP_BPF and CAP_PERFMON are enough, and so is CAP_SYS_ADMIN",
        arguments: [
            ("0000000000000000", "CAP_BPF and CAP_PERFMON missing"), ("0000008000000000", "CAP_PERFMON missing"),
            ("000000c000000000", "CAP_BPF and CAP_PERFMON"),
            ("0000000000200000", "CAP_SYS_ADMIN, which stands for CAP_BPF and CAP_PERFMON"),
        ]
    )
    func capabilities(held: String, detail: String) throws {
        let tree = try DoctorTree()
        try tree.status(capabilities: held, uid: 1000)
        let report = examine(tree.view())
        #expect(try finding("capabilities", in: report).detail == detail)
        #expect(report.lacksOnlyPrivileges == detail.hasSuffix("missing"))
    }

    @Test("the kernel is not asked to load anything while something else is known to be wrong")
    func noProbeWithoutPrivileges() throws {
        let tree = try DoctorTree()
        try tree.status(capabilities: "0")
        let report = examine(tree.view(probe: "refused"))
        #expect(try finding("process", in: report).remedy == "see capabilities above")
    }

    @Test("a refusal of the kernel is passed on")
    func refusal() throws {
        let report = examine(try DoctorTree().view(probe: "cannot load a BPF program: EPERM; check kernel lockdown"))
        #expect(try finding("process", in: report).remedy?.contains("check kernel lockdown") == true)
        #expect(!report.isHealthy)
    }

    @Test("without a cluster the collector that watches one has nothing to do, which is no problem")
    func withoutCluster() throws {
        let view = try DoctorTree().view()
        let report = Doctor(system: view, configuration: AgentConfiguration()).examine()
        let finding = try finding("kubernetes", in: report)
        #expect(
            finding.verdict == .note && finding.detail.contains("set kubernetes.kubeconfig or kubernetes.url"),
            "\(finding.detail)"
        )
        #expect(report.isHealthy)
        var configuration = AgentConfiguration()
        configuration.kubernetes.mode = .off
        let off = Doctor(system: view, configuration: configuration).examine()
        #expect(try self.finding("kubernetes", in: off).detail.contains("kubernetes.mode is off"))
    }

    @Test("a cluster that is configured wrongly is a problem, and one that can be asked is none")
    func cluster() throws {
        var view = try DoctorTree().view()
        var configuration = AgentConfiguration()
        configuration.kubernetes.url = "https://127.0.0.1:6443"
        let well = Doctor(system: view, configuration: configuration).examine()
        #expect(try finding("kubernetes", in: well).verdict == .ok)
        configuration.kubernetes.tokenFile = "/nowhere/token"
        let report = Doctor(system: view, configuration: configuration).examine()
        let refused = try finding("kubernetes", in: report)
        #expect(refused.verdict == .problem && refused.detail.contains("/nowhere/token"), "\(refused.detail)")
        // A pod without its service account.
        view.environment = ["KUBERNETES_SERVICE_HOST": "10.0.0.1"]
        let pod = Doctor(system: view, configuration: AgentConfiguration()).examine()
        let mount = try finding("kubernetes", in: pod)
        #expect(mount.verdict == .problem && mount.detail.contains("serviceaccount"), "\(mount.detail)")
    }

    @Test("without tracefs the remedy is the command that mounts it")
    func withoutTracefs() throws {
        let tree = try DoctorTree()
        try tree.mounts(["cgroup2 /sys/fs/cgroup cgroup2 rw 0 0"])
        let report = examine(tree.view())
        #expect(try finding("tracefs", in: report).remedy == "mount -t tracefs tracefs /sys/kernel/tracing")
        #expect(try finding("bpffs", in: report).verdict == .note)
        #expect(!report.isHealthy)
    }

    @Test("what a collector needs beside tracepoints keeps it from running, or it does without")
    func unmetNeeds() throws {
        let tree = try DoctorTree()
        let essential = examine(tree.view(needs: [CollectorNeed("cgroups of version 2", remedy: "mount them")]))
        let refused = try finding("process", in: essential)
        #expect(refused.verdict == .problem && refused.detail == "cannot run: this machine lacks cgroups of version 2")
        #expect(refused.remedy?.hasPrefix("mount them; or switch it off") == true)
        let other = CollectorNeed("/proc/pressure/memory, for pressure", remedy: "boot with psi=1", isEssential: false)
        let some = examine(tree.view(missing: ["process": ["sched_process_fork"]], needs: [other]))
        let partial = try finding("process", in: some)
        #expect(partial.verdict == .warning && partial.remedy == "boot with psi=1")
        #expect(partial.detail.contains("sched_process_fork") && partial.detail.contains("/proc/pressure/memory"))
        #expect(some.isHealthy)
    }

    @Test("an interface to count at has to be named, and to be there")
    func interfaces() {
        func needs(_ names: [String]) -> [CollectorNeed] {
            var options = CollectorOptions()
            options.set(FlowCollector.interfaces, names)
            return FlowCollector.descriptor.unmetNeeds(options).filter { $0.what != "CAP_NET_ADMIN" }
        }
        #expect(needs([]).map(\.isEssential) == [true])
        #expect(needs(["lo"]).isEmpty)
        #expect(needs(["tapio-none"]).map(\.isEssential) == [true])
        #expect(needs(["lo", "tapio-none"]).map(\.what) == ["the interface tapio-none"])
        #expect(needs(["lo", "tapio-none"]).map(\.isEssential) == [false])
    }

    @Test("one missing tracepoint is a warning, all of them keep the collector from running")
    func missingTracepoints() throws {
        let tree = try DoctorTree()
        let all = ProcessCollector.descriptor.tracepoints.map(\.name)
        let some = examine(tree.view(missing: ["process": [all[0]]]))
        #expect(try finding("process", in: some).verdict == .warning)
        #expect(some.isHealthy)
        let none = examine(tree.view(missing: ["process": all]))
        #expect(try finding("process", in: none).remedy?.contains("--set collectors.process.enabled=false") == true)
        #expect(!none.isHealthy)
    }

    @Test("a collector that is switched off keeps nobody from being well")
    func switchedOff() throws {
        let tree = try DoctorTree()
        let report = examine(tree.view(probe: "refused")) { $0.collectors["process"] = .init(enabled: false) }
        #expect(try finding("process", in: report).verdict == .note)
        #expect(report.isHealthy)
    }

    @Test("in another pid namespace it says how to get the host's")
    func pidNamespace() throws {
        let tree = try DoctorTree()
        try tree.status(capabilities: "000001ffffffffff", namespacePids: "4711\t1")
        #expect(try finding("pid namespace", in: examine(tree.view())).remedy?.contains("hostPID: true") == true)
    }

    @Test("too few open files are a warning that names how many")
    func openFiles() throws {
        let tree = try DoctorTree()
        try tree.limits(openFiles: "64")
        let finding = try finding("open files", in: examine(tree.view()))
        #expect(finding.verdict == .warning && finding.remedy?.contains("ulimit -n") == true)
    }

    @Test(
        "the rings' stall is counted in whole records with their headers, of which one byte less than the ring may be taken",
        arguments: [
            (4096, 504, 7),  // 8 × 512 is the whole ring: one too many
            (4096, 500, 7),  // rounded up to the same
            (4096, 96, 39),  // 39 × 104 = 4056
            (4096, 4087, 0),  // 4096 with its header
            (1 << 20, 1016, 1023),
        ]
    )
    func stall(ringBytes: Int, recordBytes: Int, records: Int) {
        let stall = RingStall(ringBytes: ringBytes, recordBytes: recordBytes, recordsPerSecond: 1000)
        #expect(stall.records == records)
        #expect(stall.lost(of: records) == 0 && stall.lost(of: records + 5) == 5)
        #expect(stall.survivedNs == Int64(records) * 1_000_000)
    }

    @Test("the doctor states the bound in bytes, records and time")
    func stallText() {
        #expect(
            RingStall.urgent(ringBytes: 1 << 20).text
                == "1MiB per CPU hold 2,047 records of 504 B, 127 of the greatest, 8,192 B: a stall of 204.7ms at 10,000/s of 504 B on it loses nothing"
        )
    }

    @Test("a budget above the control group's limit is a warning, whichever parent sets it")
    func memoryLimit() throws {
        let tree = try DoctorTree()
        #expect(try finding("budget", in: examine(tree.view())).verdict == .ok)
        try tree.write("/sys/fs/cgroup/system.slice/tapio.service/memory.max", "max\n")
        try tree.write("/sys/fs/cgroup/system.slice/memory.max", "67108864\n")
        let finding = try finding("budget", in: examine(tree.view()))
        #expect(finding.verdict == .warning)
        #expect(finding.detail.contains("only 64MiB"))
    }

    @Test("a quota of CPU time is told in events; hardly any is a warning, whichever parent sets it")
    func cpuLimit() throws {
        let tree = try DoctorTree()
        #expect(try finding("cpu budget", in: examine(tree.view())).detail.contains("no quota"))
        try tree.write("/sys/fs/cgroup/system.slice/tapio.service/cpu.max", "max 100000\n")
        try tree.write("/sys/fs/cgroup/system.slice/cpu.max", "50000 100000\n")
        let half = try finding("cpu budget", in: examine(tree.view()))
        #expect(
            half.verdict == .ok && half.detail.contains("0.5") && half.detail.contains("83,333 events/s"),
            "\(half)"
        )
        try tree.write("/sys/fs/cgroup/system.slice/tapio.service/cpu.max", "5000 100000\n")
        #expect(try finding("cpu budget", in: examine(tree.view())).verdict == .warning)
    }

    @Test("the budget follows the configuration")
    func budget() throws {
        let tree = try DoctorTree()
        let report = examine(tree.view()) { $0.rings.bulkBytes = 64 << 20 }
        #expect(try finding("budget", in: report).detail.contains("rings 260MiB"))
    }

    @Test("an archive that nobody may write to, or that has no room, is a warning")
    func archive() throws {
        let tree = try DoctorTree()
        #expect(try finding("directory", in: examine(tree.view(mayWrite: false))).verdict == .warning)
        #expect(try finding("directory", in: examine(tree.view(space: (1 << 30, 100 << 30)))).verdict == .warning)
        #expect(try finding("directory", in: examine(tree.view(space: (7 << 30, 20 << 30)))).verdict == .note)
    }

    @Test("nothing readable at all gives findings, not a crash")
    func emptyTree() throws {
        let tree = try DoctorTree()
        var view = tree.view(missing: nil, isSynchronised: nil, space: nil)
        view.root = tree.root + "/nowhere"
        let report = examine(view)
        #expect(!report.isHealthy)
        #expect(report.findings.allSatisfy { $0.verdict != .problem || $0.remedy != nil })
    }
}
