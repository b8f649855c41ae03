import Glibc
import TapioCollectors
import TapioEvents
import TapioKernel
import Testing

/// A collector on rings of its own, and the events that came out of them.
final class CollectorWatch {
    let plane: KernelPlane
    let collector: any Collector
    let registry: SchemaRegistry
    private(set) var events: [DecodedEvent] = []

    /// Starts it; it must have nothing to complain about.
    init(
        _ descriptor: CollectorDescriptor,
        options: CollectorOptions = CollectorOptions(),
        at place: SourceLocation = #_sourceLocation
    ) async throws {
        registry = SchemaRegistry(descriptor.schemas)
        plane = try KernelPlane()
        collector = descriptor.make(plane, options)
        try await collector.start()
        #expect(try await collector.health().problems == [], sourceLocation: place)
    }

    /// The events so far that `matches` picks, in the order of time, once there are `count` of them; fewer after `limit`
    /// nanoseconds. A process that changes its CPU leaves its events in several rings.
    func events(
        _ count: Int = 1,
        where matches: (DecodedEvent) -> Bool,
        withinNs limit: Int64 = 10_000_000_000
    ) -> [DecodedEvent] {
        let deadline = ClockOffset.bootNow() + limit
        while true {
            drain()
            let found = events.filter(matches)
            if found.count >= count || ClockOffset.bootNow() > deadline {
                return found.sorted { $0.timeNs < $1.timeNs }
            }
            usleep(1000)
        }
    }

    /// The one event of a kind that `matches` picks; records an issue if there is none, or more.
    func event(
        _ kind: String,
        at place: SourceLocation = #_sourceLocation,
        where matches: (DecodedEvent) -> Bool
    ) throws -> DecodedEvent {
        let found = events { $0["kind"] == .string(kind) && matches($0) }
        #expect(found.count == 1, "\(kind): \(found.count) events", sourceLocation: place)
        return try #require(found.first, sourceLocation: place)
    }

    /// Events of a kind that no ring ever saw, by outcome.
    func counts(_ schema: String) throws -> KernelCounts {
        let kind = try #require(registry.schemas.first { $0.name == schema }?.kind)
        return try plane.counters().counts(kind: kind.rawValue)
    }

    private func drain() {
        let check = RecordCheck(registry)
        let decoder = RecordDecoder(registry)
        let clock = ClockOffset(utcMinusBootNs: 0)
        let summaries = SummaryWriter(registry)
        defer { summaries.deallocate() }
        for ring in plane.rings {
            let drained = ring.drain { record in
                guard check.fault(in: record) == nil else {
                    Issue.record("a malformed record")
                    return
                }
                guard RecordCheck.isMerged(record) else {
                    events.append(decoder.decode(record, clock: clock))
                    return
                }
                let kind = EventKind(rawValue: record.uint8(at: RecordCheck.kindOffset))
                summaries.rewrite(record, of: registry.schema(of: kind)!) { summary, _, _ in
                    events.append(decoder.decode(summary, clock: clock))
                }
            }
            #expect(drained.fault == nil)
        }
    }
}

extension DecodedEvent {
    /// When it happened, nanoseconds since boot.
    var timeNs: Int64 {
        guard case .timestamp(let microseconds) = self["ts"] else { return 0 }
        return microseconds * 1000 + (number("ts_sub_ns") ?? 0)
    }

    /// The number in a column; nil where it is null.
    func number(_ column: String) -> Int64? {
        if case .int(let number) = self[column] { number } else { nil }
    }

    /// How many events it stands for.
    var weight: Double {
        if case .double(let weight) = self["weight"] { weight } else { 0 }
    }

    /// The text in a column; nil where it is null.
    func string(_ column: String) -> String? {
        if case .string(let text) = self[column] { text } else { nil }
    }
}
