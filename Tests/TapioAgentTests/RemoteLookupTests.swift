import Foundation
import TapioArchive
import TapioBPF
import TapioCollectors
import TapioEnrichment
import TapioEvents
import TapioKubernetes
import TapioRings
import TapioTestSupport
import Testing

@testable import TapioAgent

@Suite("Names and services of the other end")
struct RemoteLookupTests {
    private static let second: Int64 = 1_000_000_000

    /// An enricher, and who finds out for it.
    private struct Pair {
        let enricher: Enricher
        let resolver: RemoteResolver

        init(capacity: Int = 1000, hasCluster: Bool = false, shortestLifeNs: UInt64 = 1_000_000_000) {
            enricher = Enricher(
                capacity: 100,
                timeToLive: .seconds(3600),
                readers: 1,
                remote: RemoteLookup(
                    registry: CollectorRegistry.schemas,
                    capacity: capacity,
                    readers: 1,
                    hasCluster: hasCluster
                )
            )
            resolver = RemoteResolver(
                enricher,
                capacity: capacity,
                shortestLifeNs: shortestLifeNs,
                facts: (
                    DNSFacts(bootID: "boot") { ClockOffset(utcMinusBootNs: 0) },
                    ClusterFacts(startedUs: 5, nowUs: { 1000 })
                )
            )
        }

        /// First what the reader gets, then what it gets when it hands the batch over.
        func ask(_ record: [UInt8], nowNs: UInt64 = MonotonicClock.monotonicNs) -> (first: Seen, later: Seen) {
            let bytes = record.span.bytes
            let first = enricher.id(for: bytes, reader: 0, nowNs: nowNs)
            let later = first.mayGetName ? enricher.laterID(first, for: bytes, reader: 0, nowNs: nowNs) : first
            return (Seen(enricher.table, first), Seen(enricher.table, later))
        }
    }

    /// The columns of an id.
    private struct Seen: Equatable, CustomStringConvertible {
        var texts: [String]

        init(_ table: EnrichmentTable, _ id: EnrichmentID) {
            texts = RemoteColumn.allCases.map { column in
                String(decoding: table.text(column, column.number(in: id)), as: UTF8.self)
            }
        }

        var name: String { texts[RemoteColumn.name.rawValue] }
        var nameStatus: String { texts[RemoteColumn.nameStatus.rawValue] }
        var service: String { texts[RemoteColumn.service.rawValue] }
        var serviceStatus: String { texts[RemoteColumn.serviceStatus.rawValue] }
        var description: String { texts.joined(separator: ",") }
    }

    private func put(
        _ address: String,
        _ into:
            inout (
                UInt8, UInt8, UInt8, UInt8, UInt8, UInt8, UInt8, UInt8, UInt8, UInt8, UInt8, UInt8, UInt8, UInt8, UInt8,
                UInt8
            )
    ) {
        let bytes = IPAddress(address)!.bytes
        withUnsafeMutableBytes(of: &into) {
            $0.storeBytes(of: bytes.first, as: UInt64.self)
            $0.storeBytes(of: bytes.second, toByteOffset: 8, as: UInt64.self)
        }
    }

    private func connect(
        _ address: String,
        port: UInt16 = 80,
        netns: UInt32 = 1,
        direction: Int = Int(TAPIO_DIRECTION_OUTBOUND),
        atNs: Int64 = ClockOffset.bootNow()
    ) -> [UInt8] {
        var record = tapio_tcp()
        record.header.kind = UInt8(TAPIO_KIND_TCP_CONNECT)
        record.header.time_ns = UInt64(atNs)
        put(address, &record.dst_addr)
        record.dst_port = port
        record.netns = netns
        record.direction = UInt8(direction)
        return withUnsafeBytes(of: record) { Array($0) }
    }

    /// A record of an answer that gives the name those addresses.
    private func answer(
        _ name: String,
        _ addresses: [String],
        seconds: UInt32 = 60,
        netns: UInt32 = 1,
        atNs: Int64 = ClockOffset.bootNow()
    ) -> [UInt8] {
        var message: [UInt8] = [0, 1, 0x81, 0x80, 0, 1, 0, UInt8(addresses.count), 0, 0, 0, 0]
        for label in name.split(separator: ".") { message += [UInt8(label.utf8.count)] + Array(label.utf8) }
        message += [0, 0, 1, 0, 1]
        for address in addresses {
            let bytes = IPAddress(address)!.low
            message += [0xc0, 12, 0, 1, 0, 1]
            message += (0..<4).map { UInt8(truncatingIfNeeded: seconds >> (24 - 8 * $0)) } + [0, 4]
            message += (0..<4).map { UInt8(truncatingIfNeeded: bytes >> UInt64(24 - 8 * $0)) }
        }
        var record = tapio_dns()
        record.header.kind = UInt8(TAPIO_KIND_DNS_QUERY)
        record.header.time_ns = UInt64(atNs)
        record.netns = netns
        record.message.offset = UInt16(MemoryLayout<tapio_dns>.size)
        record.message.length = UInt16(message.count)
        return withUnsafeBytes(of: record) { Array($0) } + message
    }

