import Glibc
import TapioEvents
import TapioKernel
import TapioTestSupport
import Testing

@testable import TapioCollectors

extension RealKernel {
    @Suite("Signals")
    struct SignalCollectorTests {
        private static let me = Int64(getpid())

        /// A process that sleeps, under its own name: that is set a moment after the spawn has returned.
        private func sleeper() -> SpawnedProcess {
            let process = SpawnedProcess("/bin/sleep", ["sleep", "1000"])
            while !(ProcFile.read("/proc/\(process.pid)/comm") ?? "sleep").hasPrefix("sleep") { usleep(100) }
            return process
        }

        private func python(_ script: String) -> SpawnedProcess {
            SpawnedProcess("/usr/bin/python3", ["python3", "-c", script])
        }

        /// A watch on signals, all of them or those that matter.
        private func watch(harmless: Bool = false) async throws -> CollectorWatch {
            var options = CollectorOptions()
            options[SignalCollector.harmless] = harmless ? 1 : 0
            return try await CollectorWatch(SignalCollector.descriptor, options: options)
        }

        @Test("kill: who sent it, to whom, what became of it, and who died of it")
        func kill() async throws {
            let watch = try await watch()
            let victim = sleeper()
            Glibc.kill(victim.pid, SIGTERM)
            #expect(victim.wait() == .signalled(SIGTERM))
            let pid = Int64(victim.pid)

            let sent = try watch.event("signal_sent") { $0.number("target_pid") == pid }
            #expect(sent.number("signal") == Int64(SIGTERM))
            #expect(sent.number("pid") == Self.me)
            #expect(sent.number("uid") == Int64(getuid()))
            #expect(sent.number("target_tid") == pid)
            #expect(sent["target_comm"] == .string("sleep"))
            #expect(sent["signal_source"] == .string("kill"))
            #expect(sent.number("signal_code") == 0)
            #expect(sent["signal_result"] == .string("delivered"))
            #expect(sent["signal_scope"] == .string("process"))
            #expect(sent["fault_address"] == .null)

            let death = try watch.event("signal_death") { $0.number("pid") == pid }
            #expect(death["comm"] == .string("sleep"))
            #expect(death.number("ppid") == Self.me)
            #expect(death.number("signal") == Int64(SIGTERM))
            #expect(death["signal_source"] == .string("kill"))
            #expect(death.number("sender_pid") == Self.me)
            #expect(death.number("sender_uid") == Int64(getuid()))
            #expect(death["sender_comm"] == sent["comm"])
            #expect(death.number("core_dumped") == 0)
            #expect(death["start_ts"] == sent["target_start_ts"])
            let latency = try #require(death.number("latency_ns"))
            #expect(abs(latency - (death.timeNs - sent.timeNs)) <= 1_000_000)
            guard case .timestamp(let start) = death["start_ts"] else { return #expect(Bool(false)) }
            #expect(abs(try #require(death.number("duration_ns")) / 1000 - (death.timeNs / 1000 - start)) <= 1)
            await watch.collector.stop()
        }

        @Test("a signal that is ignored says so, and is nobody's death; the one that is not is")
        func ignored() async throws {
            let watch = try await watch()
            let child = python(
                "import os,signal,time;signal.signal(signal.SIGUSR1,signal.SIG_IGN);os.kill(os.getpid(),signal.SIGUSR1);"
                    + "signal.pthread_kill(__import__('threading').get_ident(),signal.SIGKILL);time.sleep(9)"
            )
            #expect(child.wait() == .signalled(SIGKILL))
            let pid = Int64(child.pid)
            let sent = watch.events(2) { $0["kind"] == .string("signal_sent") && $0.number("pid") == pid }
            #expect(sent.map { $0.number("signal") } == [Int64(SIGUSR1), Int64(SIGKILL)])
            #expect(sent.map { $0["signal_result"] } == [.string("ignored"), .string("delivered")])
            #expect(sent.map { $0["signal_source"] } == [.string("kill"), .string("tkill")])
            #expect(sent.map { $0["signal_scope"] } == [.string("process"), .string("thread")])
            #expect(sent.map { $0.number("signal_code") } == [0, -6])
            let death = try watch.event("signal_death") { $0.number("pid") == pid }
            #expect(death.number("signal") == Int64(SIGKILL))
            #expect(death.number("sender_pid") == pid)
            #expect(death["signal_source"] == .string("tkill"))
            await watch.collector.stop()
        }

        @Test("a fault is its own process's, with the address and without a sender")
        func fault() async throws {
            let watch = try await watch()
            let child = python(
                "import ctypes,resource;resource.setrlimit(resource.RLIMIT_CORE,(0,0));ctypes.string_at(0x1238)"
            )
            #expect(child.wait() == .signalled(SIGSEGV))
            let pid = Int64(child.pid)
            let death = try watch.event("signal_death") { $0.number("pid") == pid }
            #expect(death.number("signal") == Int64(SIGSEGV))
            #expect(death["signal_source"] == .string("fault"))
            #expect(death.number("signal_code") == 1)  // SEGV_MAPERR
            #expect(death["fault_address"] == .string("0000000000001238"))
            #expect(death["sender_pid"] == .null && death["sender_comm"] == .null && death["sender_uid"] == .null)
            #expect(death["sender_start_ts"] == .null)
            let sent = try watch.event("signal_sent") { $0.number("target_pid") == pid }
            #expect(sent.number("pid") == 0 && sent["comm"] == .string(""))
            #expect(sent["fault_address"] == death["fault_address"])
            await watch.collector.stop()
        }

        @Test("whom a timer or the kernel interrupts is not taken for the sender")
        func timer() async throws {
            let watch = try await watch()
            let child = python("import signal;signal.setitimer(signal.ITIMER_REAL,0.02)\nwhile True: pass")
            #expect(child.wait() == .signalled(SIGALRM))
            let death = try watch.event("signal_death") { $0.number("pid") == Int64(child.pid) }
            #expect(death.number("signal") == Int64(SIGALRM))
            #expect(death["signal_source"] == .string("kernel"))
            #expect(death["sender_pid"] == .null)
            #expect(try #require(death.number("latency_ns")) < 10_000_000_000)
            await watch.collector.stop()
        }

        @Test("a signal that was sent before anybody watched is a death whose sender is not known")
        func unseen() async throws {
            let victim = sleeper()
            Glibc.kill(victim.pid, SIGSTOP)
            usleep(20_000)
            Glibc.kill(victim.pid, SIGTERM)
            let watch = try await watch()
            Glibc.kill(victim.pid, SIGCONT)
            #expect(victim.wait() == .signalled(SIGTERM))
            let death = try watch.event("signal_death") { $0.number("pid") == Int64(victim.pid) }
            #expect(death["signal_source"] == .null)
            #expect(death.number("signal_code") == Int64(Int32.min))
            #expect(death["latency_ns"] == .null && death["sender_pid"] == .null)
            await watch.collector.stop()
        }

        @Test("harmless signals are counted as filtered, and told of where that is asked for, also while it runs")
        func harmless() async throws {
            let watch = try await watch()
            SpawnedProcess("/bin/true", ["true"]).wait()
            #expect(watch.events(0) { $0.number("signal") == Int64(SIGCHLD) }.isEmpty)
            #expect(try watch.counts("signal_sent").filtered >= 1)
            var options = CollectorOptions()
            options[SignalCollector.harmless] = 1
            try await watch.collector.reconfigure(options)
            let child = SpawnedProcess("/bin/true", ["true"])
            child.wait()
            let told = watch.events {
                $0.number("signal") == Int64(SIGCHLD) && $0.number("target_pid") == Self.me
            }
            #expect(told.first?["signal_source"] == .string("child"))
            // The child did not send it: the kernel did as it ended.
            #expect(told.first?.number("pid") == 0)
            await watch.collector.stop()
        }

        @Test("a process that ends by itself is no death by a signal, and 200 that don't are one each")
        func deaths() async throws {
            let watch = try await watch()
            for number in 0..<50 {
                SpawnedProcess("/bin/sh", ["sh", "-c", "exit \(number)"]).wait()
            }
            let victims = (0..<200).map { _ in sleeper() }
            for victim in victims { Glibc.kill(victim.pid, SIGKILL) }
            for victim in victims { victim.wait() }
            let pids = Set(victims.map { Int64($0.pid) })
            let deaths = watch.events(200) {
                $0["kind"] == .string("signal_death") && $0.number("ppid") == Self.me
            }
            #expect(deaths.count == 200)
            #expect(Set(deaths.map { $0.number("pid")! }) == pids)
            #expect(deaths.allSatisfy { $0.number("sender_pid") == Self.me })
            await watch.collector.stop()
        }
    }
}
