import TapioTestSupport
import Testing

extension EndToEnd {
    @Suite("Connections in the archive are those that there were")
    struct TCPTruthTests {
        private static let columns = [
            "kind", "pid", "comm", "src_addr", "dst_addr", "src_port", "dst_port", "direction", "bytes_sent",
            "bytes_received", "errno", "netns", "latency_ns", "duration_ns", "ip_version",
        ]

        /// The one row of this kind of that peer and port.
        private func row(
            _ rows: ArchiveRows,
            _ kind: String,
            of peer: TCPPeer,
            localPort: UInt16,
            at place: SourceLocation = #_sourceLocation
        ) throws -> ArchiveRows.Row {
            let found = rows.of(kind).filter {
                $0.int("pid") == Int64(peer.pid) && $0.int("src_port") == Int64(localPort)
            }
            #expect(found.count == 1, "\(kind) of \(peer.name) on \(localPort)", sourceLocation: place)
            return try #require(found.first, sourceLocation: place)
        }

        @Test(
            "a connection on loopback: both ends, exact bytes; one refused: its error",
            arguments: ["127.0.0.1", "::1"]
        )
        func loopback(address: String) throws {
            let agent = try AgentProcess(settings: ["collectors.process.enabled": "false"])
            let server = try TCPPeer("tapio-server")
            let client = try TCPPeer("tapio-client")
            let port = try server.listen(address)
            let (local, _) = try client.connect(address, port)
            #expect(try server.accept() == local)
            server.begin("exchange 12345")
            #expect(try client.exchange(sending: 678_901) == 12_345)
            #expect(try server.answer() == [678_901])
            // Nobody listens on the port of a connection that is over.
            #expect(throws: TCPPeer.Failure.self) { _ = try client.connect(address, local) }
            #expect(agent.stop().ending == .exited(0))

            let rows = try ArchiveRows(agent.archive, columns: Self.columns)
            let connect = try row(rows, "tcp_connect", of: client, localPort: local)
            #expect(connect.text("src_addr") == address && connect.text("dst_addr") == address)
            #expect(connect.int("dst_port") == Int64(port))
            #expect(connect.text("comm") == "tapio-client")
            #expect(connect.int("ip_version") == (address == "::1" ? 6 : 4))
            let accept = try row(rows, "tcp_accept", of: server, localPort: port)
            #expect(accept.int("dst_port") == Int64(local))
            let clientClose = try row(rows, "tcp_close", of: client, localPort: local)
            #expect(clientClose.int("bytes_sent") == 678_901)
            #expect(clientClose.int("bytes_received") == 12_345)
            #expect(clientClose.text("direction") == "outbound")
            #expect(clientClose.int("errno") ?? 0 == 0)
            let serverClose = try row(rows, "tcp_close", of: server, localPort: port)
            #expect(serverClose.int("bytes_sent") == 12_345)
            #expect(serverClose.int("bytes_received") == 678_901)
            #expect(serverClose.text("direction") == "inbound")
            let failed = rows.of("tcp_failed").filter { $0.int("pid") == Int64(client.pid) }
            #expect(failed.count == 1)
            #expect(failed.first?.int("dst_port") == Int64(local))
            #expect(failed.first?.int("errno") == 111)  // ECONNREFUSED
            #expect(try LedgerBooks(agent.archive).violations == [])
        }

        @Test("a connection between two network namespaces carries both namespaces, addresses and exact bytes")
        func namespaces() throws {
            let pair = try NetworkNamespacePair()
            let agent = try AgentProcess(settings: ["collectors.process.enabled": "false"])
            let server = try TCPPeer("tapio-right", in: pair.right.namespace)
            let client = try TCPPeer("tapio-left", in: pair.left.namespace)
            let port = try server.listen(pair.right.ipv4)
            let (local, _) = try client.connect(pair.right.ipv4, port)
            #expect(try server.accept() == local)
            server.begin("exchange 1")
            #expect(try client.exchange(sending: 3_000_000) == 1)
            #expect(try server.answer() == [3_000_000])
            #expect(agent.stop().ending == .exited(0))

            let rows = try ArchiveRows(agent.archive, columns: Self.columns)
            let left = try row(rows, "tcp_close", of: client, localPort: local)
            let right = try row(rows, "tcp_close", of: server, localPort: port)
            #expect(left.int("netns") == Int64(pair.left.inode))
            #expect(right.int("netns") == Int64(pair.right.inode))
            #expect(left.text("src_addr") == pair.left.ipv4 && left.text("dst_addr") == pair.right.ipv4)
            #expect(right.text("src_addr") == pair.right.ipv4 && right.text("dst_addr") == pair.left.ipv4)
            #expect(left.int("bytes_sent") == 3_000_000 && right.int("bytes_received") == 3_000_000)
            #expect(left.int("bytes_received") == 1 && right.int("bytes_sent") == 1)
            #expect(try LedgerBooks(agent.archive).violations == [])
        }
    }
}
