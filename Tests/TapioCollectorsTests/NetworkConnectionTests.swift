import Glibc
import TapioCollectors
import TapioEvents
import TapioKernel
import TapioTestSupport
import Testing

/// Where two peers may meet.
enum Meeting: String, CaseIterable, CustomTestStringConvertible {
    case loopbackIPv4, loopbackIPv6, namespacesIPv4, namespacesIPv6, ipv4ToDualStack

    var testDescription: String { rawValue }
    var needsNamespaces: Bool { self == .namespacesIPv4 || self == .namespacesIPv6 }
}

extension RealKernel {
    @Suite("TCP connections")
    struct NetworkConnectionTests {
        @Test("both ends are told exactly: addresses, ports, bytes, owners", arguments: Meeting.allCases)
        func bothEnds(_ meeting: Meeting) async throws {
            let pair = meeting.needsNamespaces ? try NetworkNamespacePair() : nil
            let watch = try await NetworkWatch()
            let server = try TCPPeer("tapio-server", in: pair?.right.namespace)
            let client = try TCPPeer("tapio-client", in: pair?.left.namespace)
            let (listenAt, serverAddress, clientAddress) = addresses(meeting, pair)
            let serverPort = try server.listen(listenAt)

            for (up, down) in [(0, 0), (1, 0), (0, 1), (100_000, 1), (5_000_000, 100_000)] {
                let begin = ClockOffset.bootNow()
                let (clientPort, connectNs) = try client.connect(serverAddress, serverPort)
                #expect(try server.accept() == clientPort)
                server.begin("exchange \(down)")
                #expect(try client.exchange(sending: up) == UInt64(down))
                #expect(try server.answer() == [UInt64(up)])

                let connect = try watch.event("tcp_connect", of: client, localPort: clientPort)
                let accept = watch.events { $0.kind == "tcp_accept" && $0.remotePort == Int64(clientPort) }
                    .filter { $0.localPort == Int64(serverPort) }
                let closes = watch.events(2) {
                    $0.kind == "tcp_close" && [$0.localPort, $0.remotePort].contains(Int64(clientPort))
                }
                let lasted = ClockOffset.bootNow() - begin
                #expect(accept.count == 1)
                #expect(closes.count == 2)
                let near = try #require(closes.first { $0.localPort == Int64(clientPort) })
                let far = try #require(closes.first { $0.localPort == Int64(serverPort) })

                for event in [connect, near] {
                    expectEnds(
                        event,
                        client,
                        clientAddress,
                        serverAddress,
                        serverPort,
                        "outbound",
                        meeting,
                        pair?.left.inode
                    )
                }
                for event in accept + [far] {
                    expectEnds(
                        event,
                        server,
                        serverAddress,
                        clientAddress,
                        clientPort,
                        "inbound",
                        meeting,
                        pair?.right.inode
                    )
                }
                #expect(near.number("socket_cookie") == connect.number("socket_cookie"))
                #expect(far.number("socket_cookie") == accept.first?.number("socket_cookie"))
                #expect(far.number("socket_cookie") != near.number("socket_cookie"))

                #expect(1...Int64(connectNs) ~= connect.number("latency_ns") ?? 0)
                #expect(1...lasted ~= accept.first?.number("latency_ns") ?? 0)
                #expect(near.number("bytes_sent") == Int64(up), "\(near)")
                #expect(near.number("bytes_received") == Int64(down), "\(near)")
                #expect(far.number("bytes_sent") == Int64(down), "\(far)")
                #expect(far.number("bytes_received") == Int64(up), "\(far)")
                // What one end sent the other received, but for what is on its way when an end closes.
                for (from, to) in [(near, far), (far, near)] {
                    let (sent, received) = (from.number("segments_sent") ?? 0, to.number("segments_received") ?? 0)
                    #expect(sent >= 1 && abs(sent - received) <= 3, "\(sent) sent, \(received) received")
                }
                for close in closes {
                    #expect(1...lasted ~= close.number("duration_ns") ?? 0)
                    #expect(close["errno"] == .null)
                }
            }
        }

