import Glibc
import TapioAgent
import TapioArchive
import TapioTestSupport
import Testing

extension EndToEnd {
    @Suite("Export to OTLP")
    struct OTLPExportTests {
        private static let quick = [
            "archive.segment.max_age": "1s", "batch.max_age": "500ms", "ledger.interval": "1s",
            "export.max_retry": "1s",
        ]

        private func config(_ url: String, _ more: String = "metrics_interval: 1s") -> String {
            "export:\n  otlp:\n    endpoint: \(url)\n    \(more)\n"
        }

        private func exporter(_ status: StatusReport, _ name: String = "otlp") -> StatusReport.Exporter? {
            status.exporters.first { $0.name == name }
        }

        /// Runs a program under a name of its own, which ends with 7.
        private func runProgram(in place: TemporaryDirectory, named name: String) throws -> pid_t {
            TestFile.write(place.file(name), "#!/bin/sh\nexit 7\n")
            chmod(place.file(name), 0o755)
            let child = try ChildProcess(place.file(name), ["--with", "an argument"], directory: place)
            #expect(child.wait() == .exited(7))
            return child.pid
        }

        @Test("an event of a running agent arrives with its fields, the ledger's rows and the metrics with it")
        func arrives() throws {
            let server = try ExportServer.otlp()
            let place = TemporaryDirectory()
            let agent = try AgentProcess(in: place, config: config(server.url), settings: Self.quick)
            let pid = try runProgram(in: place, named: "otlp-canary")
            let deadline = Deadline(seconds: 30)
            func find(_ wanted: [String: String]) throws -> [String: String] {
                while !deadline.isOver {
                    let found = try server.command("find", wanted)["record"] as? [String: String] ?? [:]
                    if !found.isEmpty { return found }
                    usleep(50_000)
                }
                return [:]
            }
            let start = try find(["body": "process_exec", "process.pid": "\(pid)"])
            #expect(start["process.executable.path"] == place.file("otlp-canary"), "\(start) \(agent.log)")
            #expect(start["process.command_line"]?.contains("'an argument'") == true, "\(start)")
            #expect(start["process.parent_pid"] == "\(getpid())" && start["process.real_user.id"] == "\(getuid())")
            let end = try find(["body": "process_exit", "process.pid": "\(pid)"])
            #expect(end["process.exit.code"] == "7" && end["severity"] == "10" && end["thread.name"] == "otlp-canary")
            #expect(end["process.creation.time"] == start["process.creation.time"] && end["tapio.weight"] == "1.0")
            let books = try find(["body": "_ledger", "tapio.ledger_entry": "interval"])
            #expect(books["severity"] == "9" && books["tapio.ledger_archived"] != nil, "\(books)")

            let hasReported = agent.wait { self.exporter($0, "otlp_metrics")?.sentRows ?? 0 > 100 }
            #expect(hasReported, "\(agent.log)")
            let report = try server.command("counted")["metrics"] as? [String: Any] ?? [:]
            #expect("\(report)".contains("tapio_seen_events") && "\(report)".contains("tapio_durable_latency_seconds"))
            let status = try agent.status()
            #expect(exporter(status)?.place == server.url + "/v1/logs" && exporter(status)?.errors == [:])
            let shown = try TapioProgram.run(["status", "--socket", agent.socket])
            #expect(shown.output.contains("otlp_metrics") && shown.output.contains("points"), "\(shown.output)")
            #expect(agent.stop().ending == .exited(0))
        }

        @Test("killed in the midst and started again, the agent has sent every sealed row, and few of them twice")
        func killed() throws {
            let server = try ExportServer.otlp()
            let place = TemporaryDirectory()
            let storm = try Storm(pauseMs: 1)
            let batch = 50
            for round in 0..<3 {
                // Answers that are lost leave it in doubt what arrived.
                try server.fault(["contains": "/v1/logs", "mode": "lose", "skip": 3])
                let agent = try AgentProcess(
                    in: place,
                    config: config(server.url, "batch_rows: \(batch)"),
                    settings: Self.quick
                )
                let hasSent = agent.wait { self.exporter($0)?.sentSegments ?? 0 >= 2 }
                try #require(hasSent, "round \(round): \(agent.log)")
                guard round == 2 else {
                    agent.kill()
                    continue
                }
                _ = storm.stop()
                let end = agent.stop()
                #expect(end.ending == .exited(0), "\(end.log)")
                try compare(agent.archive, server, mostTwice: 3 * 2 * batch)
            }
        }

