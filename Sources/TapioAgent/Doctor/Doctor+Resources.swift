import TapioCollectors
import TapioEvents

extension Doctor {
    // MARK: Privileges

    /// Bits of capabilities(7).
    private enum Capability {
        static let sysAdmin: UInt64 = 1 << 21
        static let perfmon: UInt64 = 1 << 38
        static let bpf: UInt64 = 1 << 39
    }

    var privilegeFindings: [DoctorReport.Finding] {
        [user, capabilities, afterStart, processNamespace, openFiles].compactMap { $0 }
    }

    private var user: DoctorReport.Finding {
        guard let id = system.userID else { return .init(.privileges, "user", .note, "not known") }
        return .init(.privileges, "user", .ok, id == 0 ? "root" : "uid \(id)")
    }

    private var capabilities: DoctorReport.Finding {
        let held = system.capabilities ?? 0
        if held & Capability.sysAdmin != 0 {
            return .init(.privileges, "capabilities", .ok, "CAP_SYS_ADMIN, which stands for CAP_BPF and CAP_PERFMON")
        }
        let needed = [("CAP_BPF", Capability.bpf), ("CAP_PERFMON", Capability.perfmon)]
        let missing = needed.filter { held & $0.1 == 0 }.map(\.0)
        if missing.isEmpty { return .init(.privileges, "capabilities", .ok, "CAP_BPF and CAP_PERFMON") }
        return .init(
            .privileges,
            "capabilities",
            .problem,
            "\(missing.joined(separator: " and ")) missing",
            remedy:
                "run as root, or grant them: setcap cap_bpf,cap_perfmon+ep tapio, or AmbientCapabilities= of systemd"
        )
    }

    private var processNamespace: DoctorReport.Finding? {
        // One number for each pid namespace from the one of this /proc inward.
        guard let numbers = system.status("NSpid"), numbers.split(whereSeparator: \.isWhitespace).count > 1 else {
            return nil
        }
        return .init(
            .privileges,
            "pid namespace",
            .warning,
            "not the host's: pids in events differ from those seen here",
            remedy: "run with the host's: hostPID: true in Kubernetes, --pid=host with podman or docker"
        )
    }

    private var openFiles: DoctorReport.Finding? {
        guard let limit = system.limit("Max open files") else { return nil }
        // Two rings for each CPU, a program and a link for each probe, segments, clients.
        let needed = UInt64(2 * system.onlineCPUs + 256)
        guard let soft = limit.soft, soft < needed else {
            return .init(.privileges, "open files", .ok, limit.soft.map { "up to \($0)" } ?? "unlimited")
        }
        return .init(
            .privileges,
            "open files",
            .warning,
            "up to \(soft); the agent may need \(needed)",
            remedy: "ulimit -n \(needed), or LimitNOFILE= of systemd"
        )
    }

    // MARK: Collectors

    /// Each collector's verdict. What is wrong with the machine is told once, there; here is what it means.
    func collectorFindings(_ machine: [DoctorReport.Finding]) -> [DoctorReport.Finding] {
        let obstacles = machine.filter { $0.verdict == .problem }
        // Without privileges the kernel refuses everything, which would say nothing new.
        let refusal = obstacles.isEmpty ? system.probe() : nil
        let missing = obstacles.contains { $0.name == "btf" } ? nil : system.missingTracepoints(collectors)
        return collectors.map { collector in
            let name = collector.name
            if configuration.collectors[name]?.enabled == false {
                return .init(.collectors, name, .note, "switched off by the configuration")
            }
            switch collector.readiness() {
            case .ready: break
            case .unavailable(let reason):
                return .init(.collectors, name, .note, "has nothing to watch: \(reason)")
            case .misconfigured(let reason): return .init(.collectors, name, .problem, "cannot run: \(reason)")
            }
            if let refusal {
                return .init(.collectors, name, .problem, "cannot run: the kernel refuses BPF", remedy: refusal)
            }
            if !obstacles.isEmpty {
                let names = obstacles.map(\.name).joined(separator: ", ")
                return .init(.collectors, name, .problem, "cannot run", remedy: "see \(names) above")
            }
            return finding(of: collector, lacking: missing?[name] ?? [])
        }
    }

