import TapioBPF
import TapioEvents

@testable import TapioPipeline

/// A pipeline of numbers on a virtual clock: rings of two lanes, a reader, batches, encoders and an archive, each with what
/// it can carry, and the ladder that watches them. One look every 50 ms, events in steps of 1 ms.
struct VirtualPipeline {
    /// Events a second that arrive, by kind.
    var arrivals: [EventKind: Double] = [:]
    /// What the reader can take, events a second, urgent ones first.
    var readerRate = 5e6
    /// What the encoders can take, rows a second.
    var encoderRate = 5e6
    /// What the archive can take, rows a second.
    var archiveRate = 5e6
    let urgentRoom = 10_000.0
    let bulkRoom = 40_000.0
    let batchRoom = 1e6
    let exportRoom = 4e5
    let ladderKinds: [EventKind]
    var ladder: OverflowLadder

    private(set) var nowNs: UInt64 = 1_000_000_000
    /// Every step that the ladder took, with its time.
    private(set) var changes: [(atNs: UInt64, change: OverflowLadder.Change)] = []
    /// By kind: lost in a ring, for want of room.
    private(set) var lost: [EventKind: Double] = [:]
    private(set) var submitted: [EventKind: Double] = [:]
    private var urgentRing = 0.0
    private var bulkRing = 0.0
    private var batches = 0.0
    private var export = 0.0
    private var exportSinceNs: UInt64?
    private var wantedRest: [EventKind: Double] = [:]
    private var submittedRest: [EventKind: Double] = [:]
    private var departedRest = 0.0
    private var taken = (urgent: 0.0, bulk: 0.0)
    private let registry: SchemaRegistry

    static let tickNs: UInt64 = 50_000_000

    init(_ registry: SchemaRegistry, ladder: OverflowLadder) {
        self.registry = registry
        self.ladder = ladder
        ladderKinds = registry.schemas.map(\.kind).filter { $0 != .ledger }
        _ = self.ladder.tick(PressureReading(), loads: [:], nowNs: nowNs)
    }

    func rung(_ kind: EventKind) -> Rung { ladder.state(of: kind)!.rung }

    var isWhole: Bool { ladderKinds.allSatisfy { rung($0) == .full } }

    mutating func run(seconds: Double, _ look: (VirtualPipeline) -> Void = { _ in }) {
        let end = nowNs + UInt64(seconds * 1e9)
        while nowNs < end {
            tick()
            look(self)
        }
    }

    /// Seconds until all is kept; nil where it takes longer than `limit`.
    mutating func secondsUntilWhole(limit: Double) -> Double? {
        let begin = nowNs
        while !isWhole {
            if Double(nowNs - begin) / 1e9 > limit { return nil }
            tick()
        }
        return Double(nowNs - begin) / 1e9
    }

    private mutating func tick() {
        var reading = PressureReading()
        var wanted: [EventKind: Double] = [:]
        var passed: [EventKind: Double] = [:]
        var departed = 0.0
        let streams = arrivals.filter { $0.value > 0 }.map { kind, rate in
            let rung = rung(kind)
            return Stream(
                kind: kind,
                isUrgent: registry.schema(of: kind)!.priority.lane == .urgent,
                arriving: rate / 1000,
                kept: rate / 1000 * rung.probability,
                rows: rung.isAggregated ? 1.0 / 8 : 1
            )
        }
        var fits = [Double](repeating: 0, count: streams.count)
        var misses = fits
        for _ in 0..<50 { millisecond(streams, &reading, &fits, &misses, &departed) }
        for (index, stream) in streams.enumerated() {
            wanted[stream.kind] = stream.arriving * 50
            passed[stream.kind] = fits[index]
            submitted[stream.kind, default: 0] += fits[index]
            if misses[index] > 0 { lost[stream.kind, default: 0] += misses[index] }
        }
        nowNs += Self.tickNs
        reading.urgentRings.taken = whole(0, &taken.urgent)
        reading.bulkRings.taken = whole(0, &taken.bulk)
        reading.batches = .init(bytes: Int(batches), bound: Int(batchRoom))
        reading.export = .init(bytes: Int(export), bound: Int(exportRoom))
        reading.exportAgeNs = exportSinceNs.map { nowNs - $0 } ?? 0
        reading.departed = whole(departed, &departedRest)
        var loads: [EventKind: KindLoad] = [:]
        for kind in ladderKinds {
            loads[kind] = KindLoad(
                wanted: whole(wanted[kind] ?? 0, &wantedRest[kind, default: 0]),
                submitted: whole(passed[kind] ?? 0, &submittedRest[kind, default: 0])
            )
        }
        for change in ladder.tick(reading, loads: loads, nowNs: nowNs) { changes.append((nowNs, change)) }
    }

