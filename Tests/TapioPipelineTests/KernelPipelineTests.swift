import Glibc
import TapioArchive
import TapioBPF
import TapioCollectors
import TapioEvents
import TapioKernel
import TapioTestSupport
import Testing

@testable import TapioPipeline

@Suite(.enabled(if: BPFRequirement.isMet), .timeLimit(.minutes(2))) struct KernelPipelineTests {
    private let registry = CollectorRegistry.schemas

    private func run(_ path: String) throws -> pid_t {
        var pid: pid_t = 0
        var arguments: [UnsafeMutablePointer<CChar>?] = [strdup(path), strdup("one two"), nil]
        defer { arguments.forEach { free($0) } }
        try #require(posix_spawn(&pid, path, nil, nil, &arguments, nil) == 0)
        var status: Int32 = 0
        try #require(waitpid(pid, &status, 0) == pid)
        return pid
    }

    @Test("real processes become rows, and kernel and agent agree on every count")
    func processes() async throws {
        let plane = try KernelPlane()
        let object = try BPFObject("process", plane: plane)
        try object.setVariable("args_limit", UInt32(TAPIO_ARGS_BYTES))
        try object.load()
        #expect(object.attach().isEmpty)
        let ledger = Ledger()
        let pipeline = try Pipeline(
            configuration: PipelineConfiguration(),
            planes: [try KernelRecordPlane(plane)],
            registry: registry,
            ledger: ledger,
            clock: .measure()
        )
        let consumer = Consumer()
        async let consumed: Void = consumer.run(pipeline.batches, ledger: ledger)
        try pipeline.start()
        let pids = try (0..<20).map { _ in try run("/bin/true") }
        await pipeline.seal()
        let more = try (0..<5).map { _ in try run("/bin/true") }
        object.detach()
        await pipeline.stop(within: .seconds(60))
        await consumed

        let counters = try plane.counters()
        for schema in registry.schemas where schema.kind != .ledger {
            let kernel = counters.counts(kind: schema.kind.rawValue)
            #expect(kernel.ringFull == 0)
            #expect(ledger.value(.received, schema.kind) == kernel.submitted, "\(schema.name)")
            #expect(ledger.value(.archived, schema.kind) == kernel.submitted, "\(schema.name)")
        }
        for ring in pipeline.statistics.readers.flatMap(\.rings) { #expect(ring.received == ring.nextSequence) }

        let rows = try consumer.batches.flatMap { try DecodedGroup($0, registry: registry).rows }
        for pid in pids + more {
            let own = rows.filter { $0["pid"] == .int(Int64(pid)) }
            let exec = try #require(own.first { $0["kind"] == .string("process_exec") })
            #expect(exec["exe"] == .string("/bin/true"))
            #expect(exec["args"] == .string("/bin/true 'one two'"))
            #expect(own.contains { $0["kind"] == .string("process_exit") && $0["exit_code"] == .int(0) })
        }
    }
}
