import Glibc
import TapioAgent
import TapioEvents
import TapioTestSupport
import Testing

extension EndToEnd {
    @Suite("Events that are alike are merged")
    struct AggregationTests {
        /// A process of a name of its own that forks so many children.
        private func forks(_ count: Int, name: String) throws {
            let process = try InteractiveProcess([
                "/usr/bin/python3", "-I", "-S", "-c",
                """
                import os, sys
                open('/proc/self/comm', 'w').write(sys.argv[2])
                print('ready', flush=True)
                sys.stdin.readline()
                for _ in range(int(sys.argv[1])):
                    pid = os.fork()
                    if pid == 0: os._exit(3)
                    os.waitpid(pid, 0)
                print('done', flush=True)
                """,
                "\(count)", name,
            ])
            #expect(process.readLine() == "ready")
            process.write("go")
            #expect(process.readLine() == "done")
            _ = process.wait()
        }

        private struct Found {
            var single = 0
            var summaries = 0
            var merged: Int64 = 0
            var weight = 0.0
        }

        private func find(_ rows: ArchiveRows, _ kind: String, comm: String) -> Found {
            var found = Found()
            for row in rows.of(kind) where row.text("comm") == comm {
                if let count = row.int("agg_count") {
                    found.summaries += 1
                    found.merged += count
                    #expect(row.int("pid") == 0 && row.int("child_pid") == nil)
                    #expect(row.int("agg_first") == row.int("ts"))
                    #expect((row.int("agg_last") ?? 0) >= (row.int("agg_first") ?? .max))
                } else {
                    found.single += 1
                }
                found.weight += row.double("weight") ?? 0
            }
            return found
        }

        @Test(
            "the first is a row, the others are counted in summaries, and nothing is missing, across seals and reloads"
        )
        func forksAndExits() throws {
            let agent = try AgentProcess(
                config: "aggregation:\n  window: 1s\n  process_fork: always\n  process_exit: always\n",
                settings: ["batch.max_age": "500ms"]
            )
            let (first, second) = (3000, 500)
            try forks(first, name: "tapio-fork-a")
            agent.signal(SIGUSR1)
            try forks(second, name: "tapio-fork-b")
            // Switched off while it runs: what is open is told, what comes after is not merged.
            TestFile.write(agent.configPath, "aggregation:\n  window: 1s\n  process_fork: off\n")
            agent.signal(SIGHUP)
            #expect(agent.wait { $0.configuration.reloads == 1 })
            try forks(40, name: "tapio-fork-c")
            let end = agent.stop()
            #expect(end.ending == .exited(0), "\(end.log)")

            let columns = [
                "kind", "ts", "pid", "comm", "weight", "child_pid", "exit_code", "agg_count", "agg_first", "agg_last",
                "agg_min", "agg_max", "agg_sum", "agg_histogram",
            ]
            let rows = try ArchiveRows(agent.archive, columns: columns)
            for (name, count) in [("tapio-fork-a", first), ("tapio-fork-b", second)] {
                let found = find(rows, "process_fork", comm: name)
                #expect(Int64(found.single) + found.merged == Int64(count), "\(name): \(found)")
                #expect(found.weight == Double(count))
                #expect(found.merged > 0 && found.summaries > 0 && found.single + found.summaries < count / 10)
            }
            let after = find(rows, "process_fork", comm: "tapio-fork-c")
            #expect(after.single == 40 && after.summaries == 0)
            // Children have their parent's name; those that exit with 3 are a group of their own, measured.
            var measured: Int64 = 0
            for row in rows.of("process_exit") where row.text("comm") == "tapio-fork-a" && row.int("exit_code") == 3 {
                guard let count = row.int("agg_count") else {
                    measured += 1
                    continue
                }
                measured += count
                let least = try #require(row.int("agg_min"))
                let most = try #require(row.int("agg_max"))
                let sum = try #require(row.int("agg_sum"))
                #expect(least > 0 && least <= most && sum >= least * count && sum <= most * count)
                let classes = try #require(row.text("agg_histogram")).split(separator: " ")
                let counted = classes.compactMap { $0.split(separator: ":").last.flatMap { Int64($0) } }
                #expect(counted.count == classes.count && counted.reduce(0, +) == count)
            }
            #expect(measured == Int64(first))

            let books = try LedgerBooks(agent.archive)
            #expect(books.violations == [])
            #expect((books.accounts["process_fork"]?.aggregated ?? 0) > 0)
            let verified = try TapioProgram.run(["verify", agent.archive])
            #expect(verified.exitCode == 0, "\(verified.output)\(verified.errors)")
            #expect(verified.output.contains(" aggregated"))
            let counted = try TapioProgram.run([
                "query", "--archive", agent.archive, "--json", "--by", "kind",
                "kind = process_fork and comm = tapio-fork-a",
            ])
            #expect(counted.output.contains("\(first)"), "\(counted.output)\(counted.errors)")
            let shown = try TapioProgram.run([
                "cat", "--archive", agent.archive, "kind = process_fork and comm = tapio-fork-a",
            ])
            #expect(shown.output.contains(" ×"), "\(shown.errors)")
        }

