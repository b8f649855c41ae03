import Glibc
import TapioCollectors
import TapioEvents
import TapioKernel
import TapioTestSupport
import Testing

/// A network collector on rings of its own, and the events that came out of them.
final class NetworkWatch {
    let plane: KernelPlane
    let collector: NetworkCollector
    let registry = SchemaRegistry(NetworkSchemas.all)
    private(set) var events: [TCPEvent] = []

    init(maxSockets: Int = 65_536) async throws {
        plane = try KernelPlane()
        var options = CollectorOptions()
        options[NetworkCollector.maxSockets] = maxSockets
        collector = NetworkCollector(plane: plane, options: options)
        try await collector.start()
        #expect(try await collector.health().problems == [])
    }

    /// The events so far that `matches` picks, in the order of time, once there are `count` of them; fewer after `limit`
    /// nanoseconds. A process that changes its CPU leaves its events in several rings.
    func events(
        _ count: Int = 1,
        where matches: (TCPEvent) -> Bool,
        withinNs limit: Int64 = 10_000_000_000
    ) -> [TCPEvent] {
        let deadline = ClockOffset.bootNow() + limit
        while true {
            drain()
            let found = events.filter(matches)
            if found.count >= count || ClockOffset.bootNow() > deadline { return found.sorted { $0.time < $1.time } }
            usleep(1000)
        }
    }

    /// The one event of this kind and peer, on this port; records an issue if there is none, or more.
    func event(
        _ kind: String,
        of peer: TCPPeer,
        localPort: UInt16,
        at place: SourceLocation = #_sourceLocation
    ) throws
        -> TCPEvent
    {
        let found = events { $0.kind == kind && $0.localPort == Int64(localPort) && $0.pid == Int64(peer.pid) }
        #expect(found.count == 1, "\(kind) of \(peer.name) on port \(localPort)", sourceLocation: place)
        let event = try #require(found.first, sourceLocation: place)
        #expect(event["comm"] == .string(peer.name), sourceLocation: place)
        return event
    }

    private func drain() {
        let check = RecordCheck(registry)
        let decoder = RecordDecoder(registry)
        let clock = ClockOffset(utcMinusBootNs: 0)
        for ring in plane.rings {
            let drained = ring.drain { record in
                guard check.fault(in: record) == nil else {
                    Issue.record("a malformed record")
                    return
                }
                events.append(TCPEvent(decoded: decoder.decode(record, clock: clock)))
            }
            #expect(drained.fault == nil)
        }
    }
}

/// An event of the network collector, by column.
struct TCPEvent: CustomStringConvertible {
    let decoded: DecodedEvent

    subscript(column: String) -> EventValue { decoded[column] }

    /// When it happened, nanoseconds since boot.
    var time: Int64 {
        guard case .timestamp(let microseconds) = decoded["ts"] else { return 0 }
        return microseconds * 1000 + (number("ts_sub_ns") ?? 0)
    }

    /// The number in a column; nil where it is null.
    func number(_ column: String) -> Int64? {
        if case .int(let value) = decoded[column] { value } else { nil }
    }

    /// The text in a column; nil where it is null.
    func text(_ column: String) -> String? {
        if case .string(let value) = decoded[column] { value } else { nil }
    }

    var kind: String? { text("kind") }
    var pid: Int64? { number("pid") }
    var localPort: Int64? { number("src_port") }
    var remotePort: Int64? { number("dst_port") }

    var description: String {
        decoded.values.map { "\($0.column.name)=\($0.value)" }.joined(separator: " ")
    }
}
