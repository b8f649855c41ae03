import Foundation
import TapioAgent
import TapioArchive
import TapioTestSupport
import Testing

@testable import tapio

@Suite("tapio report, as a person calls it") struct ReportCommandTests {
    private func foreignFile(_ directory: TemporaryDirectory) throws -> String {
        let path = directory.file("notes.parquet")
        try "not a parquet file".write(toFile: path, atomically: true, encoding: .utf8)
        return path
    }

    @Test("an empty archive makes a page that says so")
    func empty() throws {
        let directory = TemporaryDirectory()
        let page = directory.file("r.html")
        let result = try CommandsBinary.run(["report", directory.path, "-o", page, "--title", "<Friday>"])
        #expect(result.status == 0)
        #expect(result.error == "tapio: note: no event is in that time\n")
        let text = try String(contentsOfFile: page, encoding: .utf8)
        #expect(text.contains("There is no event in this archive"))
        #expect(text.contains("<title>&lt;Friday&gt;</title>"))
        #expect(try FileManager.default.contentsOfDirectory(atPath: directory.path) == ["r.html"])
    }

    @Test("a file that is there is replaced with --force only, and a file of somebody else's is no archive")
    func refusals() throws {
        let directory = TemporaryDirectory()
        let archive = directory.file("a")
        try FileManager.default.createDirectory(atPath: archive, withIntermediateDirectories: false)
        let page = directory.file("r.html")
        try "before".write(toFile: page, atomically: true, encoding: .utf8)
        let refused = try CommandsBinary.run(["report", archive, "-o", page])
        #expect(refused.status == 2 && refused.error.contains("is there already") && refused.error.contains("--force"))
        #expect(try String(contentsOfFile: page, encoding: .utf8) == "before")
        #expect(try CommandsBinary.run(["report", archive, "-o", page, "--force"]).status == 0)
        #expect(try String(contentsOfFile: page, encoding: .utf8).hasPrefix("<!DOCTYPE html>"))

        let other = directory.file("other.html")
        let foreign = try CommandsBinary.run(["report", try foreignFile(directory), "-o", other])
        #expect(foreign.status == 1 && foreign.error.split(separator: "\n").count == 1, "\(foreign.error)")
        #expect(foreign.error.contains("is no segment of an archive"))
        #expect(!FileManager.default.fileExists(atPath: other))

        for (arguments, status, words) in [
            (["report", archive + "/none", "-o", other], Int32(1), "there is no archive"),
            (["report", archive, "-o", archive], 2, "is no file"),
            (["report", archive, "-o", directory.file("none/r.html")], 1, "cannot write"),
            (["report", archive], 2, "-o"),
            (["report", archive, "--archive", archive, "-o", other], 2, "give the path once"),
            (
                ["report", archive, "-o", other, "--since", "2026-03-02", "--until", "2026-03-01"], 2,
                "ends before it begins"
            ),
        ] {
            let result = try CommandsBinary.run(arguments)
            #expect(result.status == status && result.error.contains(words), "\(arguments): \(result)")
            #expect(result.error.split(separator: "\n").count == 1, "\(result.error)")
            #expect(!FileManager.default.fileExists(atPath: other))
        }
    }

    @Test("standard output takes the page or its data, and a reader that goes away ends it silently")
    func pipe() throws {
        let directory = TemporaryDirectory()
        let page = try CommandsBinary.run(["report", directory.path, "-o", "-"])
        #expect(page.status == 0 && page.output.hasPrefix("<!DOCTYPE html>") && page.output.hasSuffix("</html>\n"))
        let json = try CommandsBinary.run(["report", directory.path, "--json"])
        let object = try JSONSerialization.jsonObject(with: Data(json.output.utf8)) as? [String: Any]
        #expect(object?["version"] as? Int == 1)
        let cut = try CommandsBinary.shell("$TAPIO report \(directory.path) -o - 2>/dev/null | head -c 10")
        #expect(cut.status == 0 && cut.output == "<!DOCTYPE ")
    }

