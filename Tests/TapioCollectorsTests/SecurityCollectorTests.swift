import Glibc
import TapioCollectors
import TapioEvents
import TapioKernel
import TapioTestSupport
import Testing

extension RealKernel {
    @Suite("Security")
    struct SecurityCollectorTests {
        /// Runs a Python script; gives its pid.
        private func python(_ script: String, expecting code: Int32 = 0) -> Int64 {
            let child = SpawnedProcess("/usr/bin/python3", ["python3", "-I", "-S", "-c", script])
            #expect(child.wait() == .exited(code))
            return Int64(child.pid)
        }

        @Test("ids before and after a change, and a change that was refused")
        func credentials() async throws {
            let watch = try await CollectorWatch(SecurityCollector.descriptor)
            let pid = python(
                """
                import os
                os.setresgid(1234, 1235, 1236)
                os.setresuid(2001, 2002, 2003)
                try: os.setuid(0)
                except PermissionError: pass
                """
            )
            let changes = watch.events(3) { $0.string("kind") == "credentials_change" && $0.number("pid") == pid }
            try #require(changes.count == 3)
            #expect(changes.map { $0.string("syscall") } == ["setresgid", "setresuid", "setuid"])
            #expect(changes.map { $0.number("errno") } == [nil, nil, Int64(EPERM)])
            let ids = changes.map { change in
                ["old_uid", "old_euid", "old_gid", "old_egid", "new_uid", "new_euid", "new_gid", "new_egid"].map {
                    change.number($0)!
                }
            }
            #expect(ids[0] == [0, 0, 0, 0, 0, 0, 1234, 1235])
            #expect(ids[1] == [0, 0, 1234, 1235, 2001, 2002, 1234, 1235])
            #expect(ids[2] == [2001, 2002, 1234, 1235, 2001, 2002, 1234, 1235])
            #expect(changes[0].string("priority") == "high" && changes[2].number("uid") == 2001)
            await watch.collector.stop()
        }

        @Test("who traces whom, and who looks into whose memory")
        func ptrace() async throws {
            let watch = try await CollectorWatch(SecurityCollector.descriptor)
            let target = SpawnedProcess("/bin/sleep", ["sleep", "60"])
            let tracer = python(
                """
                import ctypes, os
                libc = ctypes.CDLL(None, use_errno=True)
                assert libc.ptrace(0x4206, \(target.pid), 0, 0) == 0
                libc.ptrace(17, \(target.pid), 0, 0)
                assert libc.ptrace(16, 999999999, 0, 0) == -1
                buffer = ctypes.create_string_buffer(16)
                libc.process_vm_readv(os.getppid(), None, 0, None, 0, 0)
                """
            )
            kill(target.pid, SIGKILL)
            _ = target.wait()
            let calls = watch.events(3) { $0.string("kind") == "ptrace" && $0.number("pid") == tracer }
            #expect(calls.map { $0.string("ptrace_request") } == ["seize", "attach", "memory"])
            #expect(calls.map { $0.number("target_pid") } == [Int64(target.pid), 999_999_999, Int64(getpid())])
            #expect(calls.map { $0.number("errno") } == [nil, Int64(ESRCH), nil])
            await watch.collector.stop()
        }

        @Test("mounts with source, target, type and flags; and namespaces")
        func mounts() async throws {
            let watch = try await CollectorWatch(SecurityCollector.descriptor)
            let directory = TemporaryDirectory()
            let script = """
                import ctypes, os
                libc = ctypes.CDLL(None, use_errno=True)
                assert libc.unshare(0x00020000 | 0x04000000) == 0
                assert libc.mount(b"none", b"/", None, 0x44000, None) == 0
                assert libc.mount(b"small", b"\(directory.path)", b"tmpfs", 1 | 2 | 8, b"size=4096") == 0
                assert libc.umount2(b"\(directory.path)", 2) == 0
                assert libc.mount(b"none", b"/tapio/not/there", b"tmpfs", 0, None) == -1
                assert libc.setns(os.open("/proc/self/ns/uts", os.O_RDONLY), 0x04000000) == 0
                """
            let pid = python(script)
            let isMine = { (event: DecodedEvent) in event.number("pid") == pid }
            let mounts = watch.events(4) { $0.string("kind") == "mount" && isMine($0) }
            try #require(mounts.count == 4)
            #expect(mounts.map { $0.string("syscall") } == ["mount", "mount", "umount2", "mount"])
            #expect(mounts[0].string("mount_flags") == "rec,private" && mounts[0]["filesystem"] == .null)
            #expect(mounts[1].string("mount_source") == "small" && mounts[1].string("filesystem") == "tmpfs")
            #expect(mounts[1].string("mount_flags") == "ro,nosuid,noexec" && mounts[1]["errno"] == .null)
            #expect(mounts[1].string("mount_target") == directory.path)
            #expect(mounts[2].string("mount_target") == directory.path && mounts[2]["mount_flags"] == .null)
            #expect(mounts[3].number("errno") == Int64(ENOENT))
            let namespaces = watch.events(2) { $0.string("kind") == "namespace_change" && isMine($0) }
            #expect(namespaces.map { $0.string("namespaces") } == ["mnt,uts", "uts"])
            #expect(namespaces.map { $0.string("syscall") } == ["unshare", "setns"])
            await watch.collector.stop()
        }

