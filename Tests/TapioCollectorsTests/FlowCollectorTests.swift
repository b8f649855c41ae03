import Glibc
import TapioCollectors
import TapioEvents
import TapioKernel
import TapioTestSupport
import Testing

extension RealKernel {
    @Suite("Flows")
    struct FlowCollectorTests {
        /// What is sent, and as what it must be told.
        private struct Flow {
            var frame: [UInt8]
            var count: Int
            var source: String?
            var port = 0
            var protocolName: String?
            var type = 0x0800
        }

        private func options(_ interfaces: [String], mode: String) throws -> CollectorOptions {
            var options = CollectorOptions()
            options[.window] = 3_600_000_000_000
            options.set(FlowCollector.interfaces, interfaces)
            guard case .choice(let words) = FlowCollector.mode.form else { return options }
            options[FlowCollector.mode] = try #require(words.firstIndex(of: mode))
            #expect(options.word(FlowCollector.mode) == mode)
            return options
        }

        private func flows(_ frames: PacketFrames) -> [Flow] {
            typealias F = PacketFrames
            func udp(_ port: Int, _ payload: Int) -> [UInt8] { F.ports(port, 2000, payload: payload) }
            let (v4, v6) = ("10.213.9.7", "fd00:213:9::7")
            return [
                Flow(
                    frame: frames.frame(0x0800, F.ipv4(17, host: 7, udp(1001, 100))),
                    count: 5,
                    source: v4,
                    port: 1001,
                    protocolName: "udp"
                ),
                Flow(
                    frame: frames.frame(0x0800, tags: [0x8100], F.ipv4(17, host: 7, udp(1002, 30))),
                    count: 3,
                    source: v4,
                    port: 1002,
                    protocolName: "udp"
                ),
                Flow(
                    frame: frames.frame(0x0800, tags: [0x88a8, 0x8100], F.ipv4(6, host: 7, udp(1003, 30))),
                    count: 2,
                    source: v4,
                    port: 1003,
                    protocolName: "tcp"
                ),
                Flow(
                    frame: frames.frame(0x0800, F.ipv4(132, host: 7, options: 2, udp(1004, 30))),
                    count: 1,
                    source: v4,
                    port: 1004,
                    protocolName: "sctp"
                ),
                // A later fragment, and a first one.
                Flow(
                    frame: frames.frame(0x0800, F.ipv4(17, host: 8, fragment: 3, udp(1005, 40))),
                    count: 4,
                    source: "10.213.9.8",
                    protocolName: "udp"
                ),
                Flow(
                    frame: frames.frame(0x0800, F.ipv4(17, host: 9, fragment: 0x2000, udp(1006, 40))),
                    count: 2,
                    source: "10.213.9.9",
                    protocolName: "udp"
                ),
                Flow(
                    frame: frames.frame(0x0800, F.ipv4(1, host: 7, [8, 0, 0, 0, 1, 2, 3, 4])),
                    count: 6,
                    source: v4,
                    protocolName: "icmp"
                ),
                Flow(
                    frame: frames.frame(0x86dd, F.ipv6(17, host: 7, udp(1007, 50))),
                    count: 3,
                    source: v6,
                    port: 1007,
                    protocolName: "udp",
                    type: 0x86dd
                ),
                Flow(
                    frame: frames.frame(
                        0x86dd,
                        F.ipv6(0, host: 7, F.extended(60, units: 1, F.extended(17, units: 0, udp(1008, 9))))
                    ),
                    count: 2,
                    source: v6,
                    port: 1008,
                    protocolName: "udp",
                    type: 0x86dd
                ),
                Flow(
                    frame: frames.frame(0x86dd, F.ipv6(44, host: 8, F.extended(17, units: 0, udp(1009, 9)))),
                    count: 1,
                    source: "fd00:213:9::8",
                    protocolName: "udp",
                    type: 0x86dd
                ),
                Flow(frame: frames.frame(0x88b5, [UInt8](repeating: 1, count: 46)), count: 7, type: 0x88b5),
                // Cut within the head.
                Flow(frame: frames.frame(0x0800, [0x45, 0, 0, 20, 0, 0]), count: 1),
            ]
        }

