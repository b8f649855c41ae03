import Glibc
import TapioBPF
import TapioKernel
import TapioTestSupport
import Testing

@testable import TapioCollectors

extension RealKernel {
    @Suite("Process events: fork and exit")
    struct ProcessLifeTests {
        @Test("200 short processes fork and exit once each", arguments: [true, false])
        func shortProcesses(tellsGroupDead: Bool) throws {
            let fixture = try ProcessFixture(tellsGroupDead: tellsGroupDead)
            var expected: [Int32: Int32] = [:]
            for number in 0..<200 {
                let child = SpawnedProcess("/bin/sh", ["sh", "-c", "exit \(number)"])
                expected[child.pid] = Int32(number)
                #expect(child.wait() == .exited(Int32(number)))
            }
            let records = fixture.finish()

            for (pid, code) in expected {
                let exits = fixture.of(TAPIO_KIND_PROCESS_EXIT, pid: pid)
                #expect(exits.count == 1)
                let exit = try #require(exits.first).load(tapio_process_exit.self)
                #expect(exit.exit_code == UInt32(code))
                #expect(exit.signal == 0)
                #expect(exit.core_dumped == 0)
                #expect(exit.header.ppid == UInt32(getpid()))
                #expect(exit.start_ns + exit.duration_ns == exit.header.time_ns)
                let forks = records.filter { $0.header.kind == UInt8(TAPIO_KIND_PROCESS_FORK) }
                    .map { $0.load(tapio_process_fork.self) }.filter { $0.child_pid == UInt32(pid) }
                #expect(forks.count == 1)
                #expect(forks.first?.header.pid == UInt32(getpid()))
                #expect(forks.first?.child_start_ns == exit.start_ns)
            }
        }

        @Test("a killed process tells its signal")
        func signal() throws {
            let fixture = try ProcessFixture()
            let child = SpawnedProcess("/bin/sleep", ["sleep", "1000"])
            kill(child.pid, SIGKILL)
            #expect(child.wait() == .signalled(SIGKILL))
            _ = fixture.finish()
            let exit = try #require(fixture.of(TAPIO_KIND_PROCESS_EXIT, pid: child.pid).first)
            #expect(exit.load(tapio_process_exit.self).signal == UInt32(SIGKILL))
            #expect(exit.load(tapio_process_exit.self).exit_code == 0)
        }

        @Test("a process's peak of memory and its CPU time are those that wait4 tells")
        func resources() throws {
            let fixture = try ProcessFixture()
            let script = """
                import threading, time
                x = bytearray(b'x' * (48 << 20)); del x
                def spin():
                    end = time.process_time() + 0.1
                    while time.process_time() < end: pass
                threads = [threading.Thread(target=spin) for _ in range(3)]
                for t in threads: t.start()
                for t in threads: t.join()
                """
            let child = SpawnedProcess("/usr/bin/python3", ["python3", "-c", script])
            var usage = rusage()
            var status: Int32 = 0
            #expect(wait4(child.pid, &status, 0, &usage) == child.pid && status == 0)
            _ = fixture.finish()
            let exit = try #require(fixture.of(TAPIO_KIND_PROCESS_EXIT, pid: child.pid).first)
                .load(tapio_process_exit.self)
            #expect(exit.peak_rss_bytes == UInt64(usage.ru_maxrss) * 1024)
            #expect(exit.peak_rss_bytes > 48 << 20)
            func nanoseconds(_ time: timeval) -> Int64 {
                Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_usec) * 1000
            }
            let waited = nanoseconds(usage.ru_utime) + nanoseconds(usage.ru_stime)
            // What the last thread takes between the event and its very end is in the one only.
            #expect(abs(waited - Int64(exit.cpu_ns)) < 5_000_000)
        }

        @Test("threads are counted as filtered, and are no processes", arguments: [true, false])
        func threads(tellsGroupDead: Bool) throws {
            let fixture = try ProcessFixture(tellsGroupDead: tellsGroupDead)
            var threads: Set<UInt32> = []
            for _ in 0..<50 {
                var thread = pthread_t()
                let created = pthread_create(
                    &thread,
                    nil,
                    { _ in UnsafeMutableRawPointer(bitPattern: UInt(currentThreadID())) },
                    nil
                )
                #expect(created == 0)
                var tid: UnsafeMutableRawPointer?
                pthread_join(thread, &tid)
                threads.insert(UInt32(UInt(bitPattern: tid)))
            }
            let records = fixture.finish()

            let me = UInt32(getpid())
            #expect(!records.contains { $0.header.kind == UInt8(TAPIO_KIND_PROCESS_EXIT) && $0.header.pid == me })
            let children = records.filter { $0.header.kind == UInt8(TAPIO_KIND_PROCESS_FORK) }
                .map { $0.load(tapio_process_fork.self).child_pid }
            #expect(threads.count == 50)
            #expect(threads.isDisjoint(with: children))
            #expect(try fixture.counts(TAPIO_KIND_PROCESS_EXIT).filtered >= 50)
            #expect(try fixture.counts(TAPIO_KIND_PROCESS_FORK).filtered >= 50)
        }

