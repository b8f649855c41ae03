import Glibc
import TapioCollectors
import TapioEvents
import TapioKernel
import TapioTestSupport
import Testing

extension RealKernel {
    @Suite("Dropped packets")
    struct DropsCollectorTests {
        /// Sends datagrams from inside a namespace.
        private func send(
            _ count: Int,
            bytes: Int,
            to address: String,
            port: Int,
            from end: NetworkNamespacePair.End
        ) throws {
            let family = address.contains(":") ? "AF_INET6" : "AF_INET"
            let script = """
                import socket
                s = socket.socket(socket.\(family), socket.SOCK_DGRAM)
                s.bind(("", 5353))
                for i in range(\(count)):
                    try: s.sendto(b"x" * \(bytes), ("\(address)", \(port)))
                    except OSError: pass
                """
            try InteractiveProcess.run(["ip", "netns", "exec", end.namespace, "python3", "-I", "-S", "-c", script])
        }

        /// Waits until the other end answers, by a refusal: IPv6 takes a moment to come up.
        private func reach(_ address: String, from end: NetworkNamespacePair.End) throws {
            let script = """
                import socket, time
                for i in range(100):
                    try: socket.create_connection(("\(address)", 9), 1)
                    except ConnectionRefusedError: break
                    except OSError: time.sleep(0.05)
                else: raise SystemExit(1)
                """
            try InteractiveProcess.run(["ip", "netns", "exec", end.namespace, "python3", "-I", "-S", "-c", script])
        }

        @Test(
            "datagrams to a port on which nobody listens: reason, device, protocol and both ends; and how many",
            arguments: [4, 6]
        )
        func noSocket(version: Int) async throws {
            let pair = try NetworkNamespacePair()
            let (from, to) = version == 4 ? (pair.left.ipv4, pair.right.ipv4) : (pair.left.ipv6, pair.right.ipv6)
            try reach(to, from: pair.left)
            var options = CollectorOptions()
            options[.window] = 3_600_000_000_000
            let watch = try await CollectorWatch(DropsCollector.descriptor, options: options)
            try send(50, bytes: 100, to: to, port: 4242, from: pair.left)
            await watch.collector.stop()
            let rows = watch.events(2) {
                $0.number("netns") == Int64(pair.right.inode) && $0.string("protocol") == "udp"
                    && $0.string("drop_reason") == "NO_SOCKET"
            }
            #expect(rows.reduce(0) { $0 + $1.weight } == 50)
            let first = try #require(rows.first { $0["agg_count"] == .null })
            #expect(first.string("kind") == "packet_drop")
            #expect(first.string("src_addr") == from && first.string("dst_addr") == to)
            #expect(first.number("src_port") == 5353 && first.number("dst_port") == 4242)
            #expect(first.number("ether_type") == (version == 4 ? 0x0800 : 0x86dd))
            #expect(first.number("packet_bytes")! >= 100 && first.number("packet_bytes")! <= 148)
            #expect(first.number("pid") == 0 && first.number("drop_reason_code")! > 1)
            let merged = try #require(rows.first { $0["agg_count"] != .null })
            #expect(merged.number("agg_count") == 49 && merged["src_addr"] == .null)
            #expect(merged.number("agg_sum") == 49 * first.number("packet_bytes")!)
            #expect(merged.string("drop_reason") == "NO_SOCKET" && merged["device"] == first["device"])
            #expect(first.string("device") == "cable" && first.number("interface_index")! > 0)
            #expect(try watch.counts("packet_drop").undecided == 0)
        }

        @Test("packets for nobody: what is no IP has no addresses")
        func neighbour() async throws {
            let pair = try NetworkNamespacePair()
            let watch = try await CollectorWatch(DropsCollector.descriptor)
            // The resolution of the address fails after a second, and what waited for it is dropped.
            try send(1, bytes: 10, to: NetworkNamespacePair.nobody, port: 9, from: pair.left)
            let failed = watch.events {
                $0.number("netns") == Int64(pair.left.inode) && $0.string("drop_reason") == "NEIGH_FAILED"
            }
            let drop = try #require(failed.first)
            #expect(drop.string("dst_addr") == NetworkNamespacePair.nobody && drop.string("protocol") == "udp")
            await watch.collector.stop()
        }
    }
}
