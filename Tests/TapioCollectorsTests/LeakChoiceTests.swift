import Glibc
import TapioEvents
import TapioKernel
import TapioTestSupport
import Testing

@testable import TapioCollectors

extension RealKernel {
    @Suite("Heap: who is chosen, and where allocators are")
    struct LeakChoiceTests {
        let directory = TemporaryDirectory()

        /// What the collector says when it is started with these options.
        private func refusal(_ set: (inout CollectorOptions) -> Void) async throws -> String {
            var options = CollectorOptions()
            set(&options)
            let collector = LeakCollector.descriptor.make(try KernelPlane(), options)
            do throws(CollectorError) {
                try await collector.start()
            } catch {
                return error.description
            }
            await collector.stop()
            Issue.record("it started")
            return ""
        }

        @Test("options under which nothing can be followed say what to set")
        func refusals() async throws {
            #expect(
                try await refusal { _ in }
                    == "collector leak: cannot follow allocations: no process is chosen; set collectors.leak.comms, collectors.leak.executables or collectors.leak.pids"
            )
            #expect(
                try await refusal { $0.set(LeakCollector.pids, ["12", "init"]) }
                    == "collector leak: cannot follow process \"init\"; collectors.leak.pids takes numbers of processes, such as 1234"
            )
            let comms = ["x"]
            #expect(
                try await refusal {
                    $0.set(LeakCollector.comms, comms)
                    $0.set(LeakCollector.libraries, ["/no/such/libc.so"])
                }
                    == "collector leak: cannot open /no/such/libc.so: No such file or directory (errno 2); there is no such file"
            )
            #expect(
                try await refusal {
                    $0.set(LeakCollector.comms, comms)
                    $0.set(LeakCollector.libraries, ["/dev/null"])
                } == "collector leak: cannot open /dev/null: Invalid argument (errno 22); name a regular file"
            )
            let text = directory.file("text")
            TestFile.write(text, "malloc and free")
            #expect(
                try await refusal {
                    $0.set(LeakCollector.comms, comms)
                    $0.set(LeakCollector.libraries, [text])
                }
                    == "collector leak: cannot watch allocations of \(text): it is not an ELF file; name a C library or another allocator in collectors.leak.libraries, or none"
            )
            #expect(
                try await refusal {
                    $0.set(LeakCollector.comms, comms)
                    $0.set(LeakCollector.libraries, ["/bin/true"])
                }.contains("/bin/true: it has no functions malloc and free")
            )
        }

        private func first(_ function: String, _ watch: CollectorWatch) -> DecodedEvent? {
            watch.events { $0.string("stack")?.hasPrefix("\(function)+0x") == true }.first
        }

        @Test("the collector tells by its own clock, takes new options over, and its ledger closes")
        func collector() async throws {
            let path = try LeakyProgram.build("tapio-leaky", in: directory)
            let program = try LeakyProgram([path])
            var options = LeakFixture.options(comms: ["tapio-leaky"])
            let watch = try await CollectorWatch(LeakCollector.descriptor, options: options)
            program.call("one", 40)
            let row = try #require(first("leaky_one", watch))
            #expect(row.number("pid") == Int64(program.pid) && row.number("outstanding_bytes") == 40_000)
            // What has to be loaded anew for is, and begins anew.
            options[LeakCollector.maxAllocations] = 2048
            try await watch.collector.reconfigure(options)
            program.call("two", 4)
            let two = try #require(first("leaky_two", watch))
            #expect(two.number("outstanding_bytes") == 800)
            #expect(
                try await watch.collector.health().notes.contains { $0.hasSuffix("calls of process \(program.pid)") }
            )
            options.set(LeakCollector.comms, [])
            await #expect(throws: CollectorError.self) { try await watch.collector.reconfigure(options) }
            await watch.collector.stop()
            let read = watch.events(0) { _ in true }.count
            let counts = try watch.counts("heap_outstanding")
            #expect(counts.undecided == 0 && counts.submitted == UInt64(read) && counts.attempted == counts.submitted)
        }

        @Test("a library that is named is watched from the start, and counts alone")
        func namedLibrary() throws {
            let path = try LeakyProgram.build("tapio-leaky", in: directory)
            let library = try #require(
                ProcessMappings(pid: getpid())?.mappings.first {
                    String(decoding: $0.name, as: UTF8.self) == "libc.so.6"
                }
            )
            var options = LeakFixture.options(comms: ["tapio-leaky"], fromStart: true)
            options.set(LeakCollector.libraries, [String(decoding: library.path, as: UTF8.self)])
            let fixture = try LeakFixture(options)
            let program = try LeakyProgram([path, "start"] + [String](repeating: "x", count: 25))
            program.answer()
            #expect(try fixture.tell().row("leaky_one").number("outstanding_bytes") == 25_000)
        }

        @Test("a process with a file system of its own: its C library is found there, and its names")
        func container() throws {
            let root = directory.file("root")
            for path in [root, root + "/old"] { #expect(mkdir(path, 0o755) == 0) }
            let program = try LeakyProgram.build("tapio-leaky", in: directory)
            let copy = """
                cp \(program) \(root)/tapio-leaky
                for file in $(ldd \(program) | grep -o '/[^ ]*'); do
                    mkdir -p \(root)$(dirname $file) && cp -L $file \(root)$file
                done
                ln -s /etc/passwd \(root)/out
                ln -s /tapio-leaky \(root)/in
                """
            try InteractiveProcess.run(["sh", "-ec", copy])
            let enter =
                "mount --bind \(root) \(root) && cd \(root) && pivot_root . old && exec /tapio-leaky start x x x x x x x"
            let leaky = try LeakyProgram(["unshare", "--mount", "--propagation", "private", "sh", "-ec", enter])
            leaky.answer()
            let fixture = try LeakFixture(LeakFixture.options(comms: ["tapio-leaky"]))
            leaky.call("two", 30)
            let row = try fixture.tell().of(leaky.pid).row("leaky_two")
            #expect(row.number("outstanding_bytes") == 6000)
            #expect(row.string("stack")?.contains("(tapio-leaky) < middle+0x") == true)

            // By the names that it sees itself, from which no link leads out.
            let file = try ForeignFile("/tapio-leaky", asSeenBy: leaky.pid)
            var status = stat()
            #expect(stat("\(root)/tapio-leaky", &status) == 0)
            #expect(file.identity.inode == UInt64(status.st_ino))
            #expect(try ForeignFile("/in", asSeenBy: leaky.pid).identity == file.identity)
            #expect(throws: KernelError.self) { try ForeignFile("/out", asSeenBy: leaky.pid) }
        }

        /// Of Debian's package musl-tools, which `.ci/packages test` installs.
        private static let muslCompiler = "/usr/bin/musl-gcc"

        @Test(
            "musl: its own C library, also where one function calls another",
            .enabled(if: access(muslCompiler, X_OK) == 0)
        )
        func musl() throws {
            let path = try LeakyProgram.build("tapio-leaky", in: directory, with: [Self.muslCompiler])
            let program = try LeakyProgram([path])
            let fixture = try LeakFixture(LeakFixture.options(comms: ["tapio-leaky"]))
            for name in ["one", "calloc", "realloc", "posix", "aligned", "array", "failing", "tidy", "nothing"] {
                program.call(name, 10)
            }
            let rows = try fixture.tell().of(program.pid)
            #expect(fixture.poller.notes.contains { $0.contains("musl") || $0.contains("libc.so") })
            for (function, size) in [
                ("leaky_one", 1000), ("leaky_calloc", 1000), ("leaky_realloc", 5000), ("leaky_posix", 4096),
                ("leaky_aligned", 1280), ("leaky_array", 1500), ("leaky_failing", 600),
            ] {
                let row = try rows.row(function)
                #expect(row.number("outstanding_bytes") == Int64(10 * size), "\(function)")
                #expect(row.number("outstanding_allocations") == 10, "\(function)")
            }
            #expect(rows.count == 7)
        }
    }
}
