import Logging
import TapioArchive
import TapioCollectors
import TapioEvents
import TapioKernel
import TapioPipeline
import TapioRings

/// Where what an agent reads is recorded.
public struct RecordingRequest: Sendable, Hashable {
    /// The file.
    public var path: String
    /// The most bytes of it.
    public var limitBytes: Int64

    /// A recording at `path`.
    public init(path: String, limitBytes: Int64) {
        self.path = path
        self.limitBytes = limitBytes
    }
}

extension Agent {
    /// What a pipeline is made of.
    struct PipelineParts {
        var configuration: PipelineConfiguration
        var planes: [KernelRecordPlane]
        var readers: [ReaderConfiguration]
        var registry: SchemaRegistry
        var ledger: Ledger
        var clock: ClockOffset
        var enricher: Enricher
        var aggregation: AggregationSwitch
    }

    /// The pipeline; with a recorder between rings and readers where a recording is wanted.
    static func makePipeline(
        _ parts: PipelineParts,
        recording: RecordingRequest?,
        facts: RecordingFacts
    ) throws(AgentError) -> (Pipeline, Recorder?) {
        guard let recording else { return (try makePipeline(parts, planes: parts.planes, parts.enricher), nil) }
        let recorder: Recorder
        do throws(RecordingError) {
            recorder = try Recorder(
                path: recording.path,
                limitBytes: recording.limitBytes,
                facts: facts.encoded,
                clock: parts.clock
            )
        } catch {
            throw .recording(error)
        }
        let tapes = parts.planes.indices.map { number in
            ReaderTape(
                reader: number,
                recorder: recorder,
                enrichment: parts.enricher,
                aggregation: parts.aggregation,
                registry: parts.registry
            )
        }
        let planes = zip(parts.planes, tapes).map { RecordingPlane($0, tape: $1) }
        let enrichment = RecordingEnrichment(parts.enricher, tapes: tapes)
        return (try makePipeline(parts, planes: planes, enrichment), recorder)
    }

    private static func makePipeline<Plane: RecordPlane>(
        _ parts: PipelineParts,
        planes: [Plane],
        _ enrichment: any EnrichmentLookup
    ) throws(AgentError) -> Pipeline {
        do throws(BufferPoolError) {
            return try Pipeline(
                configuration: parts.configuration,
                planes: planes,
                readers: parts.readers,
                registry: parts.registry,
                ledger: parts.ledger,
                clock: parts.clock,
                enrichment: enrichment,
                aggregation: parts.aggregation
            )
        } catch {
            throw .memory(error)
        }
    }

    /// Ends the recording, with what the kernel counted. The readers have ended, and the programs are detached.
    func finishRecording() {
        guard let recorder else { return }
        do {
            let reading = try LedgerReading.now(ledger: ledger, plane: plane, registry: registry)
            let counts = reading.snapshot.entries.sorted { $0.key < $1.key }.map { RecordedCounts($0.key, $0.value) }
            try recorder.finish(counts)
            let totals = recorder.totals
            logger.info("recorded \(totals.records) records; \(totals.dropped) found no place")
            if totals.dropped > 0 {
                logger.warning(
                    "the recording lacks \(totals.dropped) records: the disk was too slow, or --record-limit is too low"
                )
            }
        } catch {
            logger.error("\(error)")
        }
    }
}
