import Foundation
import TapioAgent
import TapioArchive
import TapioEvents
import Testing

@Suite("tapio query") struct QueryCommandTests {
    /// A small archive in a directory of its own, removed with the object.
    private final class Sample {
        let root: URL

        init(rows: Int = 30_000) throws {
            root = FileManager.default.temporaryDirectory.appendingPathComponent("tapio-query-\(UUID().uuidString)")
            try FileManager.default.createDirectory(at: root, withIntermediateDirectories: true)
            let made = try CommandsBinary.run([
                "bench", "archive", archive.path, "--rows", "\(rows)", "--group-rows", "3000", "--segment-groups", "4",
            ])
            guard made.status == 0 else { throw CocoaError(.fileWriteUnknown) }
        }

        deinit { try? FileManager.default.removeItem(at: root) }

        var archive: URL { root.appendingPathComponent("archive") }

        var segments: [URL] {
            let all = FileManager.default.enumerator(at: archive, includingPropertiesForKeys: nil)
            return (all?.compactMap { $0 as? URL } ?? []).filter { $0.pathExtension == "parquet" }
                .sorted { $0.path < $1.path }
        }

        func query(_ arguments: [String]) throws -> CommandsBinary.Result {
            try CommandsBinary.run(["query", "--archive", archive.path] + arguments)
        }
    }

