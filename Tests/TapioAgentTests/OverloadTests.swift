import Glibc
import Logging
import Synchronization
import TapioBPF
import TapioCollectors
import TapioEvents
import TapioKernel
import TapioQuery
import TapioTestSupport
import Testing

@testable import TapioAgent

/// The whole agent under more events than it can carry: real rings, threads and files, and programs that emit as fast as
/// they can.
@Suite("Overload", .serialized, .enabled(if: BPFRequirement.isMet), .timeLimit(.minutes(5)))
struct OverloadTests {
    private static let flooding = "tcp_close"
    private static let quiet = "process_fork"
    private static let low = "tcp_retransmit"
    private static let high = "process_exit"

    @Test("it keeps less, loses nothing urgent, says what it did, and keeps all again when it is over")
    func flood() async throws {
        let place = TemporaryDirectory()
        let agent = try await OverloadedAgent(place)
        _ = try await agent.agent.start()
        let (signals, signal) = AsyncStream.makeStream(of: AgentSignal.self)
        let serving = Task { [agent = agent.agent] in await agent.serve(signals) }

        let before = await agent.agent.status().overflow
        #expect(before.isAutomatic)
        #expect(before.kinds.allSatisfy { $0.keep == 1 && $0.epochs == 0 && $0.since == nil })

        let flood = agent.startFlood()
        var lowest: [String: Double] = [:]
        var deepest: [String: Set<String>] = [:]
        let end = ContinuousClock.now + .seconds(4)
        while ContinuousClock.now < end {
            let status = await agent.agent.status()
            for kind in status.overflow.kinds {
                lowest[kind.kind] = min(lowest[kind.kind] ?? 1, kind.keep)
                deepest[kind.kind, default: []].insert(kind.rung)
            }
            // At any moment, whatever is sampled or merged.
            #expect(status.ledger.allSatisfy { $0.violations == [] && $0.inFlight >= 0 })
            try await Task.sleep(for: .milliseconds(20))
        }
        let caused = try flood.stop()
        #expect((lowest[Self.flooding] ?? 1) < 1, "all was carried: the load is too small for this machine")
        #expect(lowest[Self.high] == 1)
        #expect(deepest[Self.high] == ["full"])
        #expect((deepest[Self.flooding]?.count ?? 0) >= 2, "\(deepest)")

        // Five seconds are the promise; here a machine that is busy otherwise may take its time.
        let isWhole = try await agent.wait { $0.overflow.kinds.allSatisfy { $0.keep == 1 && $0.rung == "full" } }
        #expect(isWhole)
        let last = await agent.agent.status()
        let flooded = try #require(last.overflow.kinds.first { $0.kind == Self.flooding })
        #expect(flooded.epochs >= 2)
        #expect(flooded.since != nil)
        #expect(flooded.configuredKeep == 1)
        signal.yield(.stop)
        await serving.value
        await agent.agent.stop()

        #expect(await agent.agent.ledgerViolations == [])
        let ledger = Dictionary(uniqueKeysWithValues: await agent.agent.status().ledger.map { ($0.kind, $0.counts) })
        for (kind, count) in caused {
            let counts = try #require(ledger[kind])
            #expect(counts.attempted == count, "\(kind)")
            let outcomes = counts.filtered + counts.sampledOut + counts.ringFull + counts.settled
            #expect(counts.attempted == outcomes, "\(kind)")
        }
        let floodedCounts = try #require(ledger[Self.flooding])
        #expect(floodedCounts.sampledOut > 0)
        // Of what came, most was let go before it cost anything, not lost for want of room.
        #expect(floodedCounts.sampledOut > floodedCounts.ringFull, "\(floodedCounts)")
        let urgent = try #require(ledger[Self.high])
        #expect(urgent.sampledOut == 0)
        #expect(urgent.lost == 0)
        #expect(urgent.archived == caused[Self.high])

        // The archive alone proves it: books, rows, and what the weights add up to.
        let source = try ArchiveSource(path: place.path + "/archive")
        let verdict = LedgerVerifier.verify(source.segments)
        #expect(verdict.findings.filter { $0.severity == .problem }.map(\.description) == [])
        try expectSamplingRows(source)
        #expect(agent.warnings.count >= 1)
        // Once in a direction in ten seconds for each kind and rung, not a line for each tick: four kinds of the load, and some
        // of what else happens on the machine.
        #expect(agent.warnings.count <= 80, "\(agent.warnings)")
    }