        /// Every row of the archive, named by boot, CPU, lane and time, is at the receiver.
        private func compare(_ archive: String, _ server: ExportServer, mostTwice: Int) throws {
            let stored = try ArchiveRows(
                archive,
                columns: ["ts", "ts_sub_ns", "kind", "cpu", "seq", "pid"],
                scope: .sealed
            )
            var missing: [String: Int] = [:]
            var count = 0
            for row in stored.all {
                let ns = (row.int("ts") ?? 0) * 1000 + (row.int("ts_sub_ns") ?? 0)
                let parts: [String] = [
                    "\(ns)", row.text("kind") ?? "", "\(row.int("cpu") ?? 0)", "\(row.int("seq") ?? 0)",
                    "\(row.int("pid") ?? 0)",
                ]
                missing[parts.joined(separator: " "), default: 0] += 1
                count += 1
            }
            let fields = ["time_unix_nano", "body", "cpu.logical_number", "tapio.seq", "process.pid"]
            let arrived = try server.command("rows", ["fields": fields])["rows"] as? [[String]] ?? []
            let expected = missing
            for row in arrived { missing[row.joined(separator: " "), default: 0] -= 1 }
            #expect(count > 1000 && missing.values.allSatisfy { $0 <= 0 })
            #expect(arrived.allSatisfy { expected[$0.joined(separator: " ")] != nil })
            #expect(arrived.count - count <= mostTwice, "\(arrived.count) of \(count)")
        }

        @Test("a receiver that hangs, and one that refuses the token, show in the status and hold up nothing")
        func trouble() throws {
            let server = try ExportServer.otlp(authorization: "Bearer the-token")
            let place = TemporaryDirectory()
            TestFile.write(place.file("headers"), "Authorization: Bearer a-wrong-token\n")
            let agent = try AgentProcess(
                in: place,
                config: config(server.url, "headers_file: \(place.file("headers"))\n    timeout: 1s"),
                settings: Self.quick.merging(["export.otlp.metrics_interval": "1s"]) { $1 }
            )
            #expect(agent.wait { self.exporter($0)?.errors["credentials", default: 0] ?? 0 >= 2 }, "\(agent.log)")
            let sealed = try agent.status().archive.sealedSegments
            #expect(agent.wait { $0.archive.sealedSegments >= sealed + 2 })
            let isRefused = agent.wait {
                self.exporter($0, "otlp_metrics")?.errors["credentials", default: 0] ?? 0 >= 1
            }
            #expect(isRefused)
            let shown = try TapioProgram.run(["status", "--socket", agent.socket])
            #expect(shown.output.contains("HTTP 401") && !shown.output.contains("a-wrong-token"), "\(shown.output)")
            TestFile.write(place.file("headers"), "Authorization: Bearer the-token\n")
            #expect(agent.wait { self.exporter($0)?.sentSegments ?? 0 >= 2 }, "\(agent.log)")

            try server.fault(["mode": "hang", "count": 100_000, "seconds": 600])
            #expect(agent.wait { self.exporter($0)?.errors["timeout", default: 0] ?? 0 >= 1 }, "\(agent.log)")
            let before = try agent.status().archive.sealedSegments
            #expect(agent.wait { $0.archive.sealedSegments >= before + 2 })
            TestFile.write(agent.configPath, "")
            agent.signal(SIGHUP)
            #expect(agent.wait { $0.exporters.isEmpty })
            let end = agent.stop()
            #expect(end.ending == .exited(0) && !end.log.contains("-token"), "\(end.log)")
        }

        @Test("a receiver that is not ours gets the agent's events")
        func receiver() throws {
            let receiver = try OTLPReceiver()
            let place = TemporaryDirectory()
            let agent = try AgentProcess(in: place, config: config(receiver.url), settings: Self.quick)
            _ = try runProgram(in: place, named: "real-receiver")
            #expect(
                receiver.awaitOutput(
                    "process.executable.path: Str(\(place.file("real-receiver")))",
                    "host.name: Str(test)",
                    "Name: tapio_archived_events"
                ),
                "\(agent.log)"
            )
            #expect(agent.stop().ending == .exited(0))
        }

        @Test("what cannot work is said by config check, without what is secret")
        func check() throws {
            let place = TemporaryDirectory()
            TestFile.write(place.file("headers"), "geheim\n")
            for (text, key) in [
                ("endpoint: 'http://u:geheim@x'", "export.otlp.endpoint"), ("endpoint: x", "export.otlp.endpoint"),
                ("endpoint: 'http://x/v1/logs'", "export.otlp.endpoint"),
                ("endpoint: 'https://x', ca_file: /nonexistent", "export.otlp.ca_file"),
                ("endpoint: 'https://x', client_cert: /nonexistent", "export.otlp.client_cert"),
                ("endpoint: 'https://x', headers_file: /nonexistent", "export.otlp.headers_file"),
                ("endpoint: 'https://x', headers_file: \(place.file("headers"))", "export.otlp.headers_file"),
                ("endpoint: 'https://x', logs: false, metrics_interval: off", "export.otlp.logs"),
                ("endpoint: 'https://x', compression: lz4", "export.otlp.compression"),
            ] {
                TestFile.write(place.file("tapio.yaml"), "export: {otlp: {\(text)}}\n")
                let result = try TapioProgram.run(["config", "check", "--config", place.file("tapio.yaml")])
                #expect(result.exitCode == 2 && result.errors.contains(key), "\(key): \(result.errors)")
                #expect(!result.errors.contains("geheim") && !result.output.contains("geheim"), "\(result.errors)")
            }
        }
    }
}
