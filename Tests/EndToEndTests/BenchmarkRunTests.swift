import Foundation
import Testing

extension EndToEnd {
    /// Whole runs of the benchmarks on the real kernel, small ones: what they count, never how fast it was.
    @Suite("Benchmarks prove themselves")
    struct BenchmarkRunTests {
        private func answer(_ arguments: [String]) throws -> [String: Any] {
            let result = try CommandsBinary.run(["bench"] + arguments + ["--json"])
            #expect(result.status == 0, "\(result.error)\n\(result.output)")
            return try #require(try JSONSerialization.jsonObject(with: Data(result.output.utf8)) as? [String: Any])
        }

        private func runs(_ load: String, _ arguments: [String] = []) throws -> [[String: Any]] {
            let answer = try answer(["kernel", "--load", load, "--runs", "1"] + arguments)
            return try #require(answer["kernel"] as? [[String: Any]])
        }

        @Test("each of a generator's calls is an event, counted exactly, and found", arguments: ["45000", "max"])
        func calls(rate: String) throws {
            let run = try #require(try runs("getppid@\(rate)", ["--scale", "0.01", "--programs"]).first)
            let measurement = try #require(run["measurement"] as? [String: Any])
            let count = try #require(measurement["count"] as? Int)
            #expect(count == (rate == "max" ? 120_000 : 1_800))
            #expect(measurement["problems"] as? [String] == [])
            #expect((measurement["caused"] as? [String: Int]) == ["bench_call": count])
            let ledger = try #require((measurement["ledger"] as? [String: [String: Int]])?["bench_call"])
            #expect(ledger["attempted"] == count)
            #expect(ledger["filtered"] == 0)
            let ends = ["archived", "aggregated", "sampledOut", "ringFull", "malformed", "shed", "failed"]
            #expect(ends.reduce(0) { $0 + (ledger[$1] ?? 0) } == count)
            #expect((measurement["priorities"] as? [String: [String: Int]])?["low"]?["attempted"] == count)
            let resident = try #require(measurement["resident"] as? [String: Int])
            #expect(try #require(resident["samples"]) >= 2)
            #expect(try #require(resident["least"]) > 1 << 20)
            #expect(try #require(measurement["durableGroups"] as? Int) >= 1)
            #expect(try #require(measurement["durableP99Ns"] as? Int) > 0)
            let programs = try #require(run["programs"] as? [[String: Any]])
            #expect(programs.contains { $0["name"] as? String == "bench_call" && ($0["runs"] as? Int ?? 0) >= count })
        }

        @Test("two generators share the load, and every event of both is found")
        func generators() throws {
            let run = try #require(try runs("getppid@100000", ["--scale", "0.02", "--generators", "2"]).first)
            let measurement = try #require(run["measurement"] as? [String: Any])
            #expect(measurement["problems"] as? [String] == [])
            #expect((measurement["found"] as? [String: Int])?["bench_call"] == measurement["count"] as? Int)
        }

        @Test("emitted records of all kinds are accounted for exactly")
        func emitted() throws {
            let run = try #require(try runs("emit@100000", ["--scale", "0.05"]).first)
            let measurement = try #require(run["measurement"] as? [String: Any])
            #expect(measurement["problems"] as? [String] == [])
            #expect((measurement["caused"] as? [String: Int])?.values.reduce(0, +) == 20_000)
        }

        @Test("allocations are counted by what threads do, while events come in")
        func heap() throws {
            let answer = try answer(["heap", "--heap-load", "getppid@45000", "--seconds", "1", "--warm-up", "1"])
            let heap = try #require((answer["heap"] as? [[String: Any]])?.first)
            #expect(heap["problems"] as? [String] == [])
            #expect(try #require(heap["events"] as? Int) > 1_000)
            let roles = try #require(heap["threads"] as? [[String: Any]]).compactMap { $0["role"] as? String }
            #expect(Set(roles).isSuperset(of: ["reader", "encoder", "tasks"]))
        }

        @Test("the kinds of benchmarks are no part of what the agent says that it collects")
        func hidden() throws {
            let schema = try CommandsBinary.run(["schema"])
            #expect(schema.status == 0)
            #expect(!schema.output.contains("bench_call"))
        }
    }
}
