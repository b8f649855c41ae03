import Foundation
import TapioAgent
import TapioEvents
import TapioTestSupport
import Testing

extension EndToEnd {
    @Suite("docs/sql.md")
    struct SQLRecipesTests {
        private static let root: String = {
            var parts = #filePath.split(separator: "/")
            parts.removeLast(3)
            return "/" + parts.joined(separator: "/")
        }()

        /// Runs the page's blocks, each with the reader that its first line names, and prints what they answer: a line of JSON each.
        private static let runner = #"""
            import datetime, json, math, re, sys
            page, archive, duckdb_views, clickhouse_views = sys.argv[1:]

            def plain(value):
                if value is None or value != value or type(value).__name__ == 'NaTType': return None
                if hasattr(value, 'item'): value = value.item()
                if isinstance(value, (datetime.datetime, datetime.timedelta)): return str(value)
                return float(value) if type(value).__name__ == 'Decimal' else value

            def duckdb_rows(text):
                import duckdb
                if not hasattr(duckdb_rows, 'connection'):
                    duckdb_rows.connection = duckdb.connect()
                    duckdb_rows.connection.execute(open(duckdb_views).read())
                answer = duckdb_rows.connection.execute(text)
                names = [column[0] for column in answer.description]
                return [dict(zip(names, row)) for row in answer.fetchall()]

            def clickhouse_rows(text):
                import chdb.session
                if not hasattr(clickhouse_rows, 'session'):
                    clickhouse_rows.session = chdb.session.Session()
                    for statement in ['CREATE DATABASE tapio', 'USE tapio', open(clickhouse_views).read()]:
                        clickhouse_rows.session.query(statement)
                text = text.strip().removesuffix(';') + ' SETTINGS output_format_json_quote_64bit_integers = 0'
                return [json.loads(line) for line in str(clickhouse_rows.session.query(text, 'JSONEachRow')).splitlines()]

            def python_rows(text):
                names = {}
                exec(compile(text, page, 'exec'), names)
                answer = names['answer']
                return answer.to_dicts() if hasattr(answer, 'to_dicts') else answer.to_dict('records')

