import Foundation
import TapioTestSupport
import Testing

@testable import TapioAgent

extension EndToEnd {
    @Suite("Prometheus")
    struct PrometheusTests {
        private static let root = #filePath.split(separator: "/").dropLast(3).map { "/" + $0 }.joined()
        private static let rules = root + "/deploy/prometheus"

        /// Runs a program to its end and gives what it said; a failing one is a failing test.
        private func run(_ program: String, _ arguments: [String], input: String? = nil) throws -> String {
            let place = TemporaryDirectory()
            var words = [program] + arguments
            if let input {
                TestFile.write(place.file("input"), input)
                words = ["sh", "-c", #"exec "$@" <"$0""#, place.file("input")] + words
            }
            let child = try ChildProcess(words[0], Array(words.dropFirst()), directory: place)
            guard let ending = child.wait(seconds: 60) else {
                child.signal(SIGKILL)
                throw AgentFailure("\(program) does not end")
            }
            let said = child.output + child.errors
            #expect(ending == .exited(0), "\(program) \(arguments): \(said)")
            return said
        }

        @Test("promtool finds nothing wrong with rules and example, and the rules do what they say")
        func rules() throws {
            _ = try run("promtool", ["check", "rules", Self.rules + "/tapio.rules.yaml"])
            _ = try run("promtool", ["test", "rules", Self.rules + "/tapio.rules.test.yaml"])
            _ = try run("promtool", ["check", "config", Self.rules + "/prometheus.yaml"])
        }

        @Test("rules and page name only metrics that there are")
        func names() throws {
            let known = Set(
                MetricCatalog.all.flatMap { metric in
                    metric.kind == .histogram
                        ? ["_bucket", "_sum", "_count", ""].map { metric.name + $0 } : [metric.sampleName]
                }
            )
            for file in [
                Self.rules + "/tapio.rules.yaml", Self.rules + "/tapio.rules.test.yaml", Self.root + "/docs/metrics.md",
            ] {
                let text = String(decoding: try #require(TestFile.read(file)), as: UTF8.self)
                let words = text.split { !($0.isASCII && ($0.isLetter || $0.isNumber || $0 == "_" || $0 == ":")) }
                let named = words.filter { $0.hasPrefix("tapio_") }
                #expect(!named.isEmpty)
                for name in named { #expect(known.contains(String(name)), "\(file): \(name)") }
            }
        }

        @Test("what the agent serves passes promtool, and the strict reader of OpenMetrics")
        func formats() throws {
            let agent = try AgentProcess(settings: ["http.listen": "127.0.0.1:0"])
            let place = try EndpointTests.place(agent)
            let text = try #require(HTTPConnection.get(place, "/metrics"))
            #expect(text.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8")
            let complaints = try run("promtool", ["check", "metrics"], input: text.body)
            #expect(complaints.isEmpty, "\(complaints)")
            let open = try #require(HTTPConnection.get(place, "/metrics", accept: "application/openmetrics-text"))
            #expect(open.headers["content-type"] == "application/openmetrics-text; version=1.0.0; charset=utf-8")
            // Every sample of the one is in the other: both name them alike.
            let names = { (body: String) in
                Set(
                    body.split(separator: "\n").filter { !$0.hasPrefix("#") }.map {
                        $0.prefix { $0 != "{" && $0 != " " }
                    }
                )
            }
            #expect(names(text.body) == names(open.body))
            let program = """
                import sys
                from prometheus_client.openmetrics.parser import text_string_to_metric_families
                families = list(text_string_to_metric_families(sys.stdin.read()))
                print(len(families), sum(len(f.samples) for f in families))
                """
            let read = try run(OtherReadersTests.python, ["-c", program], input: open.body)
            #expect(Int(read.split(separator: " ").first ?? "") ?? 0 > 30, "\(read)")
            #expect(agent.stop().ending == .exited(0))
        }

        @Test(
            "a real Prometheus scrapes a working agent and answers for each of the six figures",
            .timeLimit(.minutes(5))
        )
        func scrape() throws {
            let agent = try AgentProcess(settings: ["http.listen": "127.0.0.1:0"])
            let storm = try Storm(pauseMs: 1)
            defer { withExtendedLifetime(storm) {} }
            let target = try #require(try agent.status().http.address)
            let place = TemporaryDirectory()
            // The shipped rules, at a pace that a test can wait for.
            let rules = String(decoding: try #require(TestFile.read(Self.rules + "/tapio.rules.yaml")), as: UTF8.self)
            TestFile.write(
                place.file("rules.yaml"),
                rules.replacing("interval: 30s", with: "interval: 1s").replacing("[5m]", with: "[10s]")
            )
            TestFile.write(
                place.file("prometheus.yaml"),
                """
                global: {scrape_interval: 1s, evaluation_interval: 1s}
                rule_files: [\(place.file("rules.yaml"))]
                scrape_configs:
                  - job_name: tapio
                    static_configs: [{targets: ["\(target)"]}]
                """
            )
            let port = try freePort()
            let prometheus = try ChildProcess(
                "prometheus",
                [
                    "--config.file=" + place.file("prometheus.yaml"), "--storage.tsdb.path=" + place.file("data"),
                    "--web.listen-address=127.0.0.1:\(port)", "--log.level=warn",
                ],
                directory: place
            )
            defer {
                prometheus.signal(SIGTERM)
                if prometheus.wait(seconds: 20) == nil { prometheus.signal(SIGKILL) }
            }
            let figures: [(name: String, query: String, isRight: (Double) -> Bool)] = [
                ("processed", "instance:tapio_processed_events:rate5m", { $0 > 10 }),
                ("dropped", "instance:tapio_dropped_events:rate5m", { $0 >= 0 }),
                ("p99", "instance:tapio_processing_latency_seconds:p99_5m", { $0 > 0 && $0 < 30 }),
                ("memory", "instance:tapio_resident_memory_bytes:max", { $0 > 10e6 && $0 < 1e9 }),
                ("stalls", "instance:tapio_stalls:rate5m", { $0 >= 0 }),
                ("CPU", "instance:tapio_cpu:rate5m", { $0 > 0 && $0 < 64 }),
            ]
            for figure in figures {
                var value: Double?
                let deadline = Deadline(seconds: 60)
                while value.map(figure.isRight) != true && !deadline.isOver {
                    value = ask(port, figure.query)
                    if value.map(figure.isRight) != true { usleep(200_000) }
                }
                let found = try #require(value, "\(figure.name): no answer; \(prometheus.errors) \(agent.log)")
                #expect(figure.isRight(found), "\(figure.name) is \(found)")
            }
            #expect(ask(port, "up{job=\"tapio\"}") == 1)
            #expect(ask(port, "tapio_build_info{version=\"\(TapioVersion.current)\"}") == 1)
            #expect(ask(port, "count(ALERTS{alertstate=\"firing\",severity=\"critical\"})") == nil)
            #expect(agent.stop().ending == .exited(0))
        }

        /// The one value of a query; nil where it has none.
        private func ask(_ port: UInt16, _ query: String) -> Double? {
            struct Answer: Decodable {
                struct Result: Decodable {
                    var value: [Either]
                }
                struct Contents: Decodable {
                    var result: [Result]
                }
                var data: Contents
            }
            /// Time as a number, value as text.
            enum Either: Decodable {
                case number(Double), text(String)
                init(from decoder: any Decoder) throws {
                    let container = try decoder.singleValueContainer()
                    if let number = try? container.decode(Double.self) {
                        self = .number(number)
                    } else {
                        self = .text(try container.decode(String.self))
                    }
                }
            }
            let escaped = query.utf8.map { byte in
                let character = Character(UnicodeScalar(byte))
                return character.isLetter || character.isNumber
                    ? String(character) : "%" + String(Int(byte) + 256, radix: 16).suffix(2)
            }.joined()
            guard let response = HTTPConnection.get(.port(port), "/api/v1/query?query=" + escaped),
                let answer = try? JSONDecoder().decode(Answer.self, from: Data(response.body.utf8)),
                case .text(let value)? = answer.data.result.first?.value.last
            else { return nil }
            return Double(value)
        }

        /// A port that nobody has just now.
        private func freePort() throws -> UInt16 {
            let peer = try TCPPeer("port")
            return try peer.listen("127.0.0.1")
        }
    }
}