    private func finding(of collector: CollectorDescriptor, lacking: [String]) -> DoctorReport.Finding {
        let name = collector.name
        let switchOff = "switch it off: --set collectors.\(name).enabled=false"
        let list = lacking.joined(separator: ", ")
        if !lacking.isEmpty && lacking.count == collector.tracepoints.count {
            return .init(
                .collectors,
                name,
                .problem,
                "cannot run: this kernel lacks \(list)",
                remedy: "run a kernel that has them, or \(switchOff)"
            )
        }
        let needs = system.unmetNeeds(collector, configuration.options(of: collector))
        if let need = needs.first(where: \.isEssential) {
            let remedy = "\(need.remedy); or \(switchOff)"
            return .init(.collectors, name, .problem, "cannot run: this machine lacks \(need.what)", remedy: remedy)
        }
        let doesWithout =
            (lacking.isEmpty ? [] : ["what needs \(list), which this kernel lacks"]) + needs.map { "\($0.what)" }
        guard doesWithout.isEmpty else {
            let detail = "can run, without \(doesWithout.joined(separator: "; "))"
            return .init(.collectors, name, .warning, detail, remedy: needs.first?.remedy)
        }
        let kinds = collector.schemas.map(\.name).joined(separator: ", ")
        return .init(.collectors, name, .ok, "can run: \(kinds)")
    }

    // MARK: What the configuration means here

    var ringFindings: [DoctorReport.Finding] {
        let rings = configuration.rings
        return [
            .init(.rings, "urgent", .ok, RingStall.urgent(ringBytes: rings.urgentBytes).text),
            .init(.rings, "bulk", .ok, RingStall.bulk(ringBytes: rings.bulkBytes).text),
        ]
    }

    var memoryFindings: [DoctorReport.Finding] {
        let bound = MemoryBound(configuration, cpus: system.onlineCPUs)
        let total = Int64(bound.total)
        func text(_ bytes: Int64) -> String { HumanUnits.bytes(bytes) }
        let detail = "at most \(text(total)) in flight: \(bound.detail)"
        let remedy = "make queue.max_bytes or rings.bulk_bytes smaller"
        if let limit = system.memoryLimitBytes, limit < total {
            return [
                .init(
                    .memory,
                    "budget",
                    .warning,
                    "\(detail); the control group allows only \(text(limit))",
                    remedy: remedy + ", or raise its limit"
                )
            ]
        }
        if let memory = system.memoryBytes, memory / 4 < total {
            return [
                .init(.memory, "budget", .warning, "\(detail); more than a quarter of \(text(memory))", remedy: remedy)
            ]
        }
        return [.init(.memory, "budget", .ok, detail)]
    }

    /// CPU time of an event from ring to archive, nanoseconds: 1,000 for most, up to this for a process's begin and end, of which
    /// more is found out (bench-results/).
    private static let nsPerEvent = 6000.0
    /// With less, looking at the rings alone takes too great a part of it.
    private static let leastCores = 0.1

    var cpuFindings: [DoctorReport.Finding] {
        let encoders = configuration.encoders ?? 1
        guard let cores = system.cpuLimit else {
            let threads = "\(encoders) encoder\(encoders == 1 ? "" : "s") and the readers"
            return [.init(.cpu, "cpu budget", .ok, "no quota: \(threads) take what they need, 1 to 6 µs an event")]
        }
        let rate = HumanUnits.count(Int64(cores * 1e9 / Self.nsPerEvent))
        let detail =
            "\(HumanUnits.decimal(cores, decimals: 2)) cores by the control group's quota: \(rate) events/s at 6 µs each, what processes take"
        guard cores < Self.leastCores else { return [.init(.cpu, "cpu budget", .ok, detail)] }
        return [
            .init(
                .cpu,
                "cpu budget",
                .warning,
                "\(detail), fewer while it waits for its turn",
                remedy:
                    "raise the quota: resources.limits.cpu in Kubernetes, CPUQuota= of systemd; half a core is plenty"
            )
        ]
    }

    var archiveFindings: [DoctorReport.Finding] {
        let path = configuration.archive.path
        guard system.mayWrite(path) else {
            return [
                .init(
                    .archive,
                    "directory",
                    .warning,
                    "this user may not write to \(path)",
                    remedy: "run as a user that may, or name another with --archive or archive.path"
                )
            ]
        }
        guard let space = system.space(path), space.total > 0 else {
            return [.init(.archive, "directory", .ok, path)]
        }
        let free = "\(path), \(HumanUnits.bytes(space.free)) free"
        let retention = configuration.archive.retention
        let percent = Double(space.free) * 100 / Double(space.total)
        if percent < Double(retention.minFreePercent) {
            let own = "archive.retention.min_free_percent is \(retention.minFreePercent)"
            return [
                .init(
                    .archive,
                    "directory",
                    .warning,
                    "\(free) (\(HumanUnits.decimal(percent, decimals: 1)) %), and \(own): the oldest segments go at once",
                    remedy: "make room, or name another directory with --archive or archive.path"
                )
            ]
        }
        if let limit = retention.maxBytes, Int64(limit) > space.free {
            return [
                .init(
                    .archive,
                    "directory",
                    .note,
                    "\(free), less than archive.retention.max_bytes (\(HumanUnits.bytes(Int64(limit)))): free space limits it first"
                )
            ]
        }
        return [.init(.archive, "directory", .ok, free)]
    }
}