    @Test("switched off, the operator's probabilities hold, and what finds no room is lost and counted")
    func off() async throws {
        let place = TemporaryDirectory()
        let agent = try await OverloadedAgent(place, ["overload.mode": "off", "sampling.\(Self.low)": "0.5"])
        _ = try await agent.agent.start()
        let flood = agent.startFlood()
        let isLosing = try await agent.wait { status in
            status.ledger.contains { $0.kind == Self.flooding && $0.counts.ringFull > 1000 }
        }
        #expect(isLosing)
        let status = await agent.agent.status().overflow
        let caused = try flood.stop()
        #expect(!status.isAutomatic)
        for kind in status.kinds {
            #expect(kind.keep == (kind.kind == Self.low ? 0.5 : 1))
            #expect(kind.epochs == (kind.kind == Self.low ? 1 : 0))
        }
        await agent.agent.stop()
        #expect(await agent.agent.ledgerViolations == [])
        let ledger = Dictionary(uniqueKeysWithValues: await agent.agent.status().ledger.map { ($0.kind, $0.counts) })
        #expect(ledger[Self.flooding]?.sampledOut == 0)
        #expect(ledger[Self.flooding]?.attempted == caused[Self.flooding])
        #expect((ledger[Self.low]?.sampledOut ?? 0) > 0)
    }

    /// At most a row for each kind and second, that says how low it went.
    private func expectSamplingRows(_ source: ArchiveSource) throws {
        var spec = QuerySpec()
        spec.filter = "kind = _ledger and ledger_entry = sampling"
        spec.groupBy = ["ledger_kind", "ledger_reason", "ledger_note"]
        let engine = QueryEngine(segments: source.segments)
        let table = try engine.table(Query(spec, schema: QuerySchema(CollectorRegistry.schemas)))
        let rows = table.rows.filter { $0.first == .string(Self.flooding) }
        #expect(!rows.isEmpty)
        #expect(rows.count <= 60)
        for row in rows {
            guard case .string(let reason) = row[1], case .string(let note) = row[2] else {
                Issue.record("\(row)")
                continue
            }
            #expect(["bulk_ring", "batches", "export", "demand", "recovery"].contains(reason))
            #expect(note.contains(" -> ") && note.contains(" epochs"), "\(note)")
        }
    }
}

/// An agent with small rings, and a flood that goes through them.
private final class OverloadedAgent {
    let agent: Agent
    private let object: BPFObject
    private let program: RunnableProgram
    private let log = LogLines()

    /// Of so many records, how many are of which kind.
    private static let records = 4096
    private static let mix: [(kind: Int, priority: Int, size: Int, name: String, every: Int)] = [
        (TAPIO_KIND_PROCESS_EXIT, TAPIO_PRIORITY_HIGH, MemoryLayout<tapio_process_exit>.size, "process_exit", 1024),
        (TAPIO_KIND_PROCESS_FORK, TAPIO_PRIORITY_NORMAL, MemoryLayout<tapio_process_fork>.size, "process_fork", 512),
        (TAPIO_KIND_TCP_RETRANSMIT, TAPIO_PRIORITY_LOW, MemoryLayout<tapio_tcp>.size, "tcp_retransmit", 64),
        (TAPIO_KIND_TCP_CLOSE, TAPIO_PRIORITY_NORMAL, MemoryLayout<tapio_tcp>.size, "tcp_close", 1),
    ]

    /// What the agent said of overload so far.
    var warnings: [String] { log.all.filter { $0.contains("overload (") || $0.contains("less pressure") } }