        @Test("BPF programs that somebody loads, and modules that somebody tries to")
        func kernelCode() async throws {
            let watch = try await CollectorWatch(SecurityCollector.descriptor)
            // Two instructions (r0 = 0; exit) of the type socket_filter, named "tapio_test".
            let pid = python(
                """
                import ctypes, os, struct
                libc = ctypes.CDLL(None, use_errno=True)
                code = ctypes.create_string_buffer(bytes.fromhex("b700000000000000" "9500000000000000"))
                text = ctypes.create_string_buffer(b"GPL")
                attributes = ctypes.create_string_buffer(struct.pack(
                    "IIQQIIQII16s", 1, 2, ctypes.addressof(code), ctypes.addressof(text), 0, 0, 0, 0, 0, b"tapio_test"), 128)
                nr = {"x86_64": 321}.get(os.uname().machine, 280)
                assert libc.syscall(nr, 5, attributes, 128) >= 0
                nr = {"x86_64": 176}.get(os.uname().machine, 106)
                assert libc.syscall(nr, b"tapio_none", 0) == -1
                """
            )
            let load = try watch.event("bpf_load") { $0.number("pid") == pid }
            #expect(load.string("bpf_program") == "tapio_test" && load.string("bpf_program_type") == "socket_filter")
            #expect(load.number("bpf_instructions") == 2 && load["errno"] == .null)
            let module = try watch.event("module_load") { $0.number("pid") == pid }
            #expect(module.string("syscall") == "delete_module" && module.number("errno") ?? 0 > 0)
            // A kernel that has no modules knows no such call, and what it was called with is told all the same.
            #expect(module.string("module") == "tapio_none")
            await watch.collector.stop()
        }

        @Test("capabilities that a process without all of them uses, merged; those that it lacks, where asked for")
        func capabilities() async throws {
            var options = CollectorOptions()
            options[.window] = 3_600_000_000_000
            let watch = try await CollectorWatch(SecurityCollector.descriptor, options: options)
            let script = """
                import ctypes, os, socket, struct
                libc = ctypes.CDLL(None)
                # Keeps CAP_SYS_CHROOT alone.
                header = struct.pack("II", 0x20080522, 0)
                data = struct.pack("IIIIII", 1 << 18, 1 << 18, 0, 0, 0, 0)
                assert libc.capset(header, data) == 0
                for i in range(10): os.chroot("/")
                try: socket.sethostname("x")
                except PermissionError: pass
                """
            let silent = python(script)
            #expect(try watch.counts("capability_use").filtered > 0)
            options[SecurityCollector.denied] = 1
            try await watch.collector.reconfigure(options)
            let pid = python(script)
            await watch.collector.stop()
            let uses = watch.events(0) { $0.string("kind") == "capability_use" && $0.number("pid") == pid }
            let admin = uses.filter { $0.string("capability") == "sys_admin" && $0.number("capability_granted") == 0 }
            #expect(!admin.isEmpty)
            let chroot = uses.filter { $0.string("capability") == "sys_chroot" }
            #expect(chroot.map { $0.number("capability_granted") } == [1, 1])
            #expect(chroot.map(\.weight) == [1, 9] && chroot[1].number("agg_count") == 9)
            #expect((admin + chroot).allSatisfy { $0.string("comm") == "python3" && $0.number("uid") == 0 })
            let others = watch.events.filter {
                $0.number("pid") == silent && $0.number("capability_granted") == 0
            }
            #expect(others.isEmpty)
            #expect(try watch.counts("capability_use").undecided == 0)
        }
    }
}