    /// Waits until what was handed over is learned.
    private func settle(_ pair: Pair, answers: UInt64) async throws {
        let limit = Deadline(seconds: 10)
        while await pair.resolver.statistics.answers < answers, !limit.isOver {
            try await Task.sleep(for: .milliseconds(1))
        }
        try await Task.sleep(for: .milliseconds(5))
    }

    @Test("a name is that of the network namespace that asked; the other has none")
    func namespaces() async throws {
        let pair = Pair()
        async let running: Void = pair.resolver.run()
        _ = pair.ask(answer("www.example.org", ["192.0.2.7", "192.0.2.8"], netns: 1))
        try await settle(pair, answers: 1)
        for address in ["192.0.2.7", "192.0.2.8"] {
            let seen = pair.ask(connect(address, netns: 1)).first
            #expect(seen.name == "www.example.org" && seen.nameStatus == "hit")
            #expect(seen.service == "" && seen.serviceStatus == "disabled")
        }
        let other = pair.ask(connect("192.0.2.7", netns: 2))
        #expect(other.first.nameStatus == "late" && other.first.name == "")
        #expect(other.later.nameStatus == "absent" && other.later.name == "")
        // From now on it is known to be unknown.
        let limit = Deadline(seconds: 10)
        while pair.ask(connect("192.0.2.7", netns: 2)).first.nameStatus != "absent", !limit.isOver {
            try await Task.sleep(for: .milliseconds(1))
        }
        #expect(pair.enricher.remote.nameless.statistics.hits > 0)
        // The other's own answer ends that, and leaves the first alone.
        _ = pair.ask(answer("evil.example", ["192.0.2.7"], netns: 2))
        try await settle(pair, answers: 2)
        #expect(pair.ask(connect("192.0.2.7", netns: 2)).first.name == "evil.example")
        #expect(pair.ask(connect("192.0.2.7", netns: 1)).first.name == "www.example.org")
        // Nothing is said where nobody knows whose network it is, of no address, and of kinds without another end.
        #expect(pair.ask(connect("192.0.2.7", netns: 0)).first.nameStatus == "")
        #expect(pair.ask(connect("::", netns: 1)).first.texts == ["", "", "", ""])
        var exec = tapio_process_exec()
        exec.header.kind = UInt8(TAPIO_KIND_PROCESS_EXEC)
        #expect(pair.ask(withUnsafeBytes(of: exec) { Array($0) }).first.texts == ["", "", "", ""])
        pair.enricher.remote.finish()
        await running
    }

    @Test("a name that comes after the event was read is found when the batch is handed over, unless it is younger")
    func later() async throws {
        let pair = Pair()
        let event = connect("192.0.2.7")
        let early = connect("192.0.2.7", atNs: ClockOffset.bootNow() - 20 * Self.second)
        // The answer is on its way: nobody can say yet.
        _ = pair.ask(answer("www.example.org", ["192.0.2.7"], atNs: ClockOffset.bootNow() - Self.second))
        let before = pair.ask(event)
        #expect(before.first.nameStatus == "late" && before.later.nameStatus == "late")
        async let running: Void = pair.resolver.run()
        try await settle(pair, answers: 1)
        let id = EnrichmentID(owner: 0, name: TextTable.late)
        func seen(_ record: [UInt8]) -> Seen {
            let later = pair.enricher.laterID(id, for: record.span.bytes, reader: 0, nowNs: MonotonicClock.monotonicNs)
            return Seen(pair.enricher.table, later)
        }
        #expect(seen(event).name == "www.example.org")
        #expect(seen(early).nameStatus == "absent")
        pair.enricher.remote.finish()
        await running
    }

