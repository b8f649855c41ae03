public import TapioCollectors
import TapioEvents
import TapioKernel

/// Says what works on this machine and what would help. Changes nothing, needs no agent and no privileges.
public struct Doctor: Sendable {
    let system: SystemView
    let configuration: AgentConfiguration
    let collectors: [CollectorDescriptor]

    /// A doctor for these collectors, or for all of them, under this configuration.
    public init(
        system: SystemView = .real,
        configuration: AgentConfiguration,
        collectors: [CollectorDescriptor]? = nil
    ) {
        self.system = system
        self.configuration = configuration
        let cluster = ClusterSource(
            configuration.kubernetes,
            nodeName: configuration.nodeName,
            environment: system.environment
        )
        self.collectors = collectors ?? CollectorRegistry.all(watching: cluster)
    }

    /// Looks at everything.
    public func examine() -> DoctorReport {
        let machine = systemFindings + privilegeFindings + mountFindings
        let findings =
            machine + collectorFindings(machine) + ringFindings + memoryFindings + cpuFindings + archiveFindings
        return DoctorReport(findings: findings)
    }

    // MARK: Machine

    private var systemFindings: [DoctorReport.Finding] {
        [kernel, btf, lockdown, jit, statistics, cpus, clock].compactMap { $0 }
    }

    private var kernel: DoctorReport.Finding {
        guard let release = system.kernelRelease, let version = SystemView.version(ofRelease: release) else {
            return .init(
                .system,
                "kernel",
                .problem,
                "/proc is not readable",
                remedy: "mount /proc: mount -t proc proc /proc"
            )
        }
        let oldest = "\(KernelSupport.oldest.major).\(KernelSupport.oldest.minor)"
        if version >= KernelSupport.oldest { return .init(.system, "kernel", .ok, release) }
        // Distributions bring features to older kernels, whatever their number says.
        if system.probe() == nil { return .init(.system, "kernel", .ok, "\(release), with what came with \(oldest)") }
        return .init(
            .system,
            "kernel",
            .problem,
            "\(release): what programs emit records with came with \(oldest), and is not found here",
            remedy: "run Linux \(oldest) or later"
        )
    }

    private var btf: DoctorReport.Finding {
        let path = "/sys/kernel/btf/vmlinux"
        if system.exists(path) { return .init(.system, "btf", .ok, path) }
        return .init(
            .system,
            "btf",
            .problem,
            "\(path) is missing: programs cannot find the kernel's fields",
            remedy: "run a kernel built with CONFIG_DEBUG_INFO_BTF=y (and in a container, mount the host's /sys)"
        )
    }

    private var lockdown: DoctorReport.Finding {
        guard let text = system.text("/sys/kernel/security/lockdown") else {
            return .init(.system, "lockdown", .ok, "not in force, or not readable")
        }
        // "none [integrity] confidentiality": the bracketed one is in force.
        let mode = text.split(separator: "[").last?.split(separator: "]").first.map(String.init) ?? text
        if mode == "confidentiality" {
            return .init(
                .system,
                "lockdown",
                .problem,
                "confidentiality: BPF programs may not read kernel memory",
                remedy: "boot with lockdown=integrity, or without Secure Boot's lockdown"
            )
        }
        return .init(.system, "lockdown", .ok, mode)
    }

    private var jit: DoctorReport.Finding? {
        guard system.text("/proc/sys/net/core/bpf_jit_enable") == "0" else { return nil }
        return .init(
            .system,
            "bpf jit",
            .warning,
            "off: programs are interpreted, several times slower",
            remedy: "sysctl net.core.bpf_jit_enable=1"
        )
    }

    private var statistics: DoctorReport.Finding? {
        guard system.text("/proc/sys/kernel/bpf_stats_enabled") == "1" else { return nil }
        return .init(
            .system,
            "bpf statistics",
            .note,
            "on: run times are counted, which costs each program some 20 ns a run",
            remedy: "sysctl kernel.bpf_stats_enabled=0 when they are no longer wanted"
        )
    }

    private var cpus: DoctorReport.Finding {
        let memory = system.memoryBytes.map { ", \(HumanUnits.bytes($0)) of memory" } ?? ""
        return .init(.system, "cpus", .ok, "\(system.onlineCPUs) online\(memory)")
    }

    private var clock: DoctorReport.Finding {
        let directory = "/sys/devices/system/clocksource/clocksource0"
        let source = system.text("\(directory)/current_clocksource") ?? "unknown source"
        if ["hpet", "acpi_pm", "jiffies", "refined-jiffies"].contains(source) {
            return .init(
                .system,
                "clock",
                .warning,
                "\(source): reading it costs about 1 us, and every event reads it",
                remedy: "see which are available in \(directory)/available_clocksource"
            )
        }
        if system.isClockSynchronised() == false {
            return .init(
                .system,
                "clock",
                .note,
                "\(source), not synchronised: times of several nodes may not fit together",
                remedy: "run chrony, systemd-timesyncd or the like"
            )
        }
        return .init(.system, "clock", .ok, source)
    }

    private var mountFindings: [DoctorReport.Finding] {
        let mounts = system.mounts
        func mount(_ type: String) -> SystemView.Mount? { mounts.last { $0.type == type } }
        var findings: [DoctorReport.Finding] = []
        if let tracefs = mounts.last(where: { $0.type == "tracefs" && $0.path == "/sys/kernel/tracing" })
            ?? mount("tracefs")
        {
            findings.append(.init(.mounts, "tracefs", .ok, tracefs.path))
        } else {
            findings.append(
                .init(
                    .mounts,
                    "tracefs",
                    .problem,
                    "not mounted: tracepoints are found by it",
                    remedy: "mount -t tracefs tracefs /sys/kernel/tracing"
                )
            )
        }
        if let bpffs = mount("bpf") {
            findings.append(.init(.mounts, "bpffs", .ok, bpffs.path))
        } else {
            findings.append(
                .init(
                    .mounts,
                    "bpffs",
                    .note,
                    "not mounted: the agent pins nothing, but bpftool shows less",
                    remedy: "mount -t bpf bpf /sys/fs/bpf"
                )
            )
        }
        findings.append(cgroups(mounts))
        return findings
    }

    private func cgroups(_ mounts: [SystemView.Mount]) -> DoctorReport.Finding {
        guard let unified = mounts.last(where: { $0.type == "cgroup2" }) else {
            return .init(
                .mounts,
                "cgroups",
                .warning,
                "no cgroup2 file system: cgroup ids name nothing",
                remedy: "mount -t cgroup2 cgroup2 /sys/fs/cgroup (in a container, mount the host's)"
            )
        }
        let isHybrid = mounts.contains { $0.type == "cgroup" }
        return .init(
            .mounts,
            "cgroups",
            .ok,
            unified.path + (isHybrid ? " (hybrid: ids are the memory controller's)" : "")
        )
    }
}
