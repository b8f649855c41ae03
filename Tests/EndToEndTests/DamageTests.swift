import Glibc
import TapioAgent
import TapioTestSupport
import Testing

extension EndToEnd {
    @Suite("Damage to a real segment")
    struct DamageTests {
        /// What one damaged copy came to.
        private func check(_ bytes: [UInt8], named name: String, rows: Int, _ what: String) throws {
            let place = TemporaryDirectory()
            let folder = place.file("node=test/date=2026-01-01/hour=00")
            for path in ["node=test", "node=test/date=2026-01-01", "node=test/date=2026-01-01/hour=00"] {
                mkdir(place.file(path), 0o700)
            }
            let file = folder + "/" + name
            TestFile.write(file, bytes)

            let verify = try TapioProgram.run(["verify", place.path])
            #expect(verify.exitCode == 1, "\(what): \(verify.output) \(verify.errors)")
            #expect(verify.output.contains(name), "\(what): does not name the file: \(verify.output)")

            let query = try TapioProgram.run(["query", "--agg", "count", "--json", "--archive", place.path])
            // 1 where nothing at all can be read, 3 where parts of the answer are missing.
            #expect([0, 1, 3].contains(query.exitCode ?? -1), "\(what): \(query.ending) \(query.errors)")
            #expect(query.exitCode != 1 || query.errorLines.count == 1, "\(what): \(query.errors)")

            let repair = try TapioProgram.run(["repair", place.path])
            #expect([0, 3].contains(repair.exitCode ?? -1), "\(what): \(repair.output) \(repair.errors)")
            if repair.output.contains("foreign, left as it is") {
                // Cut within the first frame, whose payload's length stands in its header: nothing tells whose it is.
                let header = 52
                let payload = bytes.count < header ? 0 : (0..<4).reduce(0) { $0 + Int(bytes[20 + $1]) << (8 * $1) }
                #expect(bytes.count < header + payload && TestFile.read(file) == bytes, "\(what)")
                return
            }
            // The damaged file is kept under another name.
            let kept = TestFile.find(place.path, suffix: ".corrupt")
            #expect(kept.count == 1, "\(what): \(repair.output)")
            #expect(kept.first.flatMap(TestFile.read) == bytes, "\(what): the original was changed")
            let saved = TestFile.find(place.path, suffix: ".parquet")
            #expect(saved.count <= 1, "\(what)")
            for path in saved {
                let rest = try ArchiveRows(path, columns: ["kind"])
                #expect(rest.problems == [], "\(what)")
                #expect(rest.all.count <= rows, "\(what)")
                let again = try TapioProgram.run(["repair", place.path])
                #expect(again.exitCode == 0, "\(what), repaired twice: \(again.output)")
            }
        }

        /// A real segment with a few row groups.
        private func segment() throws -> (name: String, bytes: [UInt8], rows: Int) {
            let agent = try AgentProcess(settings: ["batch.max_age": "500ms"])
            let storm = try Storm(pauseMs: 5)
            #expect(agent.wait { $0.archive.rowsWritten > 500 })
            _ = storm.stop()
            #expect(agent.stop().ending == .exited(0))
            let path = try #require(TestFile.find(agent.archive, suffix: ".parquet").first)
            let bytes = try #require(TestFile.read(path))
            return (
                String(path.split(separator: "/").last!), bytes, try ArchiveRows(path, columns: ["kind"]).all.count
            )
        }

        @Test(
            "cut short or with a bit turned, it is found damaged, asked without a crash, and saved as far as it is whole"
        )
        func damage() throws {
            let (name, bytes, rows) = try segment()
            #expect(rows > 500)
            var random = SystemRandomNumberGenerator()
            let cuts = [0, 1, 4, 5, 100, bytes.count - 1, bytes.count - 8, bytes.count / 2]
            for cut in cuts + (0..<8).map({ _ in Int.random(in: 1..<bytes.count, using: &random) }) {
                try check(Array(bytes[..<cut]), named: name, rows: rows, "cut at \(cut) of \(bytes.count)")
            }
            for _ in 0..<16 {
                let bit = Int.random(in: 0..<bytes.count * 8, using: &random)
                var turned = bytes
                turned[bit / 8] ^= 1 << UInt8(bit % 8)
                try check(turned, named: name, rows: rows, "bit \(bit % 8) of byte \(bit / 8) of \(bytes.count)")
            }
        }
    }
}