        @Test(
            "packets and bytes by addresses, ports and protocol, exactly; tags are skipped; all packets pass",
            arguments: ["native", "generic"]
        )
        func counts(mode: String) async throws {
            let cable = try NamespaceCable()
            let watch = try await CollectorWatch(
                FlowCollector.descriptor,
                options: try options([cable.interface], mode: mode)
            )
            #expect(try await watch.collector.health().notes == ["interface \(cable.interface): \(mode)"])
            let shown = try InteractiveProcess.run(["ip", "link", "show", "dev", cable.interface])
            #expect(shown.contains(mode == "native" ? " xdp " : " xdpgeneric "), "\(shown)")
            let sent = flows(PacketFrames(receiver: cable.hardwareAddress))
            try cable.send(sent.map { ($0.frame, $0.count) })
            try receive(50, bytes: 100, over: cable)
            // The cable is empty once both ends have counted the same.
            usleep(200_000)
            await watch.collector.stop()
            let rows = watch.events(0) { $0.string("kind") == "flow" }
            for flow in sent {
                try check(rows.filter { isOf(flow, $0) }, flow.count, bytes: flow.frame.count, cable)
            }
            let received = rows.filter { $0.number("src_port") == 5353 && $0.number("dst_port") == 4242 }
            try check(received, 50, bytes: 14 + 20 + 8 + 100, cable)
            #expect(received.first?.string("src_addr") == cable.peerIPv4)
            #expect(received.first?.string("dst_addr") == cable.ipv4)
            #expect(rows.allSatisfy { $0.string("device") == cable.interface })
            let counts = try watch.counts("flow")
            #expect(counts.undecided == 0 && counts.ringFull == 0)
            #expect(!(try InteractiveProcess.run(["ip", "link", "show", "dev", cable.interface])).contains("xdp"))
        }

        private func isOf(_ flow: Flow, _ row: DecodedEvent) -> Bool {
            row.string("src_addr") == flow.source && row.number("src_port") ?? 0 == flow.port
                && row.string("protocol") == flow.protocolName && row.number("ether_type") == Int64(flow.type)
        }

        private func check(_ rows: [DecodedEvent], _ count: Int, bytes: Int, _ cable: NamespaceCable) throws {
            let row = try #require(rows.first)
            #expect(rows.count == 1)
            #expect(row.weight == Double(count) && row.number("agg_count") == Int64(count))
            #expect(row.number("agg_sum") == Int64(count * bytes))
            #expect(row.number("agg_min") == Int64(bytes) && row.number("agg_max") == Int64(bytes))
            #expect(row.string("flow_direction") == "ingress")
            #expect(row.string("device") == cable.interface)
            #expect(row.number("interface_index") == Int64(cable.index))
            var status = stat()
            #expect(stat("/proc/self/ns/net", &status) == 0)
            #expect(row.number("netns") == Int64(status.st_ino) && row.number("pid") == 0)
            if row["src_port"] != .null { #expect([2000, 4242].contains(row.number("dst_port"))) }
        }

        /// Receives datagrams from the other end in this process.
        private func receive(_ count: Int, bytes: Int, over cable: NamespaceCable) throws {
            let descriptor = socket(AF_INET, Int32(SOCK_DGRAM.rawValue), 0)
            defer { close(descriptor) }
            var patience = timeval(tv_sec: 10, tv_usec: 0)
            setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size))
            var address = sockaddr_in()
            address.sin_family = sa_family_t(AF_INET)
            address.sin_port = in_port_t(4242).bigEndian
            inet_pton(AF_INET, cable.ipv4, &address.sin_addr)
            let bound = withUnsafePointer(to: &address) {
                $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
                }
            }
            try #require(bound == 0)
            let script = """
                import socket
                s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
                s.bind(("", 5353))
                for i in range(\(count)): s.sendto(b"x" * \(bytes), ("\(cable.ipv4)", 4242))
                """
            try cable.run(["python3", "-I", "-S", "-c", script])
            var buffer = [UInt8](repeating: 0, count: 2048)
            for _ in 0..<count { #expect(recv(descriptor, &buffer, buffer.count, 0) == bytes) }
        }

