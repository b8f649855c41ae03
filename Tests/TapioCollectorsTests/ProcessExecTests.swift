import Glibc
import TapioBPF
import TapioEvents
import TapioKernel
import TapioTestSupport
import Testing

@testable import TapioCollectors

extension RealKernel {
    @Suite("Process events: exec")
    struct ProcessExecTests {
        /// The one exec of a process that runs `path`, with its record.
        private func exec(
            _ path: String,
            argv: [[UInt8]],
            argsLimit: UInt32 = 4096
        ) throws -> (Captured, tapio_process_exec) {
            let fixture = try ProcessFixture(argsLimit: argsLimit)
            let child = SpawnedProcess(path, argv: argv)
            child.wait()
            _ = fixture.finish()
            let found = fixture.of(TAPIO_KIND_PROCESS_EXEC, pid: child.pid)
            let record = try #require(found.first)
            #expect(found.count == 1)
            return (record, record.load(tapio_process_exec.self))
        }

        @Test("arguments arrive byte for byte, whatever is in them")
        func oddArguments() throws {
            let argv: [[UInt8]] = [
                Array("tr ue".utf8), [], Array("two words".utf8), [0xff, 0xfe, 0x80],
                [0x1b, 0x5b, 0x33, 0x31, 0x6d, 0x0a, 0x07],
                Array("snow ☃".utf8), Array("'\"$(`\\".utf8),
            ]
            let (captured, record) = try exec("/bin/true", argv: argv)

            #expect(captured.string(record.args) == argv.flatMap { $0 + [0] })
            #expect(captured.string(record.exe) == Array("/bin/true".utf8))
            #expect(captured.string(record.interpreter) == [])
            #expect(record.argc == UInt32(argv.count))
            #expect(record.args_total_bytes == UInt32(argv.map { $0.count + 1 }.reduce(0, +)))
            var status = stat()
            stat("/bin/true", &status)
            #expect(record.exe_inode == UInt64(status.st_ino))
            #expect(captured.comm == "true")
            #expect(captured.lane == .urgent)
            #expect(captured.header.priority == UInt8(TAPIO_PRIORITY_HIGH))
            #expect(captured.header.ppid == UInt32(getpid()))
            #expect(captured.header.tid == captured.header.pid)
            #expect(captured.header.uid == getuid())
            #expect(captured.header.keep == ControlPage.keepAll)
            #expect(captured.header.time_ns >= record.start_ns)
            #expect(captured.header.cgroup_id != 0)
        }

        @Test("4,096 arguments are cut, and their true size and number told")
        func manyArguments() throws {
            let argv = (0..<4096).map { Array("argument-\($0)".utf8) }
            let all: [UInt8] = argv.flatMap { (argument: [UInt8]) -> [UInt8] in argument + [0] }
            let (captured, record) = try exec("/bin/true", argv: argv)

            #expect(captured.string(record.args) == Array(all.prefix(4096)))
            #expect(record.argc == 4096)
            #expect(record.args_total_bytes == UInt32(all.count))
        }

        @Test("no more arguments than the limit are copied", arguments: [0, 1, 5, 100_000])
        func limited(limit: UInt32) throws {
            let (captured, record) = try exec(
                "/bin/true",
                argv: [Array("true".utf8), Array("x".utf8)],
                argsLimit: limit
            )
            #expect(captured.string(record.args) == Array("true\0x\0".utf8.prefix(Int(min(limit, 4096)))))
            #expect(record.args_total_bytes == 7)
        }

        @Test("a script names itself and its interpreter")
        func script() throws {
            let path = "/tmp/tapio-script-\(getpid())"
            let file = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0o755)
            let text = "#!/bin/sh\nexit 0\n"
            #expect(write(file, text, text.utf8.count) == text.utf8.count)
            close(file)
            defer { unlink(path) }
            let (captured, record) = try exec(path, argv: [Array("script".utf8), Array("one".utf8)])

            #expect(captured.string(record.exe) == Array(path.utf8))
            #expect(captured.string(record.interpreter) == Array("/bin/sh".utf8))
            #expect(captured.string(record.args) == Array("/bin/sh\0\(path)\0one\0".utf8))
        }

        @Test("the longest path that fits is whole, and a longer one is cut")
        func longPath() throws {
            let (captured, record) = try exec(
                "/bin/" + String(repeating: "./", count: 400) + "true",
                argv: [Array("true".utf8)]
            )
            #expect(captured.string(record.exe).count == Int(TAPIO_PATH_BYTES) - 1)
            #expect(captured.string(record.args) == Array("true\0".utf8))
        }

        /// A new cgroup where the host keeps its containers: in v2's hierarchy, or in the memory controller's on hosts
        /// whose v2 holds only the root.
        private func makeCgroup() -> String? {
            let name = "tapio-test-\(getpid())"
            let isHybrid = access("/sys/fs/cgroup/memory/cgroup.procs", F_OK) == 0
            let folder = "/sys/fs/cgroup/\(isHybrid ? "memory/" : "")\(name)"
            return mkdir(folder, 0o755) == 0 ? folder : nil
        }

        @Test("the cgroup is the one whose directory has that inode")
        func cgroup() throws {
            let folder = try #require(makeCgroup(), "no cgroup could be made")
            defer { rmdir(folder) }
            var status = stat()
            stat(folder, &status)
            let fixture = try ProcessFixture()
            let child = SpawnedProcess("/bin/sh", ["sh", "-c", "echo $$ > \(folder)/cgroup.procs; exec true inside"])
            #expect(child.wait() == .exited(0))
            _ = fixture.finish()

            let execs = fixture.of(TAPIO_KIND_PROCESS_EXEC, pid: child.pid)
            #expect(execs.count == 2)
            #expect(execs.last?.header.cgroup_id == UInt64(status.st_ino))
            #expect(execs.first?.header.cgroup_id != UInt64(status.st_ino))
            let exit = try #require(fixture.of(TAPIO_KIND_PROCESS_EXIT, pid: child.pid).first)
            #expect(exit.header.cgroup_id == UInt64(status.st_ino))
        }

        @Test("the record's check and its schema agree with the programs")
        func decodes() throws {
            let (captured, _) = try exec("/bin/true", argv: [Array("true".utf8), Array("a b".utf8)])
            let registry = CollectorRegistry.schemas
            captured.bytes.withUnsafeBytes { bytes in
                #expect(RecordCheck(registry).fault(in: bytes.bytes) == nil)
                let event = RecordDecoder(registry).decode(bytes.bytes, clock: .measure())
                #expect(event["kind"] == .string("process_exec"))
                #expect(event["args"] == .string("true 'a b'"))
                #expect(event["exe"] == .string("/bin/true"))
                #expect(event["pid"] == .int(Int64(captured.header.pid)))
            }
        }
    }
}
