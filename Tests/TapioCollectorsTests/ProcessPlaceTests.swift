import Glibc
import TapioBPF
import TapioEvents
import TapioTestSupport
import Testing

@testable import TapioCollectors

extension RealKernel {
    @Suite("Process events: working directory and ancestors")
    struct ProcessPlaceTests {
        /// What the last exec of a process told of where it ran and who started it.
        private struct Place {
            let record: tapio_process_exec
            let directory: [UInt8]
            let ancestors: [tapio_ancestor]
            let ancestry: String
        }

        /// Runs a Python script whose last act is `exec()`, and gives what that told.
        private func place(_ script: String) throws -> Place {
            let fixture = try ProcessFixture()
            let prelude = """
                import ctypes, os, sys
                libc = ctypes.CDLL(None, use_errno=True)
                def mount(source, target, kind, flags=0):
                    if libc.mount(source, target, kind, flags, None) != 0: raise OSError(ctypes.get_errno(), "mount")
                def exec(): os.execv("/bin/true", ["true"])

                """
            let child = SpawnedProcess("/usr/bin/python3", ["python3", "-I", "-S", "-c", prelude + script])
            #expect(child.wait() == .exited(0))
            _ = fixture.finish()
            let captured = try #require(fixture.of(TAPIO_KIND_PROCESS_EXEC, pid: child.pid).last)
            #expect(captured.comm == "true")
            let record = captured.load(tapio_process_exec.self)
            let list = captured.string(record.ancestors)
            let ancestors = list.withUnsafeBytes { bytes in
                stride(from: 0, to: bytes.count, by: MemoryLayout<tapio_ancestor>.size).map {
                    bytes.loadUnaligned(fromByteOffset: $0, as: tapio_ancestor.self)
                }
            }
            return Place(
                record: record,
                directory: TextList.directory.text(captured.string(record.cwd)),
                ancestors: ancestors,
                ancestry: String(decoding: TextList.ancestry.text(list), as: UTF8.self)
            )
        }

        private func directory(_ script: String) throws -> String {
            String(decoding: try place(script).directory, as: UTF8.self)
        }

        @Test(
            "a working directory is told by its path, across mounts",
            arguments: ["/", "/usr/bin", "/proc/sys/net", "/sys/fs"]
        )
        func plain(path: String) throws {
            #expect(try directory("os.chdir('\(path)'); assert os.getcwd() == '\(path)'; exec()") == path)
        }

        @Test("a process in a root of its own calls its directory as it sees it")
        func changedRoot() throws {
            #expect(try directory("os.chroot('/usr'); os.chdir('/share'); exec()") == "/share")
            #expect(try directory("os.chroot('/usr'); os.chdir('/'); exec()") == "/")
        }

        @Test("a directory that no way leads to from the root keeps the end of its path")
        func outside() throws {
            let base = TemporaryDirectory()
            let script = """
                os.unshare(0x00020000) if hasattr(os, "unshare") else libc.unshare(0x00020000)
                mount(None, b"/", None, 0x44000)  # private
                mount(b"tapio-test", b"\(base.path)", b"tmpfs")
                os.makedirs("\(base.path)/a/b"); os.chdir("\(base.path)/a/b")
                assert libc.umount2(b"\(base.path)", 2) == 0  # lazily: it is still in it
                exec()
                """
            #expect(try directory(script) == "…/a/b")
        }

        @Test("of a path that is too deep or too long the end is told")
        func tooFar() throws {
            for (name, count) in [("deep", 60), (String(repeating: "long", count: 50), 5)] {
                let base = TemporaryDirectory()
                let path = base.path + String(repeating: "/" + name, count: count)
                let told = try directory("os.makedirs('\(path)'); os.chdir('\(path)'); exec()")
                #expect(told.hasPrefix("…/") && told.hasSuffix("/" + name))
                #expect(path.hasSuffix(told.dropFirst(1)))
            }
        }

        @Test("names arrive byte for byte, whatever is in them")
        func hostileNames() throws {
            let base = TemporaryDirectory()
            let script = """
                name = b"\(base.path)/\\x1b[31m\\n\\xff/" + b"n" * 255
                os.makedirs(name); os.chdir(name); exec()
                """
            let expected = Array(base.path.utf8) + [0x2f, 0x1b, 0x5b, 0x33, 0x31, 0x6d, 0x0a, 0xff, 0x2f]
            #expect(try place(script).directory == expected + [UInt8](repeating: UInt8(ascii: "n"), count: 255))
        }

        @Test("ancestors are told from the parent up, each by pid, start and name, and no more than eight")
        func ancestors() throws {
            let base = TemporaryDirectory()
            let script = """
                for level in range(10):
                    with open("\(base.path)/pids", "a") as pids: print(os.getpid(), file=pids)
                    child = os.fork()
                    if child: os._exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
                    libc.prctl(15, b"level [%d] <" % level)
                libc.prctl(15, b"last")
                os.system("exec /bin/true inside")
                os._exit(0)
                """
            let fixture = try ProcessFixture()
            let child = SpawnedProcess(
                "/usr/bin/python3",
                ["python3", "-I", "-S", "-c", "import ctypes, os\nlibc = ctypes.CDLL(None)\n" + script]
            )
            #expect(child.wait() == .exited(0))
            _ = fixture.finish()
            let pids = try #require(TestFile.read(base.file("pids")))
                .split(separator: UInt8(ascii: "\n")).compactMap { UInt32(String(decoding: $0, as: UTF8.self)) }
            #expect(pids.count == 10)
            let captured = try #require(
                fixture.records.first { captured in
                    captured.header.kind == UInt8(TAPIO_KIND_PROCESS_EXEC)
                        && captured.string(captured.load(tapio_process_exec.self).args)
                            == Array("/bin/true\0inside\0".utf8)
                }
            )
            let record = captured.load(tapio_process_exec.self)
            let text = String(decoding: TextList.ancestry.text(captured.string(record.ancestors)), as: UTF8.self)
            // The one above who wrote last is "last" itself; then those who wrote, the latest first.
            let expected =
                ["last[\(captured.header.ppid)]"]
                + zip(pids.dropFirst(3), 2...).reversed().map { pid, level in "'level [\(level)] <'[\(pid)]" }
            #expect(text == expected.joined(separator: " < "))
            #expect(expected.count == Int(TAPIO_ANCESTORS))
        }

        @Test("an ancestor's start is the kernel's own, so that a pid used again is another process")
        func startTimes() throws {
            let place = try place("exec()")
            let parent = try #require(place.ancestors.first)
            #expect(parent.pid == UInt32(getpid()) && parent.start_ns == place.record.parent_start_ns)
            let line = String(decoding: try #require(TestFile.read("/proc/self/stat")), as: UTF8.self)
            // proc(5): field 22, counted behind the name; in ticks, 100 a second.
            let fields = line[line.lastIndex(of: ")")!...].split(separator: " ")
            #expect(UInt64(fields[20]) == parent.start_ns / 10_000_000)
            #expect(place.ancestors.last?.pid == 1 || place.ancestors.count == Int(TAPIO_ANCESTORS))
            #expect(place.ancestry.contains("[\(getpid())]"))
            let starts = place.ancestors.map(\.start_ns)
            #expect(starts == starts.sorted(by: >))
        }
    }
}
