import Glibc
import TapioAgent
import TapioTestSupport
import Testing

extension EndToEnd {
    @Suite("Privileges", .timeLimit(.minutes(5)))
    struct PrivilegesTests {
        private static let least = "bpf,perfmon,net_admin,dac_read_search"
        /// Of root's; where the kernel is stricter than its own default, one more.
        private static let kept: [(number: UInt64, name: String)] = {
            let text = String(decoding: TestFile.read("/proc/sys/kernel/perf_event_paranoid") ?? [], as: UTF8.self)
            let isStrict = Int(text.split(separator: "\n").first ?? "") ?? 2 > 2
            return [(2, "dac_read_search"), (12, "net_admin")] + (isStrict ? [(21, "sys_admin")] : [])
                + [(38, "perfmon"), (39, "bpf")]
        }()

        /// What the kernel says of every thread of a process: the distinct values of a field.
        private func values(_ field: String, of pid: pid_t) -> Set<String> {
            Set(
                TestFile.list("/proc/\(pid)/task").flatMap { tid -> [String] in
                    let text = String(decoding: TestFile.read("/proc/\(pid)/task/\(tid)/status") ?? [], as: UTF8.self)
                    return text.split(separator: "\n").filter { $0.hasPrefix(field + ":") }
                        .map { String($0.dropFirst(field.count + 1)).trimmingPrefix { $0.isWhitespace }.description }
                }
            )
        }

        private func hex(_ numbers: [UInt64]) -> String {
            let text = String(numbers.reduce(0) { $0 | 1 << $1 }, radix: 16)
            return String(repeating: "0", count: 16 - text.count) + text
        }

        /// Runs a program of which the archive must tell.
        private func cause(_ mark: String) throws {
            _ = try InteractiveProcess.run(["/usr/bin/env", "true", mark])
        }

        private func saw(_ mark: String, _ agent: AgentProcess) throws -> Bool {
            try ArchiveRows(agent.archive, columns: ["kind", "args"]).of("process_exec")
                .contains { $0.text("args")?.contains(mark) == true }
        }

        @Test(
            "started by root, every thread keeps four capabilities and can gain none; collectors start again with them"
        )
        func root() throws {
            let agent = try AgentProcess()
            let kept = hex(Self.kept.map(\.number))
            #expect(values("CapPrm", of: agent.pid) == [kept])
            #expect(values("CapEff", of: agent.pid) == [kept])
            #expect(values("CapInh", of: agent.pid) == [hex([])])
            #expect(values("CapAmb", of: agent.pid) == [hex([])])
            #expect(values("CapBnd", of: agent.pid) == [kept])
            #expect(values("NoNewPrivs", of: agent.pid) == ["1"])
            let privileges = try #require(try agent.status().privileges)
            #expect(privileges.kept == Self.kept.map(\.name))
            #expect(privileges.dropped.contains("setuid"))
            #expect(privileges.noNewPrivileges && privileges.problem == nil && privileges.bounding == privileges.kept)

            // All of them again, programs at packets and cgroups among them, and threads that are new.
            for isOn in [false, true] {
                let all = [
                    "process", "network", "udp", "dns", "drops", "storage", "memory", "security", "cgroup", "file",
                ]
                let wanted = all.map { "\($0): {enabled: \(isOn)}" }.joined(separator: ", ")
                TestFile.write(agent.configPath, "collectors: {\(wanted), flow: {enabled: \(isOn), interfaces: [lo]}}")
                agent.signal(SIGHUP)
                let done = agent.wait { status in
                    status.configuration.lastReload?.isApplied == true
                        && status.collectors.filter { all.contains($0.name) || $0.name == "flow" }
                            .allSatisfy { $0.state == (isOn ? "running" : "disabled") }
                }
                let states = try agent.status().collectors.map { "\($0.name) \($0.state) \($0.error ?? "")" }
                try #require(done, "\(states)")
            }
            #expect(values("CapPrm", of: agent.pid) == [kept])
            #expect(try agent.status().health.problems == [])
            try cause("after-the-drop-\(getpid())")
            #expect(agent.stop().ending == .exited(0))
            #expect(try saw("after-the-drop-\(getpid())", agent))
            #expect(try LedgerBooks(agent.archive).violations == [])
        }