    private func objects(_ lines: String) throws -> [[String: Any]] {
        try lines.split(separator: "\n").map {
            try JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any] ?? [:]
        }
    }

    @Test("table, JSON, CSV and Parquet give the same answer")
    func forms() throws {
        let sample = try Sample()
        let question = [
            "kind = tcp_close", "--by", "pod", "--agg", "count,p99(duration_ns),avg(bytes_sent)", "--top", "7",
        ]
        let json = try objects(sample.query(question + ["--json"]).output)
        #expect(json.count == 7)
        let csv = try sample.query(question + ["--csv"]).output.split(separator: "\r\n")
        #expect(csv.first == "pod,count,p99(duration_ns),avg(bytes_sent)")
        #expect(csv.dropFirst().map { $0.split(separator: ",")[0] } == json.map { ($0["pod"] as? String ?? "")[...] })
        let table = try sample.query(question).output.split(separator: "\n")
        #expect(table.count == 8)
        let file = sample.root.appendingPathComponent("answer.parquet")
        let written = try sample.query(question + ["--parquet", file.path])
        #expect(written.status == 0, "\(written.error)")
        #expect(written.output.isEmpty)
        let bytes = [UInt8](try Data(contentsOf: file))
        let parquet = try ParquetFile(bytes: bytes)
        #expect(parquet.rowCount == 7)
        guard case .integers(let counts) = try parquet.readColumn(group: 0, column: 1, from: bytes).values else {
            Issue.record("no numbers")
            return
        }
        #expect(counts == json.map { ($0["count"] as? NSNumber)?.int64Value ?? -1 })
        let piped = try CommandsBinary.shell(
            "\"$TAPIO\" query --archive \(sample.archive.path) --select ts,kind,pid --limit 10 --parquet - | head -c 4"
        )
        #expect(piped.output == "PAR1")
        // Nothing is left where an answer was refused.
        let refused = try sample.query(["--by", "pid,seq", "--limit", "1", "--parquet", "/nonexistent/x.parquet"])
        #expect(refused.status == 1)
        #expect(refused.error.contains("cannot write /nonexistent/x.parquet"))
        #expect(try FileManager.default.contentsOfDirectory(atPath: sample.root.path).count == 2)
    }

    @Test("a range of time: between is since and until, and parts add up to the whole")
    func ranges() throws {
        let sample = try Sample()
        func count(_ arguments: [String]) throws -> Int {
            let result = try sample.query(["--agg", "count", "--json"] + arguments)
            return (try objects(result.output).first?["count"] as? NSNumber)?.intValue ?? -1
        }
        let times = try objects(sample.query(["--agg", "min(ts),max(ts)", "--json"]).output)
        let first = try #require(times.first?["min(ts)"] as? String)
        let second = try #require(first.split(separator: ".").first) + ".030000Z"
        let all = try count([])
        let before = try count(["--until", String(second)])
        let after = try count(["--since", String(second)])
        #expect(before > 0 && after > 0)
        #expect(before + after == all)
        #expect(try count(["--between", "\(first)..\(second)"]) == before)
    }

    @Test(
        "what is wrong with a question is said in a line, with a caret below where there is a place",
        arguments: [
            (["knid = tcp_close"], "no field \"knid\"; did you mean \"kind\"?\n  knid = tcp_close\n  ^~~~"),
            (["kind = tcp_clos"], "no kind \"tcp_clos\"; did you mean \"tcp_close\"?"),
            (["pid > fast"], "pid is a number: \"fast\" does not compare with it"),
            (["pid > 5ms"], "pid is a number: \"5ms\" is a time"),
            (["bytes_sent > 5ms"], "\"5ms\" is a time"), (["pid ~ x"], "~ compares text only"),
            (["comm ~ \"a(\""], "pattern:"), (["pid = 1 and"], "expected"), (["(pid = 1"], "never closed"),
            (["--by", "podd"], "no field \"podd\"; did you mean \"pod\"?\n  podd\n  ^~~~"),
            (["--agg", "p99(duration)"], ""), (["--agg", "p999(duration_ns)"], "no function"),
            (["--agg", "sum(comm)"], "comm is text: no sum of it"),
            (["--between", "10:00"], "two times with two dots between"),
            (["--since", "1h", "--until", "2h"], "the range ends before it begins: from 20"),
            (["--between", "1h..2h"], "the range ends before it begins"),
            (["--between", "10:00..10:00"], "the range is empty"), (["--since", "-10m"], "-10m is negative"),
            (["capability = sysadmin"], "did you mean \"sys_admin\"?"), (["tcp_state = finwait"], "did you mean"),
            (["--between", "2h..1h", "--since", "3h"], "leave out --since"),
            (["--since", "yesterday"], "no time: write 10m"), (["--order=-pid"], "need a limit"),
            (["--csv", "--parquet", "x"], "exclude each other"), (["--for", "10s"], "--for is for --live"),
            (["--by", "kind", "--live", "--since", "1h"], "--live"),
        ]
    )
    func wrongQuestions(arguments: [String], part: String) throws {
        let empty = FileManager.default.temporaryDirectory.appendingPathComponent("tapio-query-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: empty, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: empty) }
        let archive = arguments.contains("--live") ? [] : ["--archive", empty.path]
        let result = try CommandsBinary.run(["query"] + archive + arguments)
        if part.isEmpty {
            #expect(result.status == 0, "\(result.error)")
            return
        }
        #expect(result.status == 2, "\(result.error)")
        #expect(result.error.contains(part), "\(result.error)")
        #expect(result.output.isEmpty)
        let lines = result.error.split(separator: "\n")
        #expect(lines.dropFirst().allSatisfy { $0.hasPrefix("  ") })
    }

    @Test("a segment cut short or with a flipped bit is skipped, named and counted; the rest is answered")
    func damage() throws {
        let sample = try Sample()
        let whole = try objects(sample.query(["--agg", "count", "--json"]).output)
        let segments = sample.segments
        #expect(segments.count >= 3)
        var bytes = try Data(contentsOf: segments[0])
        bytes[bytes.count / 3] ^= 0x20
        try bytes.write(to: segments[0])
        let handle = try FileHandle(forWritingTo: segments[1])
        try handle.truncate(atOffset: UInt64(try Data(contentsOf: segments[1]).count / 2))
        try handle.close()
        // Every column, so that whichever page the bit is in is read.
        let rows = try sample.query(["--json"])
        #expect(rows.status == 3)
        #expect(rows.error.contains("incomplete: "), "\(rows.error)")
        for segment in segments.prefix(2) { #expect(rows.error.contains(segment.lastPathComponent), "\(rows.error)") }
        let left = rows.output.split(separator: "\n").count
        let count = (whole.first?["count"] as? NSNumber)?.intValue ?? 0
        #expect(left > 0 && left < count)
    }

    @Test("nobody is said to have had a pid then for good where a segment cannot be read")
    func nobodyInDamage() throws {
        let sample = try Sample()
        let execs = ["kind = process_exec and start_ts is not null", "--select", "pid", "--limit", "1", "--json"]
        let pid = try #require(try objects(sample.query(execs).output).first?["pid"] as? NSNumber)
        let subject = "\(pid)@1971-01-01T00:00:00Z"
        let last = try #require(sample.segments.last)
        func run(_ command: String) throws -> CommandsBinary.Result {
            try CommandsBinary.run([command, subject, "--archive", sample.archive.path])
        }
        for command in ["timeline", "explain"] {
            let nobody = try run(command)
            #expect(nobody.status == 1, "\(nobody.error)")
            #expect(nobody.error.contains("no process is known to have had pid \(pid)"), "\(nobody.error)")
            #expect(!nobody.error.contains("not all of it could be read"), "\(nobody.error)")
        }
        let bytes = try Data(contentsOf: last)
        try bytes.prefix(bytes.count / 2).write(to: last)
        for command in ["timeline", "explain"] {
            let perhaps = try run(command)
            #expect(perhaps.status == 3, "\(perhaps.error)")
            #expect(perhaps.error.contains("no process is known to have had pid \(pid)"), "\(perhaps.error)")
            #expect(perhaps.error.contains("not all of it could be read"), "\(perhaps.error)")
            #expect(perhaps.error.contains(last.lastPathComponent), "\(perhaps.error)")
            #expect(perhaps.output.isEmpty)
        }
    }

    @Test("one file that begins as a segment, or has a segment's name, is a damaged one; another's is no segment")
    func oneDamagedFile() throws {
        let sample = try Sample(rows: 3000)
        let segment = try #require(sample.segments.first)
        let bytes = try Data(contentsOf: segment)
        var turned = bytes.prefix(200)
        turned[60] ^= 1
        let damaged: [(name: String, bytes: Data)] = [
            // "PAR1" alone, within the first frame's magic, its header and its contents.
            ("a.parquet", bytes.prefix(4)), ("b.parquet", bytes.prefix(8)), ("c.parquet", bytes.prefix(30)),
            ("d.parquet", bytes.prefix(60)), ("e.parquet", turned), (segment.lastPathComponent, Data()),
        ]
        for (name, bytes) in damaged {
            let file = sample.root.appendingPathComponent(name)
            try bytes.write(to: file)
            let result = try CommandsBinary.run(["query", "--archive", file.path, "--by", "kind"])
            #expect(result.status == 3, "\(name): \(result.error)")
            #expect(result.error.contains("incomplete: 1 damaged part was skipped"), "\(name): \(result.error)")
            #expect(result.error.contains(name), "\(name): \(result.error)")
            #expect(result.output.isEmpty)
        }
        let listed = try CommandsBinary.run(["ls", sample.root.appendingPathComponent("c.parquet").path])
        #expect(listed.status == 3 && listed.error.contains("is damaged"), "\(listed.error)")
        let verified = try CommandsBinary.run(["verify", sample.root.appendingPathComponent("c.parquet").path])
        #expect(verified.status == 1 && verified.output.contains("damaged"), "\(verified.output)\(verified.error)")
        // Parquet's own magic is not ours, and neither are fewer bytes than it has.
        let others: [(name: String, bytes: Data)] = [
            ("f.parquet", bytes.prefix(4) + Data(repeating: 0x15, count: 100)), ("g.parquet", bytes.prefix(3)),
            ("h.parquet", Data()),
        ]
        for (name, bytes) in others {
            let file = sample.root.appendingPathComponent(name)
            try bytes.write(to: file)
            let result = try CommandsBinary.run(["query", "--archive", file.path, "--by", "kind"])
            #expect(result.status == 1, "\(name): \(result.error)")
            #expect(result.error.contains("is no segment of an archive"), "\(name): \(result.error)")
        }
    }

    @Test("what is no archive is one line that says so")
    func strangers() throws {
        let sample = try Sample(rows: 3000)
        let text = sample.root.appendingPathComponent("notes.parquet")
        try Data("hello, this is no Parquet file".utf8).write(to: text)
        let answer = sample.root.appendingPathComponent("answer.parquet")
        _ = try sample.query(["--by", "kind", "--parquet", answer.path])
        let other = sample.root.appendingPathComponent("other")
        try FileManager.default.createDirectory(at: other, withIntermediateDirectories: true)
        try Data("x".utf8).write(to: other.appendingPathComponent("a.txt"))
        let expected = [
            (text.path, "is no segment of an archive"), (answer.path, "is a Parquet file of something else"),
            (other.path, "is no archive"), ("/nonexistent/x", "there is no archive at /nonexistent/x"),
        ]
        for (path, part) in expected {
            for arguments in [["--by", "kind"], ["--json"]] {
                let result = try CommandsBinary.run(["query", "--archive", path] + arguments)
                #expect(result.status == 1, "\(path)")
                #expect(result.error.contains(part), "\(result.error)")
                #expect(result.error.split(separator: "\n").count == 1, "\(result.error)")
                #expect(result.output.isEmpty)
            }
        }
        let empty = sample.root.appendingPathComponent("empty")
        try FileManager.default.createDirectory(at: empty, withIntermediateDirectories: true)
        let nothing = try CommandsBinary.run(["query", "--archive", empty.path, "--by", "kind"])
        #expect(nothing.status == 0)
        #expect(nothing.error == "tapio: note: no row passes\n")
        // What is wrong with the question itself comes first.
        let wrong = try CommandsBinary.run(["query", "--archive", "/nonexistent/x", "kind ="])
        #expect(wrong.status == 2 && wrong.error.contains("expected a value"), "\(wrong.error)")
    }

    @Test(
        "head ends it silently, whatever the form",
        arguments: ["", "--json", "--csv", "--csv --by pid,kind", "--parquet -"]
    )
    func closedPipe(form: String) throws {
        let sample = try Sample(rows: 12_000)
        let result = try CommandsBinary.shell(
            "\"$TAPIO\" query --archive \(sample.archive.path) \(form) | head -c 100 > /dev/null"
        )
        #expect(result.status == 0)
        #expect(!result.error.contains("error"), "\(result.error)")
    }

    @Test("an archive of a newer schema is read, and the answer says so")
    func newerSchema() throws {
        let sample = try Sample(rows: 3000)
        let columns = [
            ParquetColumn(name: "ts", type: .timestampMicros, isRequired: true, fieldID: 1),
            ParquetColumn(name: "kind", type: .string, isRequired: true, fieldID: 2),
            ParquetColumn(name: "weight", type: .double, isRequired: true, fieldID: 3),
            ParquetColumn(name: "mood_ns", type: .int64, isRequired: false, fieldID: 9000),
        ]
        let schema = ParquetSchema(columns: columns)
        var bytes: [UInt8] = []
        var writer = try ParquetFileWriter(schema: schema, createdBy: "test") { bytes += $0 }
        let encoder = RowGroupEncoder(schema: schema)
        encoder.begin(rowCount: 3)
        encoder.integers(0, values: ([1, 2, 3] as [Int64]).span)
        var interner = BytesInterner()
        let kind = interner.intern(Array("weather".utf8).span.bytes)
        encoder.strings(1, indices: [kind, kind, kind].span, dictionary: interner.dictionary)
        encoder.double(2, values: [1.0, 1.0, 1.0].span)
        encoder.integers(3, values: ([5, 6, 7] as [Int64]).span)
        try writer.append(encoder.finish())
        try writer.finish(keyValues: [(SegmentKey.schemaVersion, "7")])
        let file = sample.root.appendingPathComponent("new.parquet")
        try Data(bytes).write(to: file)
        let result = try CommandsBinary.run([
            "query", "--archive", file.path, "mood_ns > 5ns", "--by", "kind", "--agg", "count,sum(mood_ns)", "--json",
        ])
        #expect(result.status == 0)
        #expect(result.output == "{\"kind\":\"weather\",\"count\":2,\"sum(mood_ns)\":13}\n")
        #expect(result.error.contains("written by a newer version (schema 7, this program knows 1)"))
    }

    @Test("--live counts what the agent sends, and says what it left out")
    func live() throws {
        let columns = ["ts": "\"2026-01-01T00:00:00.000000001Z\"", "weight": "1.0"]
        func line(_ kind: String, _ pid: Int) -> String {
            let fields = columns.map { "\"\($0.key)\":\($0.value)" } + ["\"kind\":\"\(kind)\"", "\"pid\":\(pid)"]
            return "{" + fields.joined(separator: ",") + "}"
        }
        let lines = (0..<1000).map { line($0 % 4 == 0 ? "process_exec" : "tcp_close", $0 % 10) }
        let agent = try CommandsAgent(StatusReport(), lines: lines)
        let groups = try CommandsBinary.run([
            "query", "--live", "pid < 5", "--by", "kind", "--json", "--for", "30s", "--socket", agent.socket,
        ])
        #expect(groups.status == 0, "\(groups.error)")
        #expect(groups.output == "{\"kind\":\"tcp_close\",\"count\":350}\n{\"kind\":\"process_exec\",\"count\":150}\n")
        let rows = try CommandsBinary.run([
            "query", "--live", "pid = 7", "--select", "kind,pid", "--csv", "--limit", "3", "--socket", agent.socket,
        ])
        #expect(rows.output == "kind,pid\r\n" + String(repeating: "tcp_close,7\r\n", count: 3), "\(rows.error)")
        let lossy = try CommandsAgent(StatusReport(), lines: lines + ["{\"_skipped\":12345}"])
        let incomplete = try CommandsBinary.run(["query", "--live", "--agg", "count", "--socket", lossy.socket])
        #expect(incomplete.status == 3)
        #expect(incomplete.error.contains("left out 12,345 events"), "\(incomplete.error)")
        let nobody = try CommandsBinary.run(["query", "--live", "--by", "kind"])
        #expect(nobody.status == 1)
        #expect(nobody.error.split(separator: "\n").count == 1)
    }

    @Test("--live ends with its time, and with Ctrl-C", arguments: ["--for 1s", ""])
    func liveEnds(duration: String) throws {
        let agent = try CommandsAgent(
            StatusReport(),
            lines: ["{\"kind\":\"tcp_close\",\"weight\":1.0}"],
            staysOpen: true
        )
        let interrupt = duration.isEmpty ? "sleep 2; kill -INT $!; " : ""
        let result = try CommandsBinary.shell(
            "set -m; \"$TAPIO\" query --live --by kind --csv \(duration) --socket \(agent.socket) & \(interrupt)wait $!"
        )
        #expect(result.status == 0, "\(result.error)")
        #expect(result.output == "kind,count\r\ntcp_close,1\r\n")
    }
}
