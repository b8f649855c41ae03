import Glibc
import TapioEvents
import TapioTestSupport
import Testing

extension RealKernel {
    @Suite("TCP failures")
    struct NetworkFailureTests {
        @Test("a refused connection fails with ECONNREFUSED, and its reset is seen", arguments: ["127.0.0.1", "::1"])
        func refused(address: String) async throws {
            let watch = try await NetworkWatch()
            let client = try TCPPeer("tapio-client")
            let port = try closedPort(address)
            let failure = #expect(throws: TCPPeer.Failure.self) { try client.connect(address, port) }

            let failed = try failedEvent(watch, of: client)
            #expect(failure?.errno == ECONNREFUSED)
            #expect(failed.number("errno") == Int64(ECONNREFUSED))
            #expect(failed.remotePort == Int64(port))
            #expect(failed.localPort ?? 0 > 0)
            #expect(failed.text("dst_addr") == address)
            #expect(failed["tcp_state"] == .string("syn_sent"))
            #expect(failed["direction"] == .string("outbound"))
            #expect(failed["priority"] == .string("high"))
            #expect(1...Int64(failure?.elapsedNs ?? 0) ~= failed.number("latency_ns") ?? 0)

            let resets = watch.events(2) {
                $0.kind == "tcp_reset" && [$0.localPort, $0.remotePort].contains(failed.localPort)
            }
            let received = try #require(resets.first { $0["reset_direction"] == .string("received") })
            #expect(received.pid == Int64(client.pid))
            #expect(received.localPort == failed.localPort)
            // No socket sent it: the addresses are those of the segment, seen from this end.
            let sent = try #require(resets.first { $0["reset_direction"] == .string("sent") })
            #expect(sent.pid == 0)
            #expect(sent.localPort == Int64(port))
            #expect(sent.remotePort == failed.localPort)
            #expect(sent.text("src_addr") == address)
            #expect(sent["ip_version"] == failed["ip_version"])
            #expect(sent["netns"] == failed["netns"])
        }

        @Test("silence ends in ETIMEDOUT or EHOSTUNREACH, after each lost SYN was told")
        func unanswered() async throws {
            let pair = try NetworkNamespacePair()
            try pair.set("ipv4/tcp_syn_retries", "1", in: pair.left)
            try pair.lose(pair.right.ipv4, from: pair.left)
            let watch = try await NetworkWatch()
            let patient = try TCPPeer("tapio-timeout", in: pair.left.namespace)
            let lost = try TCPPeer("tapio-nobody", in: pair.right.namespace)
            patient.begin("connect \(pair.right.ipv4) 4444")
            lost.begin("connect \(NetworkNamespacePair.nobody) 4444")

            for (peer, end, code) in [(patient, pair.left, ETIMEDOUT), (lost, pair.right, EHOSTUNREACH)] {
                let failure = #expect(throws: TCPPeer.Failure.self) { try peer.answer() }
                #expect(failure?.errno == code)
                let failed = try failedEvent(watch, of: peer)
                #expect(failed.number("errno") == Int64(code), "\(failed)")
                #expect(1...Int64(failure?.elapsedNs ?? 0) ~= failed.number("latency_ns") ?? 0)
                #expect(failed.text("src_addr") == end.ipv4)
                #expect(failed.number("netns") == Int64(end.inode))
            }
            let failed = try failedEvent(watch, of: patient)
            let again = watch.events(0) { $0.kind == "tcp_retransmit" && $0.localPort == failed.localPort }
            #expect(Int64(again.count) == failed.number("retransmits"))
            #expect(!again.isEmpty)
            #expect(again.allSatisfy { $0.pid == Int64(patient.pid) && $0["tcp_state"] == .string("syn_sent") })
        }

        @Test("a connection that its own process gave up fails with ECANCELED")
        func cancelled() async throws {
            let pair = try NetworkNamespacePair()
            try pair.lose(pair.right.ipv4, from: pair.left)
            let watch = try await NetworkWatch()
            let client = try TCPPeer("tapio-client", in: pair.left.namespace)
            try client.startConnecting(pair.right.ipv4, 4444)
            try client.close()

            let failed = try failedEvent(watch, of: client)
            #expect(failed.number("errno") == Int64(ECANCELED))
            #expect(failed.remotePort == 4444)
            #expect(failed.number("latency_ns") ?? 0 > 0)
        }

        @Test("without a free local port a connection fails with EADDRNOTAVAIL")
        func noPort() async throws {
            let pair = try NetworkNamespacePair()
            try pair.set("ipv4/ip_local_port_range", "40000 40000", in: pair.left)
            let watch = try await NetworkWatch()
            let server = try TCPPeer("tapio-server", in: pair.right.namespace)
            let first = try TCPPeer("tapio-first", in: pair.left.namespace)
            let second = try TCPPeer("tapio-second", in: pair.left.namespace)
            let port = try server.listen(pair.right.ipv4)
            #expect(try first.connect(pair.right.ipv4, port).port == 40000)
            let failure = #expect(throws: TCPPeer.Failure.self) { try second.connect(pair.right.ipv4, port) }

            #expect(failure?.errno == EADDRNOTAVAIL)
            let failed = try failedEvent(watch, of: second)
            #expect(failed.number("errno") == Int64(EADDRNOTAVAIL))
            #expect(failed["src_port"] == .null)
        }

