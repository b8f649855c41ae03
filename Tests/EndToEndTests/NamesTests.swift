import TapioAgent
import TapioArchive
import TapioTestSupport
import Testing

extension EndToEnd {
    @Suite("Names of the other end")
    struct NamesTests {
        private static let columns = [
            "kind", "pid", "dst_addr", "dst_port", "netns", "direction", "dst_name", "dst_name_status", "dst_service",
            "dst_service_status", "dns_name",
        ]

        @Test("a connection after an answer has the name, until its time is over; where nobody asked there is none")
        func names() throws {
            let peers = try DNSPeers()
            let right = peers.pair.right
            let listener = try TCPPeer("names-server", in: right.namespace)
            let port = try listener.listen(right.ipv4)
            let agent = try AgentProcess(settings: ["enrichment.min_name_ttl": "1s"])
            let connect = "connect \(right.ipv4) \(port)"
            let pid = try peers.ask(["udp \(right.ipv4) 1 ME.1.Test 1", connect, "sleep 2.5", connect])
            let stranger = try peers.ask([connect], from: right)
            // The agent tells how often it knew.
            #expect(agent.wait { $0.enrichment.names.answers >= 1 })
            let status = try agent.status()
            #expect(status.enrichment.names.addresses >= 1 && status.enrichment.names.answersDropped == 0)
            #expect(status.enrichment.caches.map(\.name) == ["cgroups", "names", "services"])
            #expect(agent.stop().ending == .exited(0))

            let rows = try ArchiveRows(agent.archive, columns: Self.columns)
            let mine = rows.of("tcp_connect").filter { $0.int("pid") == pid }
            try #require(mine.count == 2)
            for row in mine { #expect(row.int("netns") == Int64(peers.pair.left.inode)) }
            #expect(mine[0].text("dst_name") == "me.1.test" && mine[0].text("dst_name_status") == "hit")
            #expect(mine[1].text("dst_name") == nil && mine[1].text("dst_name_status") == "expired")
            let other = try #require(rows.of("tcp_connect").first { $0.int("pid") == stranger })
            #expect(other.int("netns") == Int64(right.inode))
            #expect(other.text("dst_name") == nil && other.text("dst_name_status") == "absent")
            for row in mine + [other] {
                #expect(row.text("dst_service") == nil && row.text("dst_service_status") == "disabled")
            }
            // The other side of it: the client has no name there, and its port is no service's.
            let accepted = rows.of("tcp_close").filter {
                $0.text("direction") == "inbound" && $0.int("netns") == Int64(right.inode)
            }
            for row in accepted { #expect(row.text("dst_name") == nil && row.text("dst_service_status") == nil) }
            // The question itself knows its network.
            let question = try #require(rows.of("dns_query").first { $0.int("pid") == pid })
            #expect(question.int("netns") == Int64(peers.pair.left.inode))
            #expect(question.text("dns_name") == "me.1.test" && question.text("dst_service_status") == "disabled")

            let facts = try table("dns", of: agent).filter { $0["netns"] == "\(peers.pair.left.inode)" }
            try #require(facts.count == 1)
            #expect(facts[0]["address"] == right.ipv4 && facts[0]["name"] == "me.1.test")
            let (from, to) = (Int64(facts[0]["valid_from"]!)!, Int64(facts[0]["valid_to"]!)!)
            #expect(to - from == 1_000_000)
        }

        @Test("by TCP and IPv6 too; bytes of a name that no terminal should see are escaped")
        func hostile() throws {
            let peers = try DNSPeers()
            let right = peers.pair.right
            let listener = try TCPPeer("names-server", in: right.namespace)
            let port = try listener.listen(right.ipv6)
            let agent = try AgentProcess()
            let pid = try peers.ask([
                "tcp \(right.ipv4) 28 me.60.a\u{1b}[2Jb.test 1", "connect \(right.ipv6) \(port)",
            ])
            #expect(agent.stop().ending == .exited(0))
            let rows = try ArchiveRows(agent.archive, columns: Self.columns)
            let row = try #require(
                rows.of("tcp_connect").first { $0.int("pid") == pid && $0.int("dst_port") == Int64(port) }
            )
            #expect(row.text("dst_addr") == right.ipv6)
            #expect(row.text("dst_name") == "me.60.a\\027[2jb.test" && row.text("dst_name_status") == "hit")
        }

        @Test("without the collector of questions names are disabled, and nothing is kept of them")
        func disabled() throws {
            let peers = try DNSPeers()
            let right = peers.pair.right
            let listener = try TCPPeer("names-server", in: right.namespace)
            let port = try listener.listen(right.ipv4)
            let agent = try AgentProcess(settings: ["collectors.dns.enabled": "false"])
            let pid = try peers.ask(["udp \(right.ipv4) 1 me.60.test 1", "connect \(right.ipv4) \(port)"])
            #expect(agent.stop().ending == .exited(0))
            let rows = try ArchiveRows(agent.archive, columns: Self.columns)
            let row = try #require(rows.of("tcp_connect").first { $0.int("pid") == pid })
            #expect(row.text("dst_name") == nil && row.text("dst_name_status") == "disabled")
            #expect(try table("dns", of: agent).isEmpty)
        }

        /// The rows of a table beside the archive, as text.
        private func table(_ name: String, of agent: AgentProcess) throws -> [[String: String]] {
            let directory = "\(agent.archive)/_dimensions/\(name)/node=test"
            var rows: [[String: String]] = []
            for file in TestFile.list(directory) where file.hasSuffix(".pq") {
                let bytes = try #require(TestFile.read("\(directory)/\(file)"))
                let parquet = try ParquetFile(bytes: bytes)
                var read = [[String: String]](repeating: [:], count: parquet.rowCount)
                for (place, column) in parquet.schema.columns.enumerated() {
                    let data = try parquet.readColumn(group: 0, column: place, from: bytes)
                    for row in read.indices where data.isValid(row) {
                        switch data.values {
                        case .integers(let values): read[row][column.name] = "\(values[row])"
                        case .doubles(let values): read[row][column.name] = "\(values[row])"
                        case .strings(let values): read[row][column.name] = values.text(Int(values.indices[row]))
                        }
                    }
                }
                rows += read
            }
            return rows
        }
    }
}
