import Glibc
import TapioCollectors
import TapioEvents
import TapioKernel
import TapioTestSupport
import Testing

/// A network collector on rings of its own, and the events that came out of them.
final class NetworkWatch {
    private let watch: CollectorWatch
    var plane: KernelPlane { watch.plane }
    var registry: SchemaRegistry { watch.registry }
    var collector: any Collector { watch.collector }

    init(maxSockets: Int = 65_536) async throws {
        var options = CollectorOptions()
        options[NetworkCollector.maxSockets] = maxSockets
        watch = try await CollectorWatch(NetworkCollector.descriptor, options: options)
    }

    /// Events of a kind by outcome, as the kernel counted them.
    func counts(_ schema: String) throws -> KernelCounts { try watch.counts(schema) }

    /// As ``CollectorWatch/events(_:where:withinNs:)``.
    func events(
        _ count: Int = 1,
        where matches: (TCPEvent) -> Bool,
        withinNs limit: Int64 = 10_000_000_000
    ) -> [TCPEvent] {
        watch.events(count, where: { matches(TCPEvent(decoded: $0)) }, withinNs: limit).map(TCPEvent.init)
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
}

/// An event of the network collector, by column.
struct TCPEvent: CustomStringConvertible {
    let decoded: DecodedEvent

    subscript(column: String) -> EventValue { decoded[column] }

    /// When it happened, nanoseconds since boot.
    var time: Int64 { decoded.timeNs }
    func number(_ column: String) -> Int64? { decoded.number(column) }
    func text(_ column: String) -> String? { decoded.string(column) }

    var kind: String? { text("kind") }
    var pid: Int64? { number("pid") }
    var localPort: Int64? { number("src_port") }
    var remotePort: Int64? { number("dst_port") }

    var description: String {
        decoded.values.map { "\($0.column.name)=\($0.value)" }.joined(separator: " ")
    }
}