    @Test("a name counts for its time to live, or the least that is configured; the event's time decides")
    func timeToLive() async throws {
        let pair = Pair(shortestLifeNs: 5_000_000_000)
        async let running: Void = pair.resolver.run()
        _ = pair.ask(answer("short.example", ["192.0.2.1"], seconds: 0))
        _ = pair.ask(answer("long.example", ["192.0.2.2"], seconds: 60))
        try await settle(pair, answers: 2)
        func at(_ seconds: UInt64, _ address: String) -> Seen {
            pair.ask(connect(address), nowNs: MonotonicClock.monotonicNs + seconds * 1_000_000_000).first
        }
        #expect(at(3, "192.0.2.1").name == "short.example")
        #expect(at(7, "192.0.2.1").nameStatus == "expired" && at(7, "192.0.2.1").name == "")
        #expect(at(55, "192.0.2.2").name == "long.example")
        #expect(at(70, "192.0.2.2").nameStatus == "expired")
        // Handed over late: the event happened while it counted.
        let late = pair.enricher.laterID(
            EnrichmentID(owner: 0, name: TextTable.late),
            for: connect("192.0.2.1").span.bytes,
            reader: 0,
            nowNs: MonotonicClock.monotonicNs
        )
        #expect(Seen(pair.enricher.table, late).name == "short.example")
        pair.enricher.remote.finish()
        await running
    }

    @Test("without the collector names are disabled; answers that are too many are counted, and hold nobody up")
    func disabledAndFlood() async throws {
        let pair = Pair(capacity: 5000)
        pair.enricher.remote.setLearning(false)
        _ = pair.ask(answer("www.example.org", ["192.0.2.7"]))
        #expect(pair.ask(connect("192.0.2.7")).first.nameStatus == "disabled")
        pair.enricher.remote.setLearning(true)
        for number in 0..<RemoteLookup.mostAnswers + 100 {
            _ = pair.ask(answer("a\(number).example", ["10.0.\(number / 256).\(number % 256)"]))
        }
        #expect(pair.enricher.remote.droppedAnswers == 100)
        for number in 0..<2 * RemoteLookup.mostWaiting {
            _ = pair.ask(connect("172.16.\(number / 256).\(number % 256)"))
        }
        #expect(pair.enricher.remote.refusedQuestions > 0)
        async let running: Void = pair.resolver.run()
        try await settle(pair, answers: UInt64(RemoteLookup.mostAnswers))
        #expect(pair.ask(connect("10.0.0.5")).first.name == "a5.example")
        pair.enricher.remote.finish()
        await running
        let statistics = await pair.resolver.statistics
        #expect(statistics.addresses == RemoteLookup.mostAnswers && statistics.names == RemoteLookup.mostAnswers)
    }

    private func decoded<Object: Decodable>(_ text: String) throws -> Object {
        try JSONDecoder().decode(Object.self, from: Data(text.utf8))
    }

    private func cluster() throws -> ClusterState {
        var state = ClusterState()
        let service: Service = try decoded(
            """
            {"metadata": {"uid": "s", "name": "front", "namespace": "shop", "resourceVersion": "1"},
             "spec": {"clusterIPs": ["10.96.0.10", "fd00::10"], "ports": [
               {"port": 80, "protocol": "TCP"}, {"port": 53, "protocol": "UDP"}]}}
            """
        )
        let slice: EndpointSlice = try decoded(
            """
            {"metadata": {"uid": "e", "name": "front-x", "namespace": "shop", "resourceVersion": "2",
              "labels": {"kubernetes.io/service-name": "front"}}, "addressType": "IPv4",
             "endpoints": [{"addresses": ["10.1.2.3"],
               "targetRef": {"kind": "Pod", "uid": "u", "namespace": "shop", "name": "web-1"}}],
             "ports": [{"port": 8080, "protocol": "TCP"}]}
            """
        )
        let open: EndpointSlice = try decoded(
            """
            {"metadata": {"uid": "o", "name": "all-x", "namespace": "shop", "resourceVersion": "3",
              "labels": {"kubernetes.io/service-name": "all"}}, "addressType": "IPv4",
             "endpoints": [{"addresses": ["10.1.2.9"]}], "ports": [{"protocol": "TCP"}]}
            """
        )
        let pod: Pod = try decoded(
            """
            {"metadata": {"uid": "u", "name": "web-1", "namespace": "shop", "resourceVersion": "1",
              "ownerReferences": [{"controller": true, "kind": "StatefulSet", "name": "web"}]},
             "spec": {"nodeName": "n", "containers": []}, "status": {"phase": "Running", "podIP": "10.1.2.3"}}
            """
        )
        state.apply(.service(.added(service)))
        state.apply(.endpointSlice(.added(slice)))
        state.apply(.endpointSlice(.added(open)))
        state.apply(.pod(.added(pod)))
        return state
    }

