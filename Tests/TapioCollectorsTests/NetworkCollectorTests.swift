import TapioCollectors
import TapioEvents
import TapioKernel
import TapioTestSupport
import Testing

extension RealKernel {
    @Suite("Network collector")
    struct NetworkCollectorTests {
        @Test("a full map is told in its health, and events then name nobody rather than somebody else")
        func trackingFull() async throws {
            let watch = try await NetworkWatch(maxSockets: 1)
            let server = try TCPPeer("tapio-server")
            let clients = try (0..<3).map { try TCPPeer("tapio-client-\($0)") }
            let port = try server.listen("127.0.0.1")
            for client in clients {
                let clientPort = try client.connect("127.0.0.1", port).port
                #expect(try server.accept() == clientPort)
                let ends = watch.events(2) { [$0.localPort, $0.remotePort].contains(Int64(clientPort)) }
                #expect(ends.map(\.kind).sorted { $0 ?? "" < $1 ?? "" } == ["tcp_accept", "tcp_connect"])
                for event in ends {
                    let owner = event.kind == "tcp_connect" ? client : server
                    #expect([0, Int64(owner.pid)].contains(event.pid), "\(event)")
                    #expect([.string(""), .string(owner.name)].contains(event["comm"]), "\(event)")
                }
            }
            let problems = try await watch.collector.health().problems
            #expect(problems.count == 1)
            #expect(problems.first?.contains("raise max_sockets (now 1)") == true, "\(problems)")
        }

        @Test("stopped it is silent, and it can be started again")
        func restart() async throws {
            let watch = try await NetworkWatch()
            let server = try TCPPeer("tapio-server")
            let client = try TCPPeer("tapio-client")
            let port = try server.listen("127.0.0.1")
            await watch.collector.stop()
            let before = try watch.plane.counters()
            let unseen = try client.connect("127.0.0.1", port).port
            let after = try watch.plane.counters()
            for schema in NetworkSchemas.all {
                let kind = schema.kind.rawValue
                #expect(before.counts(kind: kind) == after.counts(kind: kind))
                #expect(after.counts(kind: kind).undecided == 0)
            }
            await #expect(throws: CollectorError.self) { try await watch.collector.health() }

            try await watch.collector.start()
            try client.close()
            let close = try watch.event("tcp_close", of: client, localPort: unseen)
            #expect(close["duration_ns"] == .null)
            let seen = try client.connect("127.0.0.1", port).port
            _ = try watch.event("tcp_connect", of: client, localPort: seen)
        }

        @Test("a new capacity waits for the next start, and its health says so")
        func reconfigure() async throws {
            let watch = try await NetworkWatch()
            var options = CollectorOptions()
            options[NetworkCollector.maxSockets] = 1000
            try await watch.collector.reconfigure(options)
            #expect(try await watch.collector.health().problems.count == 1)
            await watch.collector.stop()
            try await watch.collector.start()
            #expect(try await watch.collector.health().problems == [])
        }
    }
}
