import ArgumentParser
import TapioAgent
import TapioArchive
import TapioQuery
import Testing

@testable import tapio

@Suite("Options of export, merge, compact and run --record") struct ArchiveCommandsParsingTests {
    @Test("the file's name tells an export's format, and --format overrules it")
    func exportFormat() throws {
        let named = try ExportCommand.parse(["-o", "a/b.ndjson.zst"]).form()
        #expect(named == ExportCommand.Form(format: .ndjson, isCompressed: true))
        let told = try ExportCommand.parse(["-o", "-", "--format", "arrow"]).form()
        #expect(told == ExportCommand.Form(format: .arrow, isCompressed: false))
        let other = try ExportCommand.parse(["-o", "x.zst", "--format", "csv"]).form()
        #expect(other == ExportCommand.Form(format: .csv, isCompressed: true))
    }

    @Test(
        "what cannot be is refused before anything is read",
        arguments: [
            ["-o", "x"], ["-o", "x.csv", "--format", "xml"], ["-o", "t.pftrace", "--select", "ts"],
            ["-o", "-", "--format", "csv", "--json"], ["-o", "x.csv", "--limit", "0"],
        ]
    )
    func refusedExports(arguments: [String]) {
        #expect(throws: (any Error).self) { try ExportCommand.parse(arguments) }
    }

    @Test("an export's filter and range become the question")
    func exportQuestion() throws {
        let command = try ExportCommand.parse([
            "kind = tcp_close", "-o", "x.csv", "--select", "ts, pid", "--limit", "7", "--no-join", "--since",
            "2026-01-01T00:00:00Z",
        ])
        let spec = try command.spec()
        #expect(spec.filter == "kind = tcp_close")
        #expect(spec.select == ["ts", "pid"])
        #expect(spec.limit == 7)
        #expect(!spec.joins)
        #expect(spec.sinceNs == 1_767_225_600_000_000_000)
    }

    @Test("sizes, levels and orders of merges are checked")
    func merges() throws {
        let merge = try MergeCommand.parse(["-o", "x", "a", "b", "--size", "1GiB", "--order", "kind", "--level", "19"])
        #expect(merge.form.sizeBytes == 1 << 30)
        #expect(merge.form.order == .kind)
        #expect(merge.form.level == 19)
        for wrong in [["--size", "1s"], ["--size", "10"], ["--level", "20"], ["--order", "pid"]] {
            #expect(throws: (any Error).self) { try MergeCommand.parse(["-o", "x", "a"] + wrong) }
        }
        for wrong in [["--cpu", "0"], ["--cpu", "101"], ["--older-than", "1GiB"]] {
            #expect(throws: (any Error).self) { try CompactCommand.parse(wrong) }
        }
    }

    @Test("a recording has a bound")
    func recording() throws {
        let usual = try RunCommand.parse(["--record", "a.tapiorec"]).request().recording
        #expect(usual?.path == "a.tapiorec")
        #expect(usual?.limitBytes == 1 << 30)
        let bounded = try RunCommand.parse(["--record", "a", "--record-limit", "10MiB"]).request().recording
        #expect(bounded?.limitBytes == 10 << 20)
        #expect(try RunCommand.parse([]).request().recording == nil)
        #expect(throws: (any Error).self) { try RunCommand.parse(["--record-limit", "10MiB"]) }
    }
}
