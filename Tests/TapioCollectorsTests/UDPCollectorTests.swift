import Glibc
import TapioCollectors
import TapioEvents
import TapioKernel
import TapioTestSupport
import Testing

extension RealKernel {
    @Suite("Datagrams")
    struct UDPCollectorTests {
        private func watch() async throws -> CollectorWatch {
            var options = CollectorOptions()
            options[.window] = 3_600_000_000_000
            return try await CollectorWatch(UDPCollector.descriptor, options: options)
        }

        private func start(
            _ script: String,
            in end: NetworkNamespacePair.End,
            _ group: MemoryCgroup
        ) throws
            -> InteractiveProcess
        {
            try InteractiveProcess([
                // Inside, no cgroup can be seen.
                "/bin/sh", "-c",
                "\(group.enter) && exec ip netns exec \(end.namespace) python3 -I -S -c '\(script)'",
            ])
        }

        @Test(
            "what each of two sockets sends and receives: ends, who, datagrams and bytes, exactly",
            arguments: [4, 6]
        )
        func exchange(version: Int) async throws {
            let pair = try NetworkNamespacePair()
            let group = try #require(MemoryCgroup(limitBytes: 256 << 20))
            let (left, right) = version == 4 ? (pair.left.ipv4, pair.right.ipv4) : (pair.left.ipv6, pair.right.ipv6)
            let family = version == 4 ? "AF_INET" : "AF_INET6"
            let watch = try await watch()
            // Answers each with ten bytes.
            let receiver = try start(
                """
                import socket
                s = socket.socket(socket.\(family), socket.SOCK_DGRAM)
                s.bind(("\(right)", 4242))
                print("ready", flush=True)
                while True:
                    data, peer = s.recvfrom(2000)
                    s.sendto(b"y" * 10, peer)
                """,
                in: pair.right,
                group
            )
            #expect(receiver.readLine() == "ready")
            let sender = try start(
                """
                import socket, sys
                s = socket.socket(socket.\(family), socket.SOCK_DGRAM)
                s.bind(("\(left)", 5353))
                s.settimeout(10)
                for i in range(40):
                    s.sendto(b"x" * (100 + i), ("\(right)", 4242))
                    s.recvfrom(2000)
                s.sendto(b"x" * 3000, ("\(right)", 4343))
                print("done", flush=True)
                sys.stdin.readline()
                """,
                in: pair.left,
                group
            )
            #expect(sender.readLine() == "done")
            usleep(100_000)
            await watch.collector.stop()
            let rows = watch.events(0) { $0.string("kind") == "udp_flow" && $0.number("cgroup_id") == Int64(group.id) }
            func row(_ process: InteractiveProcess, _ direction: String, _ port: Int64) throws -> DecodedEvent {
                let found = rows.filter {
                    $0.number("pid") == Int64(process.pid) && $0.string("datagram_direction") == direction
                        && $0.number("dst_port") == port
                }
                #expect(found.count == 1)
                return try #require(found.first, "\(direction) \(port)")
            }
            let asked = (0..<40).reduce(0) { $0 + 100 + $1 }
            let expected: [(InteractiveProcess, String, Int64, count: Int, sum: Int, max: Int)] = [
                (sender, "outbound", 4242, 40, asked, 139), (sender, "inbound", 4242, 40, 400, 10),
                (sender, "outbound", 4343, 1, 3000, 3000), (receiver, "inbound", 5353, 40, asked, 139),
                (receiver, "outbound", 5353, 40, 400, 10),
            ]
            var cookies: [Int32: Set<Int64>] = [:]
            for (process, direction, port, count, sum, most) in expected {
                let row = try row(process, direction, port)
                #expect(row.weight == Double(count) && row.number("agg_count") == Int64(count))
                #expect(row.number("agg_sum") == Int64(sum) && row.number("agg_max") == Int64(most))
                let isSender = process.pid == sender.pid
                #expect(row.string("src_addr") == (isSender ? left : right))
                #expect(row.string("dst_addr") == (isSender ? right : left))
                #expect(row.number("src_port") == (isSender ? 5353 : 4242))
                #expect(row.number("netns") == Int64(isSender ? pair.left.inode : pair.right.inode))
                #expect(row.number("ip_version") == Int64(version) && row.string("comm") == "python3")
                #expect(row.number("uid") == Int64(getuid()) && row.number("ppid") == Int64(getpid()))
                cookies[process.pid, default: []].insert(try #require(row.number("socket_cookie")))
            }
            #expect(cookies.values.allSatisfy { $0.count == 1 } && Set(cookies.values).count == 2)
            let counts = try watch.counts("udp_flow")
            #expect(counts.undecided == 0 && counts.ringFull == 0)
        }

        @Test("more peers than a window has room for: the rest are told one by one, and none is missing")
        func overflow() async throws {
            let group = try #require(MemoryCgroup(limitBytes: 256 << 20))
            let pair = try NetworkNamespacePair()
            let watch = try await watch()
            let peers = 5000
            let sender = try start(
                """
                import socket
                s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
                for i in range(\(peers)): s.sendto(b"x" * 20, (f"127.1.{i >> 8}.{i & 255}", 4242))
                print("done", flush=True)
                """,
                in: pair.left,
                group
            )
            #expect(sender.readLine() == "done")
            await watch.collector.stop()
            let rows = watch.events(0) {
                $0.string("kind") == "udp_flow" && $0.number("pid") == Int64(sender.pid)
            }
            #expect(rows.count == peers && rows.allSatisfy { $0.weight == 1 })
            #expect(Set(rows.compactMap { $0.string("dst_addr") }).count == peers)
            let single = rows.filter { $0["agg_count"] == .null }
            #expect(single.count >= peers - 4096)
            for row in single {
                #expect(row.number("datagram_bytes") == 20 && row.string("datagram_direction") == "outbound")
                #expect(row.number("cgroup_id") == Int64(group.id) && row.number("dst_port") == 4242)
            }
        }

        @Test("who received from a socket that was made before the agent ran is not known")
        func unknownOwner() async throws {
            let pair = try NetworkNamespacePair()
            let group = try #require(MemoryCgroup(limitBytes: 256 << 20))
            let receiver = try start(
                """
                import socket, sys
                s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
                s.bind(("\(pair.right.ipv4)", 4242))
                print("ready", flush=True)
                s.recvfrom(2000)
                print("got", flush=True)
                sys.stdin.readline()
                """,
                in: pair.right,
                group
            )
            #expect(receiver.readLine() == "ready")
            let watch = try await watch()
            let sender = try start(
                """
                import socket
                s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
                s.bind(("", 5454))
                s.sendto(b"x" * 33, ("\(pair.right.ipv4)", 4242))
                """,
                in: pair.left,
                group
            )
            #expect(sender.wait() == 0)
            #expect(receiver.readLine() == "got")
            await watch.collector.stop()
            let rows = watch.events(0) { $0.string("kind") == "udp_flow" && $0.number("dst_port") == 5454 }
            #expect(rows.count == 1)
            let row = try #require(rows.first)
            #expect(row.string("datagram_direction") == "inbound" && row.number("pid") == 0)
            #expect(row["netns"] == .null && row.string("comm") == "" && row.number("agg_sum") == 33)
            #expect(row.string("src_addr") == pair.right.ipv4 && row.string("dst_addr") == pair.left.ipv4)
        }
    }
}