    /// What comes of a kind within a millisecond, and what a kept event is worth once it is read.
    private struct Stream {
        var kind: EventKind
        var isUrgent: Bool
        var arriving: Double
        var kept: Double
        var rows: Double
    }

    private mutating func millisecond(
        _ streams: [Stream],
        _ reading: inout PressureReading,
        _ fits: inout [Double],
        _ misses: inout [Double],
        _ departed: inout Double
    ) {
        var bulk = (events: 0.0, rows: 0.0)
        for (index, stream) in streams.enumerated() {
            let room = stream.isUrgent ? urgentRoom - urgentRing : bulkRoom - bulkRing
            let fitting = min(stream.kept, max(0, room))
            if stream.isUrgent {
                urgentRing += fitting
            } else {
                bulkRing += fitting
                bulk = (bulk.events + fitting, bulk.rows + fitting * stream.rows)
            }
            fits[index] += fitting
            guard fitting < stream.kept else { continue }
            misses[index] += stream.kept - fitting
            if stream.isUrgent { reading.urgentRings.lost += 1 } else { reading.bulkRings.lost += 1 }
        }
        let fill = (urgentRing / urgentRoom, bulkRing / bulkRoom)
        reading.urgentRings.peak = max(reading.urgentRings.peak, fill.0)
        reading.bulkRings.peak = max(reading.bulkRings.peak, fill.1)
        reading.urgentRings.latest = fill.0
        reading.bulkRings.latest = fill.1
        // A reader takes nothing where there is no batch to put it into.
        let takes = min(readerRate / 1000, max(0, batchRoom - batches))
        let urgentTaken = min(urgentRing, takes)
        let bulkTaken = min(bulkRing, takes - urgentTaken)
        urgentRing -= urgentTaken
        bulkRing -= bulkTaken
        taken.urgent += urgentTaken
        taken.bulk += bulkTaken
        batches += urgentTaken + bulkTaken * (bulk.events > 0 ? bulk.rows / bulk.events : 1)
        let encoded = min(batches, encoderRate / 1000, max(0, exportRoom - export))
        batches -= encoded
        export += encoded
        let written = min(export, archiveRate / 1000)
        export -= written
        departed += written
        exportSinceNs = export < 1 ? nil : written > 0 ? nowNs : exportSinceNs ?? nowNs
    }

    private func whole(_ amount: Double, _ rest: inout Double) -> UInt64 {
        rest += amount
        let result = rest.rounded(.down)
        rest -= result
        return UInt64(result)
    }
}

/// Kinds of all priorities, for the ladder alone.
enum VirtualKinds {
    static let critical = EventKind(rawValue: 200)
    static let high = EventKind(rawValue: 201)
    static let normal = EventKind(rawValue: 202)
    static let quiet = EventKind(rawValue: 203)
    static let low = EventKind(rawValue: 204)

    static let registry = SchemaRegistry([
        schema(critical, "critical", .critical), schema(high, "high", .high), schema(normal, "normal", .normal),
        schema(quiet, "quiet", .normal), schema(low, "low", .low),
    ])

    private static func schema(_ kind: EventKind, _ name: String, _ priority: Priority) -> EventSchema {
        EventSchema(
            kind,
            "virtual_\(name)",
            collector: "virtual",
            priority: priority,
            record: tapio_header.self,
            "For tests.",
            fields: []
        )
    }
}
