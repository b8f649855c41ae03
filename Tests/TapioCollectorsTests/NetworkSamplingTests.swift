import TapioBPF
import TapioEvents
import TapioKernel
import TapioTestSupport
import Testing

extension RealKernel {
    @Suite("TCP connections that are sampled by process")
    struct NetworkSamplingTests {
        private struct Group {
            let pid: Int64
            let ports: Set<Int64>
        }

        @Test("an owner's connections are all kept or none, though interrupts close them")
        func wholeOwners() async throws {
            let watch = try await NetworkWatch()
            let kinds = [TAPIO_KIND_TCP_CONNECT, TAPIO_KIND_TCP_CLOSE]
            for kind in kinds {
                watch.plane.control.setKeep(ControlPage.keepAll / 2, kind: UInt8(kind))
                watch.plane.control.setMode(.process, kind: UInt8(kind))
            }
            let server = try TCPPeer("tapio-server")
            let clients = try (0..<5).map { try TCPPeer("tapio-client-\($0)") }
            let port = try server.listen("127.0.0.1")
            var groups: [Group] = []
            for salt in 1...8 {
                watch.plane.control.salt = UInt32(salt)
                for client in clients {
                    server.begin("serve 3")
                    let ports = try client.connectOften("127.0.0.1", port, times: 3)
                    _ = try server.answer()
                    groups.append(Group(pid: Int64(client.pid), ports: Set(ports.map(Int64.init))))
                }
                // What closes late must not be drawn with the next salt.
                _ = watch.events(where: { _ in false }, withinNs: 50_000_000)
            }
            let whole: [Int: Int] = [0: 0, 6: 3]
            func connects(_ group: Group) -> (all: Int, connects: Int) {
                let own = watch.events(0) { $0.pid == group.pid && group.ports.contains($0.localPort ?? -1) }
                return (own.count, own.count { $0.kind == "tcp_connect" })
            }
            for group in groups {
                let (all, connects) = connects(group)
                #expect(whole[all] == connects, "\(all) events of 6, \(connects) of them connects")
            }
            let kept = groups.count { connects($0).all == 6 }
            // 40 fair coins: fewer than 4 heads or tails do not happen (10^-8).
            #expect((4...36).contains(kept))
        }
    }
}