    @Test("services by cluster address and port, by endpoint, by endpoint with any port; late, absent and gone")
    func services() async throws {
        let pair = Pair(hasCluster: true)
        func seen(_ address: String, _ port: UInt16, direction: Int = Int(TAPIO_DIRECTION_OUTBOUND)) -> Seen {
            pair.ask(connect(address, port: port, direction: direction)).first
        }
        #expect(seen("10.96.0.10", 80).serviceStatus == "late")
        var state = try cluster()
        await pair.resolver.update(state.snapshot, servicesOfPods: state.snapshot.servicesOfPods())
        // Not all have come: what is there is, what is not may come.
        #expect(seen("10.96.0.10", 80).service == "shop/front" && seen("10.96.0.10", 81).serviceStatus == "late")
        for resource in [ClusterChange.service(.synced), .endpointSlice(.synced), .pod(.synced)] {
            state.apply(resource)
        }
        await pair.resolver.update(state.snapshot, servicesOfPods: state.snapshot.servicesOfPods())
        for (address, port) in [("10.96.0.10", 80), ("fd00::10", 80), ("10.1.2.3", 8080)] as [(String, UInt16)] {
            #expect(seen(address, port).service == "shop/front" && seen(address, port).serviceStatus == "hit")
        }
        #expect(seen("10.1.2.9", 12345).service == "shop/all")
        // TCP to a port of UDP, a pod's port that is no endpoint's, and elsewhere.
        for (address, port) in [("10.96.0.10", 53), ("10.1.2.3", 80), ("192.0.2.1", 80)] as [(String, UInt16)] {
            #expect(seen(address, port).serviceStatus == "absent" && seen(address, port).service == "")
        }
        // A client's port is no service's.
        #expect(seen("10.1.2.3", 8080, direction: Int(TAPIO_DIRECTION_INBOUND)).serviceStatus == "")
        var datagram = tapio_udp()
        datagram.header.kind = UInt8(TAPIO_KIND_UDP_FLOW)
        put("10.96.0.10", &datagram.dst_addr)
        datagram.dst_port = 53
        datagram.netns = 1
        #expect(pair.ask(withUnsafeBytes(of: datagram) { Array($0) }).first.service == "shop/front")

        let rows = await pair.resolver.takeFacts()
        let services = rows.filter { $0.table == .service }
        #expect(services.count == 6 && services.allSatisfy { $0.values[0] == .integer(5) && $0.values[1] == .null })
        #expect(
            services.contains(
                FactRow(
                    .service,
                    from: 5,
                    to: nil,
                    [
                        .text("10.1.2.3"), .integer(8080), .text("tcp"), .text("front"), .text("shop"),
                        .text("endpoint"), .text("web-1"),
                    ]
                )
            )
        )
        #expect(
            rows.filter { $0.table == .pod } == [
                FactRow(
                    .pod,
                    from: 5,
                    to: nil,
                    [
                        .text("u"), .text("web-1"), .text("shop"), .text("n"), .text("StatefulSet/web"), .text("front"),
                        .text("10.1.2.3"), .text("Running"),
                    ]
                )
            ]
        )

        // What is gone counts no more, and its row ends.
        state.apply(.service(.deleted(ObjectKey(uid: "s", namespace: "shop", name: "front"), last: nil)))
        state.apply(.pod(.deleted(ObjectKey(uid: "u", namespace: "shop", name: "web-1"), last: nil)))
        await pair.resolver.update(state.snapshot, servicesOfPods: state.snapshot.servicesOfPods())
        #expect(seen("10.96.0.10", 80).serviceStatus == "absent")
        #expect(seen("10.1.2.3", 8080).service == "shop/front")
        let ends = await pair.resolver.takeFacts()
        #expect(ends.count == 5 && ends.allSatisfy { $0.values[0] == .integer(1000) && $0.values[1] == .integer(1000) })
        #expect(pair.enricher.remote.services.statistics.hits > 0)
    }

    @Test("rows of the table dns: answers that follow one another are one, another name is another")
    func facts() async throws {
        let pair = Pair()
        async let running: Void = pair.resolver.run()
        let now = ClockOffset.bootNow()
        _ = pair.ask(answer("a.example", ["192.0.2.1"], atNs: now))
        _ = pair.ask(answer("a.example", ["192.0.2.1"], atNs: now + 10 * Self.second))
        _ = pair.ask(answer("b.example", ["192.0.2.1"], netns: 1, atNs: now + 20 * Self.second))
        _ = pair.ask(answer("a.example", ["192.0.2.1"], netns: 7, atNs: now))
        try await settle(pair, answers: 4)
        func row(_ name: String, _ netns: Int64, _ from: Int64, _ to: Int64) -> FactRow {
            FactRow(
                .dns,
                from: (now + from * Self.second) / 1000,
                to: (now + to * Self.second) / 1000,
                [.text("boot"), .integer(netns), .text("192.0.2.1"), .text(name)]
            )
        }
        let rows = await pair.resolver.takeFacts()
        #expect(rows == [row("a.example", 1, 0, 70), row("b.example", 1, 20, 80), row("a.example", 7, 0, 60)])
        #expect(await pair.resolver.takeFacts() == [])
        pair.enricher.remote.finish()
        await running
    }
}
