import Foundation
import TapioAgent
import TapioHTTP
import TapioTestSupport
import Testing

extension EndToEnd {
    @Suite("HTTP endpoint")
    struct EndpointTests {
        /// Where an agent says that it listens.
        static func place(_ agent: AgentProcess) throws -> HTTPConnection.Place {
            let status = try agent.status()
            let text = try #require(status.http.address, "\(status.http.problem ?? agent.log)")
            switch try HTTPAddress(text) {
            case .tcp(_, let port): return .port(port)
            case .unix(let path): return .path(path)
            }
        }

        private struct Readiness: Decodable {
            struct Check: Decodable {
                var name: String
                var state: String
                var message: String
            }
            var isReady: Bool
            var checks: [Check]
        }

        private func readiness(_ place: HTTPConnection.Place) throws -> (status: Int, report: Readiness) {
            let response = try #require(HTTPConnection.get(place, "/readyz"))
            return (response.status, try JSONDecoder().decode(Readiness.self, from: Data(response.body.utf8)))
        }

        @Test("it lives, tells its status, and says what there is where it is asked for something else")
        func pages() throws {
            let agent = try AgentProcess(settings: ["http.listen": "127.0.0.1:0"])
            let place = try Self.place(agent)
            #expect(HTTPConnection.get(place, "/healthz")?.body == "ok\n")
            let status = try #require(HTTPConnection.get(place, "/status"))
            #expect(status.headers["content-type"] == "application/json")
            let report = try JSONDecoder().decode(StatusReport.self, from: Data(status.body.utf8))
            #expect(report.pid == agent.pid && report.health.isHealthy)
            // The keys are those of `tapio status --json`.
            let asked = try agent.status()
            let keys = { (data: Data) in (try JSONSerialization.jsonObject(with: data) as? [String: Any])?.keys.sorted()
            }
            #expect(try keys(Data(status.body.utf8)) == keys(try JSONEncoder().encode(asked)))
            #expect(HTTPConnection.get(place, "/")?.status == 200)
            let missing = try #require(HTTPConnection.get(place, "/nothing"))
            #expect(missing.status == 404 && missing.body.contains("/metrics"))
            #expect(agent.stop().ending == .exited(0))
            #expect(HTTPConnection(place) == nil)
        }