        @Test("a process of many threads that end together exits once", arguments: [true, false])
        func threadsEndTogether(tellsGroupDead: Bool) throws {
            let fixture = try ProcessFixture(tellsGroupDead: tellsGroupDead)
            let script = """
                import os, threading
                for _ in range(16): threading.Thread(target=threading.Event().wait, daemon=True).start()
                os._exit(7)
                """
            var pids: [Int32] = []
            for _ in 0..<10 {
                let child = SpawnedProcess("/usr/bin/python3", ["python3", "-c", script])
                pids.append(child.pid)
                #expect(child.wait() == .exited(7))
            }
            _ = fixture.finish()
            for pid in pids {
                let exits = fixture.of(TAPIO_KIND_PROCESS_EXIT, pid: pid)
                #expect(exits.map { $0.load(tapio_process_exit.self).exit_code } == [7])
                #expect(exits.first?.comm == "python3")
            }
        }

        @Test("what the agent does itself is filtered and counted")
        func agentIsFiltered() throws {
            let fixture = try ProcessFixture()
            fixture.plane.control.agentPid = UInt32(getpid())
            SpawnedProcess("/bin/true", ["true"]).wait()
            let records = fixture.finish()
            let me = UInt32(getpid())
            #expect(!records.contains { $0.header.pid == me && $0.header.kind == UInt8(TAPIO_KIND_PROCESS_FORK) })
            #expect(try fixture.counts(TAPIO_KIND_PROCESS_FORK).filtered >= 1)
        }

        @Test("new options are in force at once, without a detach")
        func reconfigured() async throws {
            var configuration = KernelPlaneConfiguration()
            configuration.bulkBytes = 1 << 22
            let plane = try KernelPlane(configuration: configuration)
            let collector = ProcessCollector.descriptor.make(plane, CollectorOptions())
            try await collector.start()
            var options = CollectorOptions()
            options[ProcessCollector.argsBytes] = 3
            try await collector.reconfigure(options)
            let child = SpawnedProcess("/bin/true", ["true", "x"])
            child.wait()
            await collector.stop()
            var args: [[UInt8]] = []
            for ring in plane.rings {
                _ = ring.drain { record in
                    let captured = Captured(record, lane: ring.lane)
                    guard captured.header.kind == UInt8(TAPIO_KIND_PROCESS_EXEC) else { return }
                    guard captured.header.pid == UInt32(child.pid) else { return }
                    args.append(captured.string(captured.load(tapio_process_exec.self).args))
                }
            }
            #expect(args == [Array("tru".utf8)])
            await #expect(throws: CollectorError.self) { try await collector.health() }
        }

        @Test("existing processes include this one with its arguments, and kernel threads without")
        func existing() async throws {
            var configuration = KernelPlaneConfiguration()
            configuration.bulkBytes = 1 << 22
            let plane = try KernelPlane(configuration: configuration)
            let child = SpawnedProcess("/bin/sleep", ["sleep", "1000"])
            defer {
                kill(child.pid, SIGKILL)
                child.wait()
            }
            let collector = ProcessCollector.descriptor.make(plane, CollectorOptions())
            try await collector.start()
            let health = try await collector.health()
            #expect(health.problems == [])
            #expect(health.programs.filter(\.isAttached).count == 4)
            await collector.stop()
            var found: [UInt32: Captured] = [:]
            for ring in plane.rings {
                _ = ring.drain { record in
                    let captured = Captured(record, lane: ring.lane)
                    if captured.header.kind == UInt8(TAPIO_KIND_PROCESS_EXISTING) {
                        found[captured.header.pid] = captured
                    }
                }
            }

            let me = try #require(found[UInt32(getpid())])
            let record = me.load(tapio_process_exec.self)
            let commandLine = Array((ProcFile.read("/proc/self/cmdline") ?? "").utf8)
            #expect(me.string(record.args) == commandLine)
            #expect(record.args_total_bytes == UInt32(commandLine.count))
            var status = stat()
            stat("/proc/self/exe", &status)
            #expect(record.exe_inode == UInt64(status.st_ino))
            #expect(me.header.ppid == UInt32(getppid()))
            let sleeper = try #require(found[UInt32(child.pid)])
            #expect(sleeper.header.ppid == UInt32(getpid()))
            let kernelThread = try #require(found[2])
            #expect(kernelThread.comm == "kthreadd")
            #expect(kernelThread.load(tapio_process_exec.self).args.length == 0)
        }
    }
}