    /// Turns a bit of the checksum of a column that every question reads.
    private func turnBit(of path: String) throws {
        let segment = try #require(try ArchiveReader(path: path).segments.first).open()
        let columns = try #require(segment.rowGroups.first).info.columns
        let kind = try #require(columns.first { $0.name == "kind" })
        var bytes = try #require(TestFile.read(path))
        bytes[kind.fileOffset + kind.compressedByteCount - 1] ^= 0x10
        TestFile.write(path, bytes)
    }

    @Test("a segment with a turned bit, and one that was cut short, are told in the words of tapio query")
    func wordsOfDamage() throws {
        let archive = try LaterArchive(days: 3, rows: 200)
        let paths = TestFile.find(archive.path, suffix: ".parquet")
        try #require(paths.count == 3)
        let page = archive.place.file("r.html")
        func compare(_ words: String, _ named: [String]) throws {
            let query = try CommandsBinary.run(["query", "--archive", archive.path, "--by", "kind"])
            let report = try CommandsBinary.run(["report", archive.path, "-o", page, "--force"])
            #expect(query.status == 3 && report.status == 3)
            #expect(report.error == query.error)
            #expect(report.error.contains("tapio: note: incomplete: \(words)"), "\(report.error)")
            for path in named { #expect(report.error.contains("tapio: note:   \(path)"), "\(report.error)") }
            let text = try String(contentsOfFile: page, encoding: .utf8)
            let data = try #require(text.range(of: "id=\"data\""))
            #expect(text[..<data.lowerBound].contains("incomplete: \(words)"))
        }
        try turnBit(of: paths[0])
        try compare("1 damaged part was skipped, at least 200 rows", [paths[0]])
        let bytes = try #require(TestFile.read(paths[1]))
        TestFile.write(paths[1], Array(bytes[..<(bytes.count / 2)]))
        try compare("2 damaged parts were skipped", Array(paths[..<2]))
    }

    @Test("what an agent has seen is on the page; a damaged segment is skipped, named and counted")
    func damage() throws {
        let agent = try AgentProcess(settings: ["batch.max_age": "500ms"])
        let storm = try Storm(pauseMs: 5)
        #expect(agent.wait { $0.archive.rowsWritten > 500 })
        _ = storm.stop()
        #expect(agent.stop().ending == .exited(0))
        let directory = TemporaryDirectory()
        let whole = try CommandsBinary.run(["report", agent.archive, "--json"])
        #expect(whole.status == 0 || whole.status == 3)
        let data = try #require(try JSONSerialization.jsonObject(with: Data(whole.output.utf8)) as? [String: Any])
        let kinds = try #require(data["kinds"] as? [[String: Any]])
        #expect(kinds.contains { $0["name"] as? String == "process_exec" })
        let counted = try CommandsBinary.run([
            "query", "--archive", agent.archive, "--by", "kind", "--agg", "count", "--json",
        ])
        for line in counted.output.split(separator: "\n") {
            let row = try #require(try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
            let name = try #require(row["kind"] as? String)
            let events = kinds.first { $0["name"] as? String == name }?["events"] as? Double
            let wanted = row.first { $0.key.hasPrefix("count") }?.value as? Double
            #expect(events != nil && events == wanted, "\(name): \(String(describing: events)), query says \(line)")
        }

        let path = try #require(TestFile.find(agent.archive, suffix: ".parquet").first)
        let bytes = try #require(TestFile.read(path))
        // Cut short: a bit that is turned may lie in a column that no report reads.
        try Data(bytes[..<(bytes.count / 2)]).write(to: URL(fileURLWithPath: path))
        let page = directory.file("r.html")
        let result = try CommandsBinary.run(["report", agent.archive, "-o", page])
        #expect(result.status == 3)
        #expect(result.error.contains("1 damaged part was skipped") && result.error.contains(path))
        #expect(try String(contentsOfFile: page, encoding: .utf8).contains("This report is incomplete"))
    }
}
