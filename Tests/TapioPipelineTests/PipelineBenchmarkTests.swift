import Foundation
import TapioCollectors
import TapioEvents
import TapioTestSupport
import Testing

@testable import TapioPipeline

@Suite("Benchmarks of the pipeline in user space")
struct PipelineBenchmarkTests {
    private let registry = CollectorRegistry.schemas

    @Test("a tape gives back each record as it was made, in its lane and with its lane's numbers")
    func tapes() {
        let tapes = RecordTapes(count: 3000)
        #expect(tapes.count == 3000)
        #expect(tapes.kinds.values.reduce(0, +) == 3000)
        #expect(tapes.kinds.count > 5)
        let check = RecordCheck(registry)
        var kinds: [EventKind: Int] = [:]
        var bytes = 0
        for tape in tapes.tapes {
            var position = 0
            var next: UInt64 = 0
            var drained = 0
            while position < tape.end {
                let part = tape.read(from: &position, maxRecords: 100, maxBytes: .max) { record in
                    #expect(check.fault(in: record) == nil)
                    #expect(record.uint64(at: 8) == next)
                    next += 1
                    let kind = EventKind(rawValue: record.uint8(at: RecordCheck.kindOffset))
                    kinds[kind, default: 0] += 1
                    #expect(registry.schema(of: kind)?.priority.lane == tape.lane)
                }
                #expect(part.records <= 100)
                drained += part.records
                bytes += part.bytes
            }
            #expect(drained == tape.count)
        }
        #expect(kinds == tapes.kinds)
        #expect(bytes == tapes.byteCount)
    }

    @Test("no record is begun after the limit of bytes")
    func byteLimit() throws {
        let tape = try #require(RecordTapes(count: 500).tapes.max { $0.count < $1.count })
        var position = 0
        let drained = tape.read(from: &position, maxRecords: .max, maxBytes: 1000) { _ in }
        #expect(drained.bytes >= 1000)
        #expect(drained.bytes < 1000 + 8192)
        #expect(drained.records < tape.count)
    }

    @Test("all events of a run are in its files, those of the baseline too, and the files are gone afterwards")
    func run() async throws {
        let place = TemporaryDirectory()
        var options = PipelineBenchmark.Options()
        options.events = 30_000
        options.baselineEvents = 1_000
        options.runs = 2
        options.pipeline.batch = RowBatch.Limits(rows: 4096, bytes: 1 << 20)
        options.directory = place.path
        let result = try await PipelineBenchmark(registry: registry, options: options).run()
        #expect(result.isComplete, "\(result.runs.flatMap(\.problems) + result.baselineRuns.flatMap(\.problems))")
        #expect(result.runs.count == 2 && result.baselineRuns.count == 2)
        #expect(result.pipeline.events == 30_000)
        #expect(result.pipeline.fileBytes > 30_000)
        #expect(result.pipeline.readerNs > 0 && result.pipeline.encoderNs > 0)
        #expect((1_000...1_002).contains(result.baseline?.events ?? 0))
        #expect(result.ratio != nil)
        #expect(try FileManager.default.contentsOfDirectory(atPath: place.path) == [])
    }

    @Test("a directory that is not there is an error that names it")
    func noDirectory() async throws {
        var options = PipelineBenchmark.Options()
        options.events = 1_000
        options.directory = "/nonexistent"
        let error = await #expect(throws: EncodeBenchmark.FileError.self) {
            try await PipelineBenchmark(registry: registry, options: options).run()
        }
        #expect(error?.description.contains("/nonexistent") == true)
    }

    @Test("the baseline's events are objects of JSON with every field that the decoder knows")
    func baseline() throws {
        let decoder = RecordDecoder(registry)
        let clock = ClockOffset(utcMinusBootNs: 0)
        BenchmarkRecords.forEach(200) { _, record in
            let event = NaivePipeline.event(record, decoder, clock)
            let decoded = decoder.decode(record, clock: clock)
            #expect(Set(event.fields.keys) == Set(decoded.values.map(\.column.name)))
        }
        let text = String(
            decoding: NaivePipeline.json(NaivePipeline.Event(["a": "x\"\\\u{1}é", "b": Int64(-3)])),
            as: UTF8.self
        )
        let accepted = [#"{"a":"x\"\\\u0001é","b":-3}"# + "\n", #"{"b":-3,"a":"x\"\\\u0001é"}"# + "\n"]
        #expect(accepted.contains(text), "\(text)")
    }

    @Test("reading records has a time for each way, and the slow ones are slow")
    func parse() {
        var options = ParseBenchmark.Options()
        options.records = 4_000
        options.runs = 1
        let result = ParseBenchmark(registry: registry, options: options).run()
        #expect(result.records == 4_000)
        #expect(result.checkNs > 0 && result.takeNs > 0)
        #expect(result.decodeNs > result.checkNs)
        #expect(result.dictionaryNs > result.checkNs)
    }

    @Test("the encoder's time has zstd's part in it")
    func compression() throws {
        var options = EncodeBenchmark.Options()
        options.events = 4096
        options.batchRows = 4096
        let result = try EncodeBenchmark(registry: registry, options: options).run()
        #expect(result.compressNs > 0)
        #expect(result.compressNs < result.encodeNs)
    }
}
