import Glibc
import TapioAgent
import TapioTestSupport
import Testing

extension EndToEnd {
    @Suite("Export")
    struct ExportTests {
        private static let environment = ["AWS_ACCESS_KEY_ID": "id", "AWS_SECRET_ACCESS_KEY": "the-secret-key"]
        private static let quick = [
            "archive.segment.max_age": "1s", "batch.max_age": "500ms", "ledger.interval": "1s",
            "export.max_retry": "1s",
        ]

        private func config(_ server: ExportServer, prefix: String = "off", timeout: String = "30s") -> String {
            """
            export:
              s3:
                bucket: events
                endpoint: \(server.url)
                prefix: \(prefix)
                timeout: \(timeout)

            """
        }

        private func s3(_ status: StatusReport) -> StatusReport.Exporter? {
            status.exporters.first { $0.name == "s3" }
        }

        @Test("killed in the midst and started again, the agent has sent every sealed segment, byte for byte")
        func killed() throws {
            let server = try ExportServer.s3()
            try server.command("bucket", ["name": "events"])
            let place = TemporaryDirectory()
            let storm = try Storm(pauseMs: 1)
            for round in 0..<3 {
                // Answers that are lost leave it in doubt what arrived.
                try server.fault(["method": "PUT", "mode": "lose", "count": 2])
                let agent = try AgentProcess(
                    in: place,
                    config: config(server),
                    settings: Self.quick,
                    environment: Self.environment
                )
                let hasSent = agent.wait { self.s3($0)?.sentSegments ?? 0 >= 2 }
                try #require(hasSent, "round \(round): \(agent.log)")
                if round < 2 { agent.kill() } else { try finish(agent, storm, server) }
            }
        }

        private func finish(_ agent: AgentProcess, _ storm: Storm, _ server: ExportServer) throws {
            _ = storm.stop()
            let end = agent.stop()
            #expect(end.ending == .exited(0), "\(end.log)")
            #expect(!end.log.contains("the-secret-key"))
            let found = try server.command("compare", ["name": "events", "folder": agent.archive])
            #expect(found["missing"] as? [String] == [], "\(end.log)")
            #expect(found["different"] as? [String] == [] && found["besides"] as? [String] == [])
            #expect(found["same"] as? Int ?? 0 >= 6)
        }

        @Test(
            "a reload starts, changes and stops an exporter; a store that hangs holds up nothing and shows in the status"
        )
        func reload() throws {
            let server = try ExportServer.s3()
            try server.command("bucket", ["name": "events"])
            let agent = try AgentProcess(settings: Self.quick, environment: Self.environment)
            #expect(try agent.status().exporters.isEmpty)

            TestFile.write(agent.configPath, config(server))
            agent.signal(SIGHUP)
            #expect(agent.wait { self.s3($0)?.sentSegments ?? 0 >= 1 }, "\(agent.log)")

            // Another place, which hangs: segments are sealed all the same.
            try server.fault(["contains": "/stuck/", "mode": "hang", "count": 1_000_000, "seconds": 600])
            TestFile.write(agent.configPath, config(server, prefix: "stuck", timeout: "1s"))
            agent.signal(SIGHUP)
            #expect(agent.wait { self.s3($0)?.errors["timeout", default: 0] ?? 0 >= 1 }, "\(agent.log)")
            let sealed = try agent.status().archive.sealedSegments
            #expect(agent.wait { $0.archive.sealedSegments >= sealed + 2 })
            let status = try agent.status()
            let exporter = try #require(s3(status))
            #expect(exporter.place.hasSuffix("/events/stuck") && exporter.waitingSegments > 1)
            #expect(exporter.oldestWaitingAt ?? 0 > 0 && exporter.sentSegments == 0 && exporter.lastError != nil)
            #expect(status.health.problems == [])
            let shown = try TapioProgram.run(["status", "--socket", agent.socket])
            #expect(shown.output.contains("Exports") && shown.output.contains("failures in a row"), "\(shown.output)")

            // A bad file changes nothing.
            TestFile.write(agent.configPath, "export:\n  s3:\n    bucket: events\n    endpoint: nowhere\n")
            agent.signal(SIGHUP)
            #expect(agent.wait { $0.configuration.failedReloads == 1 })
            #expect(try agent.status().configuration.lastReload?.message.contains("export.s3.endpoint") == true)
            #expect(try s3(agent.status())?.place == exporter.place)

            TestFile.write(agent.configPath, "")
            agent.signal(SIGHUP)
            #expect(agent.wait { $0.exporters.isEmpty })
            let end = agent.stop()
            #expect(end.ending == .exited(0), "\(end.log)")
        }

        @Test("what cannot work is said by config check: a URL that is none, a file that is not there")
        func check() throws {
            let place = TemporaryDirectory()
            for (text, key) in [
                ("s3: {bucket: a}", "export.s3.bucket"),
                ("s3: {bucket: events, ca_file: /nonexistent}", "export.s3.ca_file"),
                ("clickhouse: {url: 'ftp://x'}", "export.clickhouse.url"),
                ("clickhouse: {url: 'http://x', table: 'a;b'}", "export.clickhouse.table"),
                ("clickhouse: {url: 'http://x', password_file: /nonexistent}", "export.clickhouse.password_file"),
            ] {
                TestFile.write(place.file("tapio.yaml"), "export: {\(text)}\n")
                let result = try TapioProgram.run(["config", "check", "--config", place.file("tapio.yaml")])
                #expect(result.exitCode == 2 && result.errors.contains(key), "\(key): \(result.errors)")
            }
        }
    }
}