        @Test("a reset is told at both ends, and breaks the other end's connection")
        func reset() async throws {
            let watch = try await NetworkWatch()
            let server = try TCPPeer("tapio-server")
            let client = try TCPPeer("tapio-client")
            let serverPort = try server.listen("127.0.0.1")
            let clientPort = try client.connect("127.0.0.1", serverPort).port
            _ = try server.accept()
            try client.send(1000)
            try client.reset()

            let sent = try watch.event("tcp_reset", of: client, localPort: clientPort)
            #expect(sent["reset_direction"] == .string("sent"))
            let received = try watch.event("tcp_reset", of: server, localPort: serverPort)
            #expect(received["reset_direction"] == .string("received"))
            let near = try watch.event("tcp_close", of: client, localPort: clientPort)
            #expect(near["errno"] == .null)
            #expect(near.number("bytes_sent") == 1000)
            let far = try watch.event("tcp_close", of: server, localPort: serverPort)
            #expect(far.number("errno") == Int64(ECONNRESET))
            #expect(far.number("bytes_received") == 1000)
        }

        @Test("bytes sent again count once, and each segment sent again is told")
        func retransmits() async throws {
            let pair = try NetworkNamespacePair()
            let watch = try await NetworkWatch()
            let server = try TCPPeer("tapio-server", in: pair.right.namespace)
            let client = try TCPPeer("tapio-client", in: pair.left.namespace)
            let serverPort = try server.listen(pair.right.ipv4)
            let clientPort = try client.connect(pair.right.ipv4, serverPort).port
            _ = try server.accept()
            try pair.lose(pair.right.ipv4, from: pair.left)
            try client.send(5000)
            let lost = watch.events(2) { $0.kind == "tcp_retransmit" && $0.localPort == Int64(clientPort) }
            try pair.deliver(pair.right.ipv4, from: pair.left)
            server.begin("exchange 0")
            _ = try client.exchange(sending: 5000)
            #expect(try server.answer() == [10_000])

            #expect(lost.count >= 2)
            #expect(lost.allSatisfy { $0.pid == Int64(client.pid) && $0["tcp_state"] == .string("established") })
            #expect(lost.allSatisfy { $0["priority"] == .string("low") })
            let close = try watch.event("tcp_close", of: client, localPort: clientPort)
            #expect(close.number("bytes_sent") == 10_000)
            #expect(close.number("retransmits") ?? 0 >= 2)
            let far = try watch.event("tcp_close", of: server, localPort: serverPort)
            #expect(far.number("bytes_received") == 10_000)
            #expect(far.number("retransmits") == 0)
        }

        @Test("a SYN-ACK sent again is told by the end that sent it, before there is a socket")
        func lostAnswer() async throws {
            let pair = try NetworkNamespacePair()
            let watch = try await NetworkWatch()
            let server = try TCPPeer("tapio-server", in: pair.right.namespace)
            let client = try TCPPeer("tapio-client", in: pair.left.namespace)
            let serverPort = try server.listen(pair.right.ipv4)
            try pair.lose(pair.left.ipv4, from: pair.right)
            client.begin("connect \(pair.right.ipv4) \(serverPort)")
            let again = watch.events { $0.kind == "tcp_retransmit" && $0.localPort == Int64(serverPort) }
            try pair.deliver(pair.left.ipv4, from: pair.right)
            let clientPort = try client.answer()[0]

            let event = try #require(again.first)
            #expect(event.pid == 0)
            #expect(event.remotePort == Int64(clientPort))
            #expect(event.text("src_addr") == pair.right.ipv4)
            #expect(event.text("dst_addr") == pair.left.ipv4)
            #expect(event.number("netns") == Int64(pair.right.inode))
            #expect(event["tcp_state"] == .string("syn_recv"))
            #expect(event["direction"] == .string("inbound"))
            #expect(try server.accept() == UInt16(clientPort))
        }

        @Test("bytes count once also where this host's own queue drops them")
        func droppedAtHome() async throws {
            let pair = try NetworkNamespacePair()
            do {
                try pair.throttle(pair.left)
            } catch {
                try Test.cancel("\(error)")
            }
            let watch = try await NetworkWatch()
            let server = try TCPPeer("tapio-server", in: pair.right.namespace)
            let client = try TCPPeer("tapio-client", in: pair.left.namespace)
            let serverPort = try server.listen(pair.right.ipv4)
            let clientPort = try client.connect(pair.right.ipv4, serverPort).port
            _ = try server.accept()
            server.begin("exchange 0")
            _ = try client.exchange(sending: 1_000_000)
            #expect(try server.answer() == [1_000_000])

            let close = try watch.event("tcp_close", of: client, localPort: clientPort)
            #expect(close.number("bytes_sent") == 1_000_000)
            #expect(close.number("retransmits") ?? 0 > 0)
        }

        /// The one failed connection of a peer.
        private func failedEvent(_ watch: NetworkWatch, of peer: TCPPeer) throws -> TCPEvent {
            let found = watch.events { $0.kind == "tcp_failed" && $0.pid == Int64(peer.pid) }
            #expect(found.count == 1)
            let event = try #require(found.first)
            #expect(event["comm"] == .string(peer.name))
            return event
        }

        /// A port that a listener had until now.
        private func closedPort(_ address: String) throws -> UInt16 {
            try TCPPeer("tapio-gone").listen(address)
        }
    }
}
