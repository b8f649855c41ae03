import Foundation
import TapioArchive
import TapioRings
import Testing

@testable import TapioAgent

@Suite("Configuration: what this machine cannot do is an error where it is written")
struct ConfigurationMachineTests {
    private func machine(
        online: [Int] = [0, 1, 2, 3, 6],
        allowed: [Int] = [0, 1, 3, 6],
        memory: Int64? = 16 << 30,
        limit: Int64? = nil
    ) -> MachineFacts {
        MachineFacts(onlineCPUs: online, allowedCPUs: allowed, memoryBytes: memory, memoryLimitBytes: limit)
    }

    private func errors(_ text: String, on machine: MachineFacts) -> [String] {
        let directory = TemporaryDirectory()
        let path = directory.write("tapio.yaml", text)
        do throws(ConfigurationErrors) {
            _ = try ConfigurationLoader(schema: testSchema, machine: { machine }).load(.init(file: .named(path)))
            return []
        } catch {
            return error.errors.map { "\($0.line ?? 0):\($0.column ?? 0) \($0.key ?? "-") \($0.message); \($0.remedy)" }
        }
    }

    @Test("a CPU that is not there, or not the agent's to use, names those that are")
    func cpu() {
        #expect(
            errors("reader:\n  cpu: 7\n", on: machine()) == [
                "2:8 reader.cpu 7 is no CPU of this machine: it must be auto or one of 0-1,3,6; name one of them, or auto"
            ]
        )
        #expect(
            errors("reader: {cpu: 2}", on: machine()) == [
                "1:15 reader.cpu 2 is a CPU that the agent may not use: it must be auto or one of 0-1,3,6; name one of them, or auto"
            ]
        )
        #expect(errors("reader: {cpu: 6}", on: machine()) == [])
        #expect(errors("reader: {cpu: auto}", on: machine()) == [])
    }

    @Test("more readers than CPUs")
    func readers() {
        #expect(
            errors("batch: {}\nreaders: 5\n", on: machine()) == [
                "2:10 readers 5 are more than the CPUs that the agent may use: it must be auto, per-cpu or 1..4; lower it"
            ]
        )
        for text in ["4", "1", "auto", "per-cpu"] { #expect(errors("readers: \(text)", on: machine()) == []) }
        #expect(
            errors("readers: 0", on: machine()) == [
                "1:10 readers \"0\" is out of range: it must be auto, per-cpu or 1..1024; correct or remove it, the default is auto"
            ]
        )
        #expect(
            errors("readers: all", on: machine()).first?.contains("\"all\" is not auto, per-cpu or 1..1024") == true
        )
    }

    @Test("rings that would take more than half of the memory name their sum, and what there may be")
    func rings() {
        let limited = machine(limit: 40 << 20)
        #expect(
            errors("rings:\n  urgent_bytes: 1MiB\n  bulk_bytes: 4MiB\n", on: limited) == [
                "3:15 rings.bulk_bytes the rings of 5 CPUs take 25MiB, more than half of the 40MiB that the control group allows: both together must be at most 4MiB for each CPU; make rings.urgent_bytes or rings.bulk_bytes smaller"
            ]
        )
        // The greater one is named, where it was given; else the other.
        #expect(
            errors("rings:\n  urgent_bytes: 1GiB\n", on: machine(memory: 10 << 30)).first?.hasPrefix(
                "2:17 rings.urgent_bytes"
            ) == true
        )
        #expect(errors("rings: {urgent_bytes: 2MiB}", on: limited).first?.hasPrefix("1:23 rings.bulk_bytes") == true)
        // The defaults are checked as well: they are nobody's mistake, but they do not fit.
        #expect(errors("", on: limited).first?.hasPrefix("0:0 rings.bulk_bytes") == true)
        #expect(errors("", on: machine(limit: 50 << 20)) == [])
    }

    @Test("docs/deployment.md: with 512 MiB so many CPUs do, and not one more")
    func documentedLimits() throws {
        let root = #filePath.split(separator: "/").dropLast(3).map { "/" + $0 }.joined()
        let page = try String(contentsOfFile: root + "/docs/deployment.md", encoding: .utf8)
        let rows = page.matches(of: #/\n\| (\d+) \| (\d+[KM]iB) \| (\d+[KM]iB) \|/#)
        #expect(rows.map { Int($0.1) } == [51, 85, 128, 256])
        for row in rows {
            let most = try #require(Int(row.1))
            let text = "rings: {urgent_bytes: \(row.2), bulk_bytes: \(row.3)}\n"
            func facts(_ cpus: Int) -> MachineFacts {
                machine(online: Array(0..<cpus), allowed: Array(0..<cpus), memory: 512 << 30, limit: 512 << 20)
            }
            #expect(errors(text, on: facts(most)) == [])
            #expect(errors(text, on: facts(most + 1)).first?.contains("rings") == true)
            // All that is bounded fits as well, with something left for the rest.
            let bound = MemoryBound(try load(text).configuration, cpus: most)
            #expect(bound.total < 448 << 20, "\(bound)")
        }
    }

    @Test("what a merge in the background holds counts in the memory bound, unless that is switched off")
    func compactionMemory() throws {
        let on = MemoryBound(try load("").configuration, cpus: 4)
        let off = MemoryBound(try load("archive: {compact: {enabled: false}}\n").configuration, cpus: 4)
        #expect(on.compaction == LiveCompaction.mostBytes && off.compaction == 0)
        #expect(on.total - off.total == LiveCompaction.mostBytes)
        #expect(on.detail.contains("compaction "), "\(on)")
    }

    @Test("what is not known of the machine is not checked, and no machine is asked for a command that only looks")
    func unknown() throws {
        let unknown = MachineFacts(onlineCPUs: [], allowedCPUs: [], memoryBytes: nil, memoryLimitBytes: nil)
        let texts = ["reader: {cpu: 4000}\nrings: {bulk_bytes: 1GiB}\n", "readers: 1024\n"]
        for text in texts { #expect(errors(text, on: unknown) == []) }
        #expect(try load(texts[0]).configuration.reader.cpu == 4000)
        #expect(try load(texts[1]).configuration.readers == .count(1024))
    }

    @Test("all misfits are told together, and only when each value is itself allowed")
    func together() {
        // Neither CPU nor readers are there, and the one would not do for the others.
        #expect(errors("reader: {cpu: 9}\nreaders: 9\n", on: machine()).count == 3)
        #expect(errors("reader: {cpu: 9}\nreaders: many\n", on: machine()).count == 1)
    }

    @Test("this machine has CPUs and memory")
    func current() throws {
        let facts = MachineFacts.current()
        #expect(!facts.onlineCPUs.isEmpty && !facts.allowedCPUs.isEmpty)
        #expect(Set(facts.allowedCPUs).isSubset(of: facts.onlineCPUs))
        #expect(try #require(facts.memoryBytes) > 1 << 20)
    }

    @Test("readers are written as they are read")
    func rendering() throws {
        for text in ["auto", "per-cpu", "3"] {
            let loaded = try load("readers: \(text)")
            #expect(testSchema.show(loaded).contains("readers: \(text)"))
        }
    }
}
