import Glibc
import TapioCollectors
import TapioEvents
import TapioKernel
import TapioTestSupport
import Testing

extension RealKernel {
    @Suite("System calls that fail")
    struct SyscallCollectorTests {
        private static let me = Int64(getpid())

        private func watch(
            windowNs: Int = 1_000_000_000,
            _ change: (inout CollectorOptions) -> Void = { _ in }
        )
            async throws -> CollectorWatch
        {
            var options = CollectorOptions()
            options[.window] = windowNs
            change(&options)
            return try await CollectorWatch(SyscallCollector.descriptor, options: options)
        }

        @Test("a full file system: the first failure is an event, the others are counted, each once")
        func fullFileSystem() async throws {
            let directory = TemporaryDirectory()
            let path = directory.path + "/small"
            try #require(mkdir(path, 0o700) == 0)
            try #require(mount("tmpfs", path, "tmpfs", 0, "size=4096") == 0)
            defer { umount(path) }
            let file = open(path + "/file", O_CREAT | O_WRONLY, 0o600)
            try #require(file >= 0)
            defer { close(file) }
            var page = [UInt8](repeating: 7, count: 4096)
            #expect(write(file, &page, page.count) == page.count)

            let watch = try await watch()
            let before = ClockOffset.bootNow()
            for _ in 0..<1000 { #expect(write(file, &page, page.count) == -1 && errno == ENOSPC) }
            let after = ClockOffset.bootNow()
            let mine = { (event: DecodedEvent) in
                event.number("pid") == Self.me && event.number("errno") == Int64(ENOSPC)
            }
            var rows: [DecodedEvent] = []
            // A window may end in between: then there are two of each.
            while rows.reduce(0, { $0 + $1.weight }) < 1000 {
                rows = watch.events(rows.count + 1, where: mine)
                try #require(ClockOffset.bootNow() < after + 10_000_000_000)
            }
            #expect(rows.reduce(0) { $0 + $1.weight } == 1000)
            for row in rows {
                #expect(row.string("kind") == "syscall_failed" && row.string("syscall") == "write")
                #expect(row.string("error") == "ENOSPC")
                #expect(row.number("uid") == Int64(getuid()) && row.number("ppid") == Int64(getppid()))
                #expect(before < row.timeNs && row.timeNs < after)
            }
            let first = try #require(rows.first)
            #expect(first["agg_count"] == .null && first.number("tid") == Int64(currentThreadID()))
            let merged = try #require(rows.first { $0["agg_count"] != .null })
            #expect(merged.number("agg_count")! >= 1 && merged["agg_min"] == .null)
            #expect(merged["ts"] == merged["agg_first"] && merged["agg_last"] != .null)
            await watch.collector.stop()
            let counts = try watch.counts("syscall_failed")
            #expect(counts.undecided == 0 && counts.merged == counts.told && counts.merged >= 998)
        }

        @Test("errors that programs find their way by are filtered, and which those are can change while it runs")
        func ignored() async throws {
            let watch = try await watch()
            let isMine = { (event: DecodedEvent) in event.number("pid") == Self.me }
            #expect(access("/tapio/not/there", F_OK) == -1)
            #expect(close(-1) == -1)
            let bad = try #require(watch.events { isMine($0) && $0.string("error") == "EBADF" }.first)
            #expect(bad.string("syscall") == "close")
            #expect(!watch.events.contains { isMine($0) && $0.string("error") == "ENOENT" })
            #expect(try watch.counts("syscall_failed").filtered >= 1)

            var options = CollectorOptions()
            options[.window] = 1_000_000_000
            options.set(SyscallCollector.ignore, ["EBADF"])
            try await watch.collector.reconfigure(options)
            #expect(access("/tapio/not/there", F_OK) == -1)
            #expect(!watch.events { isMine($0) && $0.string("error") == "ENOENT" }.isEmpty)
            await watch.collector.stop()
        }

        @Test("what was merged when it stops is told then: no count is left behind")
        func stop() async throws {
            let watch = try await watch(windowNs: 3_600_000_000_000)
            for _ in 0..<10_000 { #expect(close(-1) == -1) }
            await watch.collector.stop()
            let rows = watch.events(2) { $0.number("pid") == Self.me && $0.string("error") == "EBADF" }
            #expect(rows.map(\.weight) == [1, 9999])
            #expect(try watch.counts("syscall_failed").undecided == 0)
        }

        @Test("windows end while failures go on: no failure is lost, none is told twice")
        func windows() async throws {
            let watch = try await watch()
            let child = SpawnedProcess(
                "/bin/sh",
                ["sh", "-c", "i=0; while [ $i -lt 200000 ]; do cd /root/none 2>&-; i=$((i+1)); done"],
            )
            var options = CollectorOptions()
            options[.window] = 1_000_000_000
            options.set(SyscallCollector.ignore, [])
            try await watch.collector.reconfigure(options)
            let merged = try watch.counts("syscall_failed").merged
            #expect(child.wait() == .exited(0))
            await watch.collector.stop()
            let all = try watch.counts("syscall_failed")
            #expect(all.undecided == 0 && all.ringFull == 0 && all.merged - merged > 1000)
            let rows = watch.events(0) { $0.string("kind") == "syscall_failed" }
            #expect(rows.reduce(0) { $0 + $1.weight } == Double(all.submitted))
            #expect(rows.filter { $0.number("pid") == Int64(child.pid) && $0["agg_count"] != .null }.count >= 2)
        }

        @Test("more sorts of failures than a window has room for are events of their own")
        func fullWindow() async throws {
            let watch = try await watch(windowNs: 3_600_000_000_000)
            // Each name of the thread is a sort.
            let names = 9000
            for number in 0..<names {
                setThreadName("t\(number)")
                #expect(close(-1) == -1)
                #expect(close(-1) == -1)
            }
            await watch.collector.stop()
            let rows = watch.events(0) { $0.number("pid") == Self.me && $0.string("error") == "EBADF" }
            #expect(rows.reduce(0) { $0 + $1.weight } == Double(2 * names))
            #expect(rows.contains { $0["agg_count"] != .null })
            #expect(try watch.counts("syscall_failed").undecided == 0)
        }
    }
}