        @Test("500 connections of 8 processes are all found, and each with its owner")
        func many() async throws {
            let watch = try await NetworkWatch()
            let server = try TCPPeer("tapio-server")
            let port = try server.listen("127.0.0.1")
            let each = 63
            let clients = try (0..<8).map { try TCPPeer("tapio-client-\($0)") }
            server.begin("serve \(each * clients.count)")
            for client in clients { client.begin("often 127.0.0.1 \(port) \(each)") }
            let ports = try clients.map { try $0.answer().map(Int64.init) }
            _ = try server.answer()

            let total = each * clients.count
            let ours = watch.events(total * 4) {
                $0.kind != "tcp_listen" && [$0.localPort, $0.remotePort].contains(Int64(port))
            }
            let health = try await watch.collector.health()
            let missed = health.programs.filter { $0.recursionMisses > 0 }.map { "\($0.name) \($0.recursionMisses)" }
            let counts = try watch.counts("tcp_close")
            #expect(ours.count == total * 4, "missed runs: \(missed), \(counts)")
            #expect(health.programs.filter(\.hasStandIn).map(\.name) == ["tcp_state"])
            for (client, ports) in zip(clients, ports) {
                let connects = ours.filter { $0.kind == "tcp_connect" && $0.pid == Int64(client.pid) }
                #expect(connects.map(\.localPort) == ports)
                #expect(connects.allSatisfy { $0["comm"] == .string(client.name) })
                for (count, cookie) in connects.map({ $0["socket_cookie"] }).enumerated() {
                    let close = ours.filter { $0.kind == "tcp_close" && $0["socket_cookie"] == cookie }
                    #expect(close.map(\.pid) == [Int64(client.pid)])
                    #expect(close.map { $0.number("bytes_sent") } == [Int64(count)])
                    #expect(close.map { $0.number("bytes_received") } == [0])
                }
            }
            for kind in ["tcp_accept", "tcp_close"] {
                let ofServer = ours.filter { $0.kind == kind && $0.localPort == Int64(port) }
                #expect(Set(ofServer.map(\.remotePort)) == Set(ports.joined()))
                #expect(ofServer.count == total)
                #expect(ofServer.allSatisfy { $0.pid == Int64(server.pid) && $0["comm"] == .string(server.name) })
            }
        }

        @Test("who begins to listen, and where", arguments: ["127.0.0.1", "::1"])
        func listening(address: String) async throws {
            let watch = try await NetworkWatch()
            let server = try TCPPeer("tapio-server")
            let port = try server.listen(address)
            let listen = try watch.event("tcp_listen", of: server, localPort: port)
            #expect(listen.text("src_addr") == address && listen["comm"] == .string(server.name))
            #expect(listen.text("direction") == "inbound" && listen.number("socket_cookie") ?? 0 != 0)
            #expect(listen["tcp_state"] == .string("close"))
        }

        @Test("who listened before the agent came is told once", arguments: ["127.0.0.1", "::1"])
        func listeningBefore(address: String) async throws {
            let server = try TCPPeer("tapio-server")
            let port = try server.listen(address)
            let watch = try await NetworkWatch()
            let listen = try watch.event("tcp_listen", of: server, localPort: port)
            #expect(listen.text("src_addr") == address && listen["tcp_state"] == .string("listen"))
            #expect(listen["comm"] == .string(server.name) && listen.number("socket_cookie") ?? 0 != 0)
            #expect(listen.text("direction") == "inbound")
        }

        @Test("connections that were there before get their owner, but no duration")
        func existing() async throws {
            let server = try TCPPeer("tapio-server")
            let client = try TCPPeer("tapio-client")
            let serverPort = try server.listen("127.0.0.1")
            let clientPort = try client.connect("127.0.0.1", serverPort).port
            _ = try server.accept()

            let watch = try await NetworkWatch()
            try client.send(1000)
            try client.reset()  // which reaches the server in interrupt context: nobody but the start knows its owner

            let near = try watch.event("tcp_close", of: client, localPort: clientPort)
            let far = try watch.event("tcp_close", of: server, localPort: serverPort)
            #expect(near["duration_ns"] == .null)
            #expect(far["duration_ns"] == .null)
            #expect(near.number("bytes_sent") == 1000)
            #expect(far.number("bytes_received") == 1000)
            #expect(far.number("errno") == Int64(ECONNRESET))
            #expect(far["direction"] == .null)
        }