        @Test("each collector with a harmless event proves itself, the others say why they cannot")
        func canaries() throws {
            let agent = try AgentProcess(settings: ["http.listen": "127.0.0.1:0", "batch.max_age": "500ms"])
            let (status, report) = try readiness(Self.place(agent))
            #expect(status == 200 && report.isReady)
            let checks = Dictionary(uniqueKeysWithValues: report.checks.map { ($0.name, $0) })
            #expect(checks["archive"]?.state == "ok" && checks["ledger"]?.state == "ok")
            for name in ["process", "network", "dns", "file", "signal", "syscall", "security"] {
                let check = try #require(checks["collector.\(name)"])
                #expect(check.state == "ok" && check.message.contains("was seen as"), "\(name): \(check.message)")
            }
            for name in ["udp", "drops", "storage", "scheduler", "memory", "cgroup"] {
                let check = try #require(checks["collector.\(name)"])
                #expect(
                    check.state == "unproven" && check.message.contains("programs are attached"),
                    "\(check.message)"
                )
            }
            #expect(checks["collector.flow"] == nil && checks["collector.leak"] == nil)
            // Whoever asks again soon gets the same proof, without another canary.
            let again = try readiness(Self.place(agent)).report
            #expect(
                again.checks.map(\.message).sorted().filter { $0.contains("was seen") }
                    == report.checks.map(\.message).sorted().filter { $0.contains("was seen") }
            )
            #expect(agent.stop().ending == .exited(0))
            let rows = try ArchiveRows(agent.nodeDirectory, columns: ["kind", "comm", "pid"])
            let canaries = rows.all.filter { $0.text("kind") == "process_exit" && $0.text("comm") == "tapio-canary" }
            #expect(canaries.count == 1)
        }

        @Test("what is sampled away cannot prove itself, and is not blamed for it")
        func sampledCanary() throws {
            let agent = try AgentProcess(settings: [
                "http.listen": "127.0.0.1:0", "sampling.syscall_failed": "0.000001", "overload.mode": "off",
                "collectors.file.paths": "[/etc/shadow]",
            ])
            let (status, report) = try readiness(Self.place(agent))
            let checks = Dictionary(uniqueKeysWithValues: report.checks.map { ($0.name, $0) })
            #expect(status == 200)
            #expect(checks["collector.syscall"]?.state == "unproven")
            #expect(checks["collector.syscall"]?.message.contains("syscall_failed") == true)
            #expect(checks["collector.file"]?.state == "unproven")
        }

        @Test("a reload moves it: to a Unix socket, to where it cannot be, to off; a broken address changes nothing")
        func reload() throws {
            let place = TemporaryDirectory()
            func config(_ listen: String) -> String { "http:\n  listen: \"\(listen)\"\n" }
            let agent = try AgentProcess(in: place, config: config("127.0.0.1:0"), settings: ["http.listen": ""])
            let before = try Self.place(agent)
            #expect(HTTPConnection.get(before, "/healthz")?.status == 200)
            func reload(_ listen: String, _ condition: @escaping (StatusReport) -> Bool) {
                TestFile.write(agent.configPath, config(listen))
                agent.signal(SIGHUP)
                #expect(agent.wait(until: condition), "\(listen): \(agent.log)")
            }

            let socket = place.file("http.sock")
            reload("unix:" + socket) { $0.http.address == "unix:" + socket }
            #expect(HTTPConnection.get(.path(socket), "/healthz")?.status == 200)
            #expect(HTTPConnection(before) == nil)

            let nowhere = place.file("later/http.sock")
            reload("unix:" + nowhere) { $0.http.problem != nil }
            let status = try agent.status()
            #expect(status.http.problem?.contains("its directory does not exist") == true)
            #expect(status.health.problems == [status.http.problem])
            #expect(status.configuration.lastReload?.message.contains("http.listen") == true)
            #expect(HTTPConnection.get(.path(socket), "/healthz")?.status == 200)
            #expect(HTTPConnection.get(.path(socket), "/readyz")?.status == 200)
            mkdir(place.file("later"), 0o700)
            #expect(
                agent.wait { $0.http.address == "unix:" + nowhere && $0.http.problem == nil && $0.health.isHealthy }
            )
            #expect(access(socket, F_OK) != 0)
            #expect(agent.log.components(separatedBy: "its directory does not exist").count <= 3, "\(agent.log)")

            reload("example.com:80") { $0.configuration.failedReloads == 1 }
            #expect(try agent.status().configuration.lastReload?.message.contains("no address to listen on") == true)
            #expect(HTTPConnection.get(.path(nowhere), "/healthz")?.status == 200)

            reload("off") { $0.http.address == nil }
            #expect(access(nowhere, F_OK) != 0)
            #expect(agent.stop().ending == .exited(0))
        }

        @Test("a port in use is one line and a problem in status; it is taken as soon as it is free")
        func portInUse() async throws {
            let other = try await HTTPServer.start(
                try HTTPAddress("127.0.0.1:0"),
                statistics: HTTPServerStatistics()
            ) { _ in HTTPResponse(text: "other") }
            let agent = try AgentProcess(settings: ["http.listen": other.address.description])
            let status = try agent.status()
            #expect(status.http.address == nil)
            #expect(status.http.problem?.contains("another program listens there") == true)
            #expect(status.collectors.contains { $0.state == "running" })
            await other.stop()
            #expect(agent.wait { $0.http.address == other.address.description && $0.health.isHealthy })
            let place = try Self.place(agent)
            #expect(HTTPConnection.get(place, "/healthz")?.body == "ok\n")
            let end = agent.stop()
            #expect(end.ending == .exited(0))
            #expect(end.log.components(separatedBy: "another program listens there").count == 2, "\(end.log)")
        }
    }
}