            engines = {'duckdb': duckdb_rows, 'clickhouse': clickhouse_rows, 'polars': python_rows, 'pandas': python_rows}
            heading, block, engine = None, None, None
            for line in open(page).read().splitlines():
                if block is None and line.startswith('## '):
                    heading = line[3:]
                elif block is None and line.startswith('```'):
                    block, engine = [], (line[3:].split() + [''] * 2)[1]
                elif line == '```':
                    if engine:
                        try:
                            rows = engines[engine]('\n'.join(block).replace('tapio-archive', archive))
                        except Exception as error:
                            sys.exit(f'{page}: {heading}: {engine}: {error}')
                        rows = [{name: plain(value) for name, value in row.items()} for row in rows]
                        print(json.dumps({'recipe': heading, 'engine': engine, 'rows': rows}))
                    block = None
                elif block is not None:
                    block.append(line)
            """#

        /// What a block answered.
        private struct Answer {
            let recipe: String
            let engine: String
            let rows: [[String: Any]]

            /// Numbers by the text of the key's columns.
            func table(_ keys: [String], _ values: [String]) -> [String: [Double]] {
                Dictionary(
                    rows.map { row in (SQLRecipesTests.key(keys.map { row[$0] }), values.map { number(row[$0]) }) },
                    uniquingKeysWith: { first, _ in first }
                )
            }

            private func number(_ value: Any?) -> Double { (value as? NSNumber)?.doubleValue ?? 0 }
        }

        /// Whole numbers, texts and nulls, the same whichever reader gave them.
        private static func key(_ values: [Any?]) -> String {
            values.map { value in
                switch value {
                case let number as NSNumber where number.doubleValue == number.doubleValue.rounded():
                    String(Int64(number.doubleValue))
                case let text as String: text
                default: "-"
                }
            }.joined(separator: "|")
        }

        /// An archive with losses, samples, retransmits of a pod and failing calls; its name needs quotes.
        private struct Watched {
            let place = TemporaryDirectory()
            let archive: String
            /// Without anything that needs quotes.
            let link: String
            let pod: PodCgroup
            let retransmitted: String

            init() throws {
                archive = place.file("it's [an] archive")
                link = place.file("link")
                pod = try #require(PodCgroup(), "no cgroups that a test may make")
                let agent = try AgentProcess(
                    in: place,
                    archive: archive,
                    settings: [
                        "batch.max_age": "500ms", "ledger.interval": "1s", "rings.bulk_bytes": "64KiB",
                        "overload.mode": "off", "sampling.process_fork": "0.25",
                    ]
                )
                // Not one of the errors that are ignored by default.
                let name = String(repeating: "n", count: 300)
                for _ in 0..<20 { SpawnedProcess("/bin/cat", ["cat", "/tmp/" + name]).wait() }
                let storm = try Storm(pauseMs: 2)
                let pair = try NetworkNamespacePair()
                retransmitted = pair.right.ipv4
                let server = try TCPPeer("tapio-server", in: pair.right.namespace)
                let client = try TCPPeer("tapio-client", in: pair.left.namespace)
                TestFile.write(pod.path + "/cgroup.procs", "\(client.pid)")
                let port = try server.listen(pair.right.ipv4)
                _ = try client.connect(pair.right.ipv4, port)
                _ = try server.accept()
                try pair.lose(pair.right.ipv4, from: pair.left)
                try client.send(5000)
                // Sent again after a fifth of a second, and after two fifths more.
                usleep(1_500_000)
                try pair.deliver(pair.right.ipv4, from: pair.left)
                server.begin("exchange 0")
                _ = try client.exchange(sending: 5000)
                #expect(try server.answer() == [10_000])
                #expect(agent.wait { $0.archive.rowsWritten > 1500 })
                // An agent that stands still for a while reads nothing: its bulk rings overflow.
                agent.signal(SIGSTOP)
                for _ in 0..<600 { SpawnedProcess("/bin/true", ["true"]).wait() }
                agent.signal(SIGCONT)
                _ = storm.stop()
                let end = agent.stop()
                #expect(end.ending == .exited(0), "\(end.log)")
                #expect(symlink(archive, link) == 0)
            }

            /// What `tapio query` says, by the text of the key's columns.
            func query(_ filter: String, _ keys: [String], _ values: [String]) throws -> [String: [Double]] {
                let arguments = [
                    "query", filter, "--by", keys.joined(separator: ","), "--agg", values.joined(separator: ","),
                ]
                let result = try TapioProgram.run(arguments + ["--json", "--archive", archive])
                #expect([0, 3].contains(result.exitCode), "\(result.errors)")
                let rows = try SQLRecipesTests.lines(result.output)
                return Answer(recipe: "", engine: "", rows: rows).table(keys, values)
            }
        }

        private static func lines(_ text: String) throws -> [[String: Any]] {
            try text.split(separator: "\n").map { line in
                try #require(JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any], "\(line)")
            }
        }

        private static func answers(_ watched: Watched) throws -> [Answer] {
            var views: [String] = []
            for dialect in ["duckdb", "clickhouse"] {
                let result = try TapioProgram.run(["sql", watched.archive, "--dialect", dialect])
                #expect(result.exitCode == 0 && result.errors == "", "\(result.errors)")
                views.append(watched.place.file(dialect + ".sql"))
                TestFile.write(views[views.count - 1], result.output)
            }
            let page = root + "/docs/sql.md"
            let python = OtherReadersTests.python
            let output = try InteractiveProcess.run([python, "-c", runner, page, watched.link] + views)
            return try lines(output).map { line in
                Answer(
                    recipe: try #require(line["recipe"] as? String),
                    engine: try #require(line["engine"] as? String),
                    rows: try #require(line["rows"] as? [[String: Any]])
                )
            }
        }

        /// What the ledger says was lost, by kind and reason.
        private static func losses(_ archive: String) throws -> [String: [Double]] {
            let columns = ["kind", "ledger_entry", "ledger_kind", "ledger_reason", "ledger_count"]
            var losses: [String: [Double]] = [:]
            for row in try ArchiveRows(archive, columns: columns).of("_ledger") where row.text("ledger_entry") == "gap"
            {
                guard row.text("ledger_reason") != "counted_only" else { continue }
                let key = key([row.text("ledger_kind"), row.text("ledger_reason")])
                losses[key, default: [0]][0] += Double(row.int("ledger_count") ?? 0)
            }
            return losses
        }

        /// Rows, events and the interval by kind, as our own estimator has them.
        private static func estimates(_ archive: String) throws -> [String: [Double]] {
            var rows: [String: Double] = [:]
            var estimates: [String: WeightedEstimate] = [:]
            for row in try ArchiveRows(archive, columns: ["kind", "weight", "agg_count"]).all {
                guard let kind = row.text("kind"), kind != "_ledger" else { continue }
                rows[kind, default: 0] += 1
                let merged = row.int("agg_count") ?? 1
                let weight = (row.double("weight") ?? 0) / Double(merged)
                for _ in 0..<merged { estimates[kind, default: WeightedEstimate()].add(weight: weight) }
            }
            return estimates.reduce(into: [:]) { table, entry in
                let interval = entry.value.interval()
                table[entry.key] = [
                    rows[entry.key] ?? 0, entry.value.total, interval.lowerBound, interval.upperBound,
                ]
            }
        }

        private static func expect(
            _ answer: Answer,
            _ keys: [String],
            _ values: [String],
            _ expected: [String: [Double]],
            within share: Double = 1e-6
        ) {
            let place = "\(answer.recipe), \(answer.engine)"
            #expect(!expected.isEmpty, "\(place): nothing to compare with")
            let table = answer.table(keys, values)
            // A recipe shows the greatest twenty, or all.
            #expect(table.count == expected.count || table.count == min(20, expected.count), "\(place)")
            for (key, numbers) in table {
                guard let wanted = expected[key] else {
                    Issue.record("\(place): there is no \(key) in \(expected)")
                    continue
                }
                let isSame = zip(numbers, wanted).allSatisfy { abs($0 - $1) <= max(abs($0), abs($1)) * share }
                #expect(isSame, "\(place): \(key): \(numbers), not \(wanted)")
            }
        }

        @Test(
            "each recipe answers what tapio query does, and what happened",
            .enabled(
                if: OtherReadersTests.isThere || OtherReadersTests.isRequired,
                "no Python environment: run .ci/python-venv, or set TAPIO_TEST_VENV"
            )
        )
        func recipes() throws {
            try #require(OtherReadersTests.isThere, "run .ci/python-venv, or set TAPIO_TEST_VENV")
            let watched = try Watched()
            let answers = try Self.answers(watched)
            #expect(Set(answers.map(\.engine)) == ["duckdb", "clickhouse", "polars", "pandas"])
            var seen: Set<String> = []
            for answer in answers {
                seen.insert(answer.recipe)
                try compare(answer, watched)
            }
            #expect(seen.count == 7)
        }

        private func compare(_ answer: Answer, _ watched: Watched) throws {
            switch answer.recipe {
            case "Top talkers":
                let bytes = ["sum(bytes_sent)", "sum(bytes_received)"]
                let expected = try watched.query("kind = tcp_close", ["comm"], ["count"] + bytes)
                Self.expect(answer, ["comm"], ["connections", "sent", "received"], expected)
                // The client closes last, and is not among what was lost later.
                #expect(answer.table(["comm"], ["connections", "sent"])["tapio-client"] == [1, 10_000])
            case "99th percentile by process":
                let filter = "kind = process_exit and duration_ns is not null"
                let expected = try watched.query(filter, ["comm"], ["count", "p99(duration_ns)"])
                // Beyond some samples tapio query tells percentiles to 0.2 %.
                Self.expect(answer, ["comm"], ["processes", "p99_ns"], expected, within: 0.003)
            case "Gaps in a range":
                let losses = try Self.losses(watched.archive)
                #expect(losses.contains { $0.key.hasSuffix("|ring_full") && $0.value[0] > 0 }, "\(losses)")
                Self.expect(answer, ["kind", "reason"], ["lost"], losses)
            case "The program of its time":
                let expected = try watched.query("kind = tcp_connect", ["exe"], ["count"])
                Self.expect(answer, ["exe"], ["connections"], expected)
                #expect(answer.rows.contains { ($0["exe"] as? String)?.contains("python3") ?? false })
            case "Sampled estimates, with their interval":
                let expected = try Self.estimates(watched.archive)
                Self.expect(answer, ["kind"], ["rows", "events", "low", "high"], expected)
                let forks = try #require(answer.table(["kind"], ["events", "low", "high"])["process_fork"])
                #expect(forks[1] < forks[0] && forks[0] < forks[2], "a quarter was kept: \(forks)")
            case "Retransmits by pod":
                let columns = ["namespace", "pod", "pod_uid", "unit", "dst_addr"]
                let rows = try watched.query("kind = tcp_retransmit", columns, ["count"])
                var expected: [String: [Double]] = [:]
                for (key, count) in rows {
                    let parts = key.split(separator: "|").map(String.init)
                    let name = parts[1] == "-" ? parts[2...3].first { $0 != "-" } : parts[0] + "/" + parts[1]
                    expected["\(name ?? "host")|\(parts[4])", default: [0]][0] += count[0]
                }
                Self.expect(answer, ["pod", "dst_addr"], ["retransmits"], expected)
                let own = "\(watched.pod.uid)|\(watched.retransmitted)"
                #expect(answer.table(["pod", "dst_addr"], ["retransmits"])[own]?[0] ?? 0 >= 1, "\(answer.rows)")
            case "Failing system calls":
                let columns = ["comm", "syscall", "errno"]
                let expected = try watched.query("kind = syscall_failed", columns, ["count"])
                Self.expect(answer, columns, ["failures"], expected)
                #expect(expected["cat|openat|\(ENAMETOOLONG)"]?[0] ?? 0 >= 20, "\(expected)")
            default:
                Issue.record("nothing is known to compare the recipe \"\(answer.recipe)\" with")
            }
        }
    }
}