        @Test("more flows than a window has room for: the rest are told packet by packet, and none is missing")
        func overflow() async throws {
            let cable = try NamespaceCable()
            let watch = try await CollectorWatch(
                FlowCollector.descriptor,
                options: try options([cable.interface], mode: "native")
            )
            let contents = PacketFrames.ipv4(17, host: 7, PacketFrames.ports(0, 2000, payload: 10))
            let frame = PacketFrames(receiver: cable.hardwareAddress).frame(0x0800, contents)
            let (flows, sourcePort) = (9000, 14 + 20)
            let script = """
                import socket, time
                s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
                s.bind(("cable", 0))
                frame = bytearray(\(frame.map(Int.init)))
                for port in range(1, \(flows) + 1):
                    frame[\(sourcePort):\(sourcePort) + 2] = port.to_bytes(2, "big")
                    s.send(frame)
                    if port % 100 == 0: time.sleep(0.001)
                """
            try cable.run(["python3", "-I", "-S", "-c", script])
            usleep(200_000)
            await watch.collector.stop()
            let rows = watch.events(0) { $0.string("kind") == "flow" && $0.string("src_addr") == "10.213.9.7" }
            #expect(Set(rows.compactMap { $0.number("src_port") }) == Set(1...Int64(flows)) && rows.count == flows)
            #expect(rows.allSatisfy { $0.weight == 1 && $0.string("protocol") == "udp" })
            let single = rows.filter { $0["agg_count"] == .null }
            #expect(single.count >= flows - 8192)
            for row in single {
                #expect(row.number("packet_bytes") == Int64(frame.count) && row.string("device") == cable.interface)
                #expect(row.number("dst_port") == 2000 && row.string("flow_direction") == "ingress")
            }
            let counts = try watch.counts("flow")
            #expect(counts.undecided == 0 && counts.ringFull == 0)
        }

        @Test("an interface that is not there, or a mode that is refused, is a problem; the others go on")
        func problems() async throws {
            let cable = try NamespaceCable()
            let (plain, later) = ("\(cable.interface)p", "\(cable.interface)l")
            try InteractiveProcess.run(["ip", "link", "add", plain, "type", "bridge"])
            defer { for name in [plain, later] { _ = try? InteractiveProcess.run(["ip", "link", "del", name]) } }
            var options = try options([later, plain, cable.interface], mode: "auto")
            options[.window] = 1_000_000_000
            let collector = FlowCollector.descriptor.make(try KernelPlane(), options)
            try await collector.start()
            var health = try await collector.health()
            #expect(health.notes == ["interface \(cable.interface): native", "interface \(plain): generic"])
            try #require(health.problems.count == 1)
            #expect(health.problems[0].contains("cannot find interface \(later)"), "\(health.problems)")

            // One that comes later is found.
            try InteractiveProcess.run(["ip", "link", "add", later, "type", "bridge"])
            let limit = Deadline(seconds: 20)
            while try await !collector.health().problems.isEmpty, !limit.isOver { usleep(50_000) }
            #expect(try await collector.health().notes.count == 3)

            options = try self.options([plain, cable.interface], mode: "native")
            try await collector.reconfigure(options)
            health = try await collector.health()
            #expect(health.notes == ["interface \(cable.interface): native"])
            try #require(health.problems.count == 1)
            #expect(health.problems[0].contains("interface \(plain)"), "\(health.problems)")
            #expect(!(try InteractiveProcess.run(["ip", "link", "show", "dev", later])).contains("xdp"))

            try await collector.reconfigure(try self.options([], mode: "auto"))
            health = try await collector.health()
            #expect(health.notes == [] && health.problems.count == 1)
            #expect(health.programs.first { $0.name == "flow_ingress" }?.isAttached == false)

            // This card cannot do it itself.
            try await collector.reconfigure(try self.options([cable.interface], mode: "offload"))
            #expect(try await collector.health().problems.count == 1)
            await collector.stop()
            #expect(!(try InteractiveProcess.run(["ip", "link", "show", "dev", cable.interface])).contains("xdp"))
        }
    }
}
