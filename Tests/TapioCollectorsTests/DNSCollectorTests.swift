import Glibc
import TapioCollectors
import TapioEvents
import TapioKernel
import TapioTestSupport
import Testing

extension RealKernel {
    @Suite("Names")
    struct DNSCollectorTests {
        @Test("an answer with its question, by UDP and TCP, IPv4 and IPv6")
        func answers() async throws {
            let peers = try DNSPeers()
            let (v4, v6) = (peers.pair.right.ipv4, peers.pair.right.ipv6)
            // IPv6 takes a moment to come up: what is asked before is asked again.
            let watch = try await CollectorWatch(DNSCollector.descriptor)
            let pid = try peers.ask([
                "udp \(v4) 1 OK.Test 1", "tcp \(v4) 1 ok.test 1", "udp \(v4) 28 ok.test 1", "udp \(v6) 1 ok.test 1",
            ])
            let found = watch.events(4) { $0.string("kind") == "dns_query" && $0.number("pid") == pid }
            try #require(found.count == 4)
            for event in found {
                #expect(event.string("dns_name") == "ok.test" && event.string("dns_code") == "NOERROR")
                #expect(event.number("latency_ns")! > 0 && event.number("latency_ns")! < 5_000_000_000)
                #expect(event.number("dst_port") == 53 && event.number("src_port")! > 1024)
                #expect(event.number("dns_truncated") == 0)
                #expect(event.number("netns") == Int64(peers.pair.left.inode))
                #expect(event.string("comm") == "python3" && event.number("uid") == Int64(getuid()))
            }
            #expect(found.map { $0.string("protocol") } == ["udp", "tcp", "udp", "udp"])
            #expect(found.map { $0.string("dns_type") } == ["A", "A", "AAAA", "A"])
            #expect(found.map { $0.string("dst_addr") } == [v4, v4, v4, v6])
            let (left4, left6) = (peers.pair.left.ipv4, peers.pair.left.ipv6)
            #expect(found.map { $0.string("src_addr") } == [left4, left4, left4, left6])
            let addresses = "CNAME real.test 300,A 10.9.8.1 60,A 10.9.8.2 60"
            #expect(found[0].string("dns_answers") == addresses && found[1].string("dns_answers") == addresses)
            #expect(found[2].string("dns_answers") == "CNAME real.test 300,AAAA ::1 60,AAAA ::2 60")
            await watch.collector.stop()
        }

        @Test("no such name, a server that fails, a slow one, one that never answers, and one that answers nonsense")
        func failures() async throws {
            let peers = try DNSPeers()
            let v4 = peers.pair.right.ipv4
            var options = CollectorOptions()
            options[DNSCollector.slow] = 150_000_000
            options[DNSCollector.timeout] = 1_000_000_000
            let watch = try await CollectorWatch(DNSCollector.descriptor, options: options)
            let pid = try peers.ask([
                "udp \(v4) 1 nx.test 1", "udp \(v4) 1 fail.test 1", "udp \(v4) 1 slow.test 1",
                "udp \(v4) 33 none.a\u{1b}b.test 3", "udp \(v4) 1 junk.test 1",
            ])
            func event(_ name: String) throws -> DecodedEvent {
                try #require(watch.events { $0.number("pid") == pid && $0.string("dns_name") == name }.first, "\(name)")
            }
            let nx = try event("nx.test")
            #expect(nx.string("kind") == "dns_query" && nx.string("dns_code") == "NXDOMAIN")
            #expect(nx["dns_answers"] == .null && nx.number("dns_slow") == 0)
            let failed = try event("fail.test")
            #expect(failed.string("kind") == "dns_failed" && failed.string("dns_code") == "SERVFAIL")
            #expect(failed.string("priority") == "high")
            let slow = try event("slow.test")
            #expect(slow.string("kind") == "dns_query" && slow.number("dns_slow") == 1)
            #expect(slow.number("latency_ns")! >= 200_000_000)
            let never = try event("none.a\\027b.test")
            #expect(never.string("kind") == "dns_timeout" && never["dns_code"] == .null)
            #expect(never.string("dns_type") == "SRV" && never.number("dns_attempts") == 3)
            #expect(never.number("latency_ns")! >= 1_000_000_000)
            let junk = try event("junk.test")
            #expect(junk.string("dns_code") == "NOERROR" && junk["dns_answers"] == .null)
            await watch.collector.stop()
        }
    }
}