        @Test("these capabilities are enough, as root and as another user, and as that one it looks up cgroups too")
        func least() throws {
            let list = Self.least.split(separator: ",").map { "+\($0)" }.joined(separator: ",")
            let sets = ["--bounding-set", "-all,\(list)", "--inh-caps", "-all,\(list)"]
            let asNobody =
                ["--reuid", "65534", "--regid", "65534", "--clear-groups"] + sets + ["--ambient-caps", "-all,\(list)"]
            for user in [sets, asNobody] {
                let place = TemporaryDirectory()
                // Anybody's, as /tmp is.
                chmod(place.path, 0o1777)
                let agent = try AgentProcess(in: place, through: ["setpriv"] + user)
                #expect(!agent.log.contains("tracefs"), "\(agent.log)")
                let status = try agent.status()
                #expect(status.health.problems == [], "\(user)")
                #expect(status.privileges?.kept == ["dac_read_search", "net_admin", "perfmon", "bpf"])
                #expect(status.privileges?.uid == (user == sets ? 0 : 65_534))
                #expect(values("CapEff", of: agent.pid) == [hex([2, 12, 38, 39])])
                #expect(values("NoNewPrivs", of: agent.pid) == ["1"])
                try cause("as-\(user.count)-\(getpid())")
                #expect(agent.stop().ending == .exited(0))
                #expect(try saw("as-\(user.count)-\(getpid())", agent), "\(user)")
            }
        }

        @Test("without CAP_NET_ADMIN, collectors of packets fail with the remedy, and all others run")
        func withoutNetAdmin() throws {
            let list = "-all,+bpf,+perfmon,+dac_read_search"
            let agent = try AgentProcess(
                through: ["setpriv", "--bounding-set", list, "--inh-caps", list],
                isAwaited: false
            )
            let started = agent.wait { status in
                !status.collectors.isEmpty && !status.collectors.contains { $0.state == "starting" }
            }
            try #require(started, "\(agent.log)")
            let failed = try agent.status().collectors.filter {
                !["running", "disabled", "unavailable"].contains($0.state)
            }
            #expect(Set(failed.map(\.name)) == ["udp", "dns"])
            #expect(failed.allSatisfy { $0.error?.contains("CAP_NET_ADMIN") == true }, "\(failed)")
            try cause("no-net-\(getpid())")
            _ = agent.stop()
            #expect(try saw("no-net-\(getpid())", agent))
        }

        @Test("where heaps are followed its capabilities stay; where that is switched on later, the reload says so")
        func heaps() throws {
            let following = try AgentProcess(
                settings: ["collectors.leak.enabled": "true", "collectors.leak.comms": "[nobody-has-this]"]
            )
            let kept = try following.status().privileges?.kept ?? []
            #expect(Set(kept).isSuperset(of: ["sys_ptrace", "checkpoint_restore"]), "\(kept)")
            #expect(following.stop().ending == .exited(0))

            let agent = try AgentProcess()
            TestFile.write(agent.configPath, "collectors: {leak: {enabled: true, comms: [nobody-has-this]}}")
            agent.signal(SIGHUP)
            #expect(agent.wait { $0.configuration.lastReload != nil })
            let message = try agent.status().configuration.lastReload?.message ?? ""
            #expect(message.contains("CAP_SYS_PTRACE") && message.contains("restart"), "\(message)")
            #expect(agent.stop().ending == .exited(0))
        }

        @Test("a configuration that everybody may change is refused at start and by `config check`, in one line")
        func worldWritable() throws {
            let place = TemporaryDirectory()
            chmod(place.path, 0o777)
            TestFile.write(place.file("tapio.yaml"), "batch: {max_age: 1s}")
            for command in [["config", "check", "--config"], ["run", "--for", "1s", "--config"]] {
                let result = try TapioProgram.run(command + [place.file("tapio.yaml")])
                #expect(result.exitCode == 2 && result.errorLines.count == 1, "\(result.errors)")
                #expect(result.errors.contains("chmod o-w \(place.path)"), "\(result.errors)")
            }
            // As a ConfigMap's volume is mounted: anybody's by its mode, and nobody's by its mount.
            let script = """
                mount --bind \(place.path) \(place.path) && mount -o remount,bind,ro \(place.path) && exec "$@"
                """
            let mounted = ["unshare", "-m", "sh", "-c", script, "sh"]
            let result = try TapioProgram.run(
                ["config", "check", "--config", place.file("tapio.yaml")],
                through: mounted
            )
            #expect(result.exitCode == 0, "\(result.errors)")
        }
    }
}
