import Glibc
import TapioAgent
import TapioArchive
import TapioEvents
import TapioTestSupport
import Testing

extension EndToEnd {
    @Suite("The table of processes")
    struct ProcessTableTests {
        /// The rows of the table, those of each file in turn.
        private func rows(_ agent: AgentProcess) throws -> [[String: DimensionValue]] {
            try TestFile.find(agent.archive + "/_dimensions/process", suffix: ".pq").flatMap { path in
                let bytes = try #require(TestFile.read(path))
                let file = try ParquetFile(bytes: bytes)
                var rows = [[String: DimensionValue]](repeating: [:], count: Int(file.rowCount))
                for (place, column) in file.schema.columns.enumerated() {
                    let data = try bytes.withUnsafeBytes {
                        try file.readColumn(group: 0, column: place, from: $0.bytes)
                    }
                    for row in rows.indices where data.isValid(row) {
                        switch data.values {
                        case .integers(let values): rows[row][column.name] = .integer(values[row])
                        case .strings(let values):
                            rows[row][column.name] = .text(values.text(Int(values.indices[row])))
                        default: Issue.record("\(column.name) is neither number nor text")
                        }
                    }
                }
                return rows
            }
        }

        @Test("tells which program a process was, from when to when, and who started it")
        func programs() throws {
            let agent = try AgentProcess(settings: ["ledger.interval": "1s"])
            let place = TemporaryDirectory()
            let long = try ChildProcess(
                "/bin/sh",
                ["-c", "cd \(place.path); exec sleep 1000"],
                directory: place
            )
            let short = try ChildProcess(
                "/bin/sh",
                ["-c", "cd /usr; /bin/true one; (exec /bin/true two); :"],
                directory: place
            )
            #expect(short.wait() == .exited(0))
            #expect(agent.wait { $0.enrichment.processes.live > 0 })
            usleep(1_500_000)
            long.signal(SIGKILL)
            _ = long.wait()
            usleep(100_000)
            #expect(agent.stop().ending == .exited(0))

            let rows = try rows(agent)
            // Written while it lived and again with its end: the later row counts.
            let sleeping = rows.filter { $0["pid"] == .integer(Int64(long.pid)) && $0["exe"] != .text("/bin/sh") }
                .filter { $0["args"] == .text("sleep 1000") }
            #expect(sleeping.count == 2 && Set(sleeping.map { $0["valid_from"] }).count == 1)
            #expect(sleeping.first?["valid_to"] == nil && sleeping.last?["valid_to"] != nil)
            #expect(sleeping.allSatisfy { $0["cwd"] == .text(place.path) })

            // A row that was written in the midst of a life was written again with its end.
            let children = Dictionary(
                rows.filter { $0["ppid"] == .integer(Int64(short.pid)) }.map { ([$0["pid"], $0["valid_from"]], $0) },
                uniquingKeysWith: { $1 }
            ).values
            let programs = children.filter { $0["exe"] == .text("/bin/true") }
            #expect(Set(programs.map { $0["args"] }) == [.text("/bin/true one"), .text("/bin/true two")])
            for row in programs {
                guard case .text(let ancestry) = row["ancestry"], case .integer(let from) = row["valid_from"],
                    case .integer(let to) = row["valid_to"], case .integer(let start) = row["start_ts"]
                else {
                    Issue.record("\(row)")
                    continue
                }
                #expect(ancestry.hasPrefix("sh[\(short.pid)] < "))
                #expect(ancestry.contains("[\(getpid())]"))
                #expect(start <= from && from < to)
                #expect(row["cwd"] == .text("/usr") && row["uid"] == .integer(Int64(getuid())))
                #expect(row["parent_start_ts"] != nil)
            }
            // What they were before they were that, where it was read in time: forks come by the other lane.
            let before = children.filter { $0["exe"] == .text("/bin/sh") }
            #expect(before.count <= 2 && before.allSatisfy { $0["valid_to"] != nil })
        }
    }
}