        @Test("a connection that nobody accepted names nobody at its end")
        func neverAccepted() async throws {
            let watch = try await NetworkWatch()
            let server = try TCPPeer("tapio-server")
            let client = try TCPPeer("tapio-client")
            let serverPort = try server.listen("127.0.0.1")
            let clientPort = try client.connect("127.0.0.1", serverPort).port
            try client.reset()

            let closes = watch.events { $0.kind == "tcp_close" && $0.remotePort == Int64(clientPort) }
            #expect(closes.map(\.pid) == [0])
            #expect(closes.map { $0["comm"] } == [.string("")])
            #expect(closes.map { $0["direction"] } == [.string("inbound")])
            #expect(try server.accept() == clientPort)
            let accept = try watch.event("tcp_accept", of: server, localPort: serverPort)
            #expect(accept.remotePort == Int64(clientPort))
            #expect(accept["tcp_state"] == .string("close"))
        }

        @Test("what the agent does itself is filtered, and counted")
        func agentIsFiltered() async throws {
            let watch = try await NetworkWatch()
            let server = try TCPPeer("tapio-server")
            let agent = try TCPPeer("tapio-agent")
            watch.plane.control.agentPid = UInt32(agent.pid)
            let serverPort = try server.listen("127.0.0.1")
            let agentPort = try agent.connect("127.0.0.1", serverPort).port
            _ = try server.accept()
            server.begin("exchange 0")
            _ = try agent.exchange(sending: 10)
            _ = try server.answer()

            let close = try watch.event("tcp_close", of: server, localPort: serverPort)
            #expect(close.number("bytes_received") == 10)
            #expect(watch.events(0) { $0.localPort == Int64(agentPort) }.isEmpty)
            let counters = try watch.plane.counters()
            for schema in ["tcp_connect", "tcp_close"] {
                let kind = try #require(watch.registry.schema(named: schema)).kind.rawValue
                #expect(counters.counts(kind: kind).filtered == 1, "\(schema)")
            }
        }

        private func addresses(
            _ meeting: Meeting,
            _ pair: NetworkNamespacePair?
        ) -> (
            listenAt: String, server: String, client: String
        ) {
            switch (meeting, pair) {
            case (.namespacesIPv4, .some(let pair)): (pair.right.ipv4, pair.right.ipv4, pair.left.ipv4)
            case (.namespacesIPv6, .some(let pair)): (pair.right.ipv6, pair.right.ipv6, pair.left.ipv6)
            case (.loopbackIPv6, _): ("::1", "::1", "::1")
            case (.ipv4ToDualStack, _): ("::", "127.0.0.1", "127.0.0.1")
            default: ("127.0.0.1", "127.0.0.1", "127.0.0.1")
            }
        }

        private func expectEnds(
            _ event: TCPEvent,
            _ owner: TCPPeer,
            _ near: String,
            _ far: String,
            _ farPort: UInt16,
            _ direction: String,
            _ meeting: Meeting,
            _ netns: UInt64?
        ) {
            let isIPv6 = meeting == .loopbackIPv6 || meeting == .namespacesIPv6
            #expect(event.pid == Int64(owner.pid))
            #expect(event.number("ppid") == Int64(getpid()))
            #expect(event["comm"] == .string(owner.name))
            #expect(event.text("src_addr") == near)
            #expect(event.text("dst_addr") == far)
            #expect(event.remotePort == Int64(farPort))
            #expect(event.text("direction") == direction)
            #expect(event.number("ip_version") == (isIPv6 ? 6 : 4))
            #expect(event.number("netns") == Int64(netns ?? ownNetworkNamespace()))
            #expect(event.number("cgroup_id") ?? 0 > 0)
        }

        private func ownNetworkNamespace() -> UInt64 {
            var status = stat()
            return stat("/proc/self/ns/net", &status) == 0 ? UInt64(status.st_ino) : 0
        }
    }
}
