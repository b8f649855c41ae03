import Logging
import TapioArchive
import TapioBPF
import TapioCollectors
import TapioEvents
import TapioKernel
import TapioRings
import TapioTestSupport

@testable import TapioAgent
@testable import TapioPipeline

/// The agent's parts from the kernel's rings to an archive, without collectors: what comes is what a test emits. The disk
/// fails or stalls on demand, and so does the reader.
final class FloodedPipeline {
    /// Of an urgent and a bulk kind; records of the first may have any size.
    static let exec = EventKind(Int(TAPIO_KIND_PROCESS_EXEC))
    static let fork = EventKind(Int(TAPIO_KIND_PROCESS_FORK))

    let plane: KernelPlane
    let pipeline: Pipeline
    let exporter: ArchiveExporter
    let disk = FaultyFileSystem()
    let ledger = Ledger()
    private let place = TemporaryDirectory()
    private let object: BPFObject
    private let program: RunnableProgram
    private let exporting: Task<Void, Never>
    private let registry = CollectorRegistry.schemas

    var archivePath: String { place.path }
    /// The CPUs that a test may run on.
    let cpus: [Int]

    init(rings: KernelPlaneConfiguration, pipeline configuration: PipelineConfiguration) throws {
        cpus = try CPUTopology.current().allowed
        plane = try KernelPlane(configuration: rings)
        object = try BPFObject("flood", plane: plane)
        try object.load()
        program = try object.runnable("flood")
        let clock = ClockOffset.measure()
        var options = ArchiveOptions(
            schema: registry.parquetSchema,
            identity: ArchiveIdentity(
                node: "test",
                bootID: "0a1b2c3d-0000-0000-0000-000000000000",
                runID: "run",
                clockOffsetNs: clock.utcMinusBootNs,
                schemaVersion: "1",
                configHash: "0",
                createdBy: "tapio version 0"
            )
        )
        options.fileSystem = disk
        options.sealing = .byCaller
        options.sync = .segment
        let (ledger, plane, registry) = (ledger, plane, registry)
        exporter = try ArchiveExporter(
            archive: try Archive.open(root: place.path, options: options),
            registry: registry,
            ledger: ledger,
            clock: clock,
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() },
            retryBytes: 8 << 20,
            readLedger: { () throws(KernelError) in
                try LedgerReading.now(ledger: ledger, plane: plane, registry: registry)
            }
        )
        pipeline = try Pipeline(
            configuration: configuration,
            planes: [try KernelRecordPlane(plane)],
            registry: registry,
            ledger: ledger,
            clock: clock
        )
        let batches = pipeline.batches
        exporting = Task { [exporter] in await exporter.consume(batches) }
        try pipeline.start()
    }

    /// Emits `count` records of a kind and size on a CPU, as fast as it goes, and returns when all are emitted.
    func emit(_ kind: EventKind, bytes: Int, count: Int, cpu: Int) throws {
        let run = tapio_flood_run(
            kind: UInt32(kind.rawValue),
            priority: UInt32(registry.schema(of: kind)!.priority.rawValue),
            size: UInt32(bytes),
            count: UInt32(count)
        )
        let program = program
        let thread = try PinnedThread(name: "flood", cpus: [cpu]) {
            do throws(KernelError) {
                try program.run(run)
            } catch {
                fatalError("\(error)")
            }
        }
        thread.join()
    }

    /// What the kernel counted of a kind.
    func kernelCounts(_ kind: EventKind) throws -> KernelCounts { try plane.counters().counts(kind: kind.rawValue) }

    /// What the kernel counted of a kind on a CPU.
    func kernelCounts(_ kind: EventKind, cpu: Int) throws -> KernelCounts {
        try plane.counters().counts(kind: kind.rawValue, cpu: cpu)
    }

    /// Whether the ledger closes now, kind by kind.
    func violations(isQuiet: Bool = false) throws -> [LedgerViolation] {
        try LedgerReading.now(ledger: ledger, plane: plane, registry: registry).snapshot.violations(isQuiet: isQuiet)
    }

    /// Drains everything and closes the books.
    func stop() async {
        await pipeline.stop(within: .seconds(30))
        await exporting.value
        let now = ClockOffset.bootNow()
        await exporter.finish(LedgerRow(.stop, fromNs: now, toNs: now))
    }
}