    init(_ place: TemporaryDirectory, _ changes: [String: String] = [:]) async throws {
        var values = [
            "archive.path": place.path + "/archive", "control.socket": place.path + "/socket", "node": "test",
            "http.listen": "off",
            "rings.bulk_bytes": "64KiB", "rings.urgent_bytes": "8MiB", "ledger.interval": "1s",
            "batch.max_age": "500ms", "archive.retention.min_free_percent": "0",
            "collectors.process.enabled": "false", "collectors.network.enabled": "false",
        ]
        values.merge(changes) { $1 }
        let log = log
        let settings = AgentLogHandler.Settings()
        settings.sink = { log.add($0) }
        agent = try Agent(
            sources: ConfigurationSources(
                file: .standard(place.path + "/none.yaml"),
                flags: values.sorted { $0.key < $1.key }.map {
                    ConfigurationFlag(key: $0.key, value: $0.value, spelling: "test")
                }
            ),
            logger: Logger(label: "test") { _ in AgentLogHandler(settings: settings) },
            logSettings: settings
        )
        object = try BPFObject("bench", plane: await agent.plane)
        try object.load()
        program = try object.runnable("bench_mixed")
        for index in 0..<Self.records {
            let kind = Self.mix.first { (index + 1) % $0.every == 0 }!
            var value = tapio_bench_record()
            value.size = UInt32(kind.size)
            var record = tapio_tcp()
            record.header.kind = UInt8(kind.kind)
            record.header.priority = UInt8(kind.priority)
            record.header.pid = UInt32(1 + index % 50)
            record.ip_version = 4
            withUnsafeMutableBytes(of: &value.bytes) { $0.storeBytes(of: record, as: tapio_tcp.self) }
            try object.setElement(index, ofMap: "bench_records", to: value)
        }
    }

    /// Waits for a status, a minute at most.
    func wait(until condition: (StatusReport) -> Bool) async throws -> Bool {
        let end = ContinuousClock.now + .seconds(60)
        while ContinuousClock.now < end {
            if condition(await agent.status()) { return true }
            try await Task.sleep(for: .milliseconds(20))
        }
        return false
    }

    /// Emits all records over and over, as fast as it goes, from a thread of its own.
    func startFlood() -> Flood { Flood(program, records: Self.records, mix: Self.counts) }

    /// How many of a lap's records are of each kind.
    private static var counts: [String: UInt64] {
        var counts: [String: UInt64] = [:]
        for index in 0..<records { counts[mix.first { (index + 1) % $0.every == 0 }!.name, default: 0] += 1 }
        return counts
    }
}

/// A thread that emits until it is told to stop.
private final class Flood {
    private let isOver = Atomic<Bool>(false)
    private let laps = Atomic<UInt64>(0)
    private let failures = Atomic<UInt64>(0)
    private var thread: pthread_t?
    private let mix: [String: UInt64]

    init(_ program: RunnableProgram, records: Int, mix: [String: UInt64]) {
        self.mix = mix
        let body = Body { [unowned self] in
            while !isOver.load(ordering: .relaxed) {
                do { try program.run(tapio_bench_run(first: 0, count: UInt32(records))) } catch {
                    failures.add(1, ordering: .relaxed)
                }
                laps.add(1, ordering: .relaxed)
            }
        }
        var handle = pthread_t()
        let context = Unmanaged.passRetained(body).toOpaque()
        let result = pthread_create(
            &handle,
            nil,
            { context in
                Unmanaged<Body>.fromOpaque(context!).takeRetainedValue().run()
                return nil
            },
            context
        )
        precondition(result == 0, "no thread: errno \(result)")
        thread = handle
    }

    /// Ends it; what it caused, by kind.
    func stop() throws -> [String: UInt64] {
        isOver.store(true, ordering: .relaxed)
        if let thread { pthread_join(thread, nil) }
        thread = nil
        #expect(failures.load(ordering: .relaxed) == 0)
        let count = laps.load(ordering: .relaxed)
        return mix.mapValues { $0 * count }
    }

    deinit { if thread != nil { _ = try? stop() } }

    private final class Body {
        let run: () -> Void
        init(_ run: @escaping () -> Void) { self.run = run }
    }
}

/// Keeps what is logged.
private final class LogLines: Sendable {
    private let kept = Mutex<[String]>([])

    var all: [String] { kept.withLock { $0 } }

    func add(_ line: String) { kept.withLock { $0.append(line) } }
}