        private static let root: String = {
            var parts = #filePath.split(separator: "/")
            parts.removeLast(3)
            return "/" + parts.joined(separator: "/")
        }()
        private static let python: String =
            (getenv("TAPIO_TEST_VENV").map { String(cString: $0) } ?? root + "/.build-venv") + "/bin/python"
        private static let isThere = access(python, X_OK) == 0
        private static let isRequired = getenv("CI").map { String(cString: $0) == "true" } ?? false

        @Test(
            "the query in docs/events.md counts in DuckDB what was merged",
            .enabled(if: isThere || isRequired, "no Python environment: run .ci/python-venv, or set TAPIO_TEST_VENV")
        )
        func documentedQuery() throws {
            try #require(Self.isThere, "run .ci/python-venv, or set TAPIO_TEST_VENV")
            let agent = try AgentProcess(settings: ["aggregation.process_exit": "always"])
            try forks(300, name: "tapio-doc")
            #expect(agent.stop().ending == .exited(0))
            let rows = try ArchiveRows(agent.archive, columns: ["kind", "agg_count", "agg_min", "agg_max"])
            let summaries = rows.of("process_exit").filter { $0.int("agg_count") != nil }
            #expect(!summaries.isEmpty)

            let page = String(decoding: TestFile.read(Self.root + "/docs/events.md") ?? [], as: UTF8.self)
            let lines = page.split(separator: "\n", omittingEmptySubsequences: false)
            let start = try #require(lines.firstIndex(of: "```sql"))
            let end = try #require(lines[start...].firstIndex(of: "```"))
            let query = lines[(start + 1)..<end].joined(separator: "\n")
            let script = """
                import duckdb, os, sys
                os.chdir(sys.argv[1])
                for start, count in duckdb.sql(sys.argv[2]).fetchall(): print(f'{int(start)} {int(count)}')
                """
            let output = try InteractiveProcess.run([
                Self.python, "-c", script, agent.archive, query,
            ])
            let classes = output.split(separator: "\n").map { line in
                line.split(separator: " ").compactMap { Int64($0) }
            }
            #expect(classes.reduce(0) { $0 + $1[1] } == summaries.reduce(0) { $0 + $1.int("agg_count")! })
            let least = summaries.compactMap { $0.int("agg_min") }.min()!
            let most = summaries.compactMap { $0.int("agg_max") }.max()!
            // The first and last class hold the least and the greatest value.
            #expect(classes.first![0] <= least && least < classes.first![0] / 4 * 5 + 4)
            #expect(classes.last![0] <= most && most < classes.last![0] / 4 * 5 + 4)
        }
    }
}
