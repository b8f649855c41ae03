import Glibc
import TapioArchive
import TapioBPF
import TapioEvents
import TapioKernel
import TapioTestSupport
import Testing

@testable import TapioAgent
@testable import TapioPipeline

extension EndToEnd {
    @Suite("A disk that stalls", .timeLimit(.minutes(5)))
    struct StalledDiskTests {
        private let forkBytes = MemoryLayout<tapio_process_fork>.size
        private let execBytes = MemoryLayout<tapio_process_exec>.size

        private func configuration() -> PipelineConfiguration {
            var configuration = PipelineConfiguration()
            configuration.batch = RowBatch.Limits(rows: 4096, bytes: 1 << 20)
            configuration.maxQueuedBatches = 6
            configuration.reader.tuning.maxBatchAgeNs = 100_000_000
            configuration.reader.backpressure = .shedOldestBulk(afterNs: 50_000_000)
            return configuration
        }

        @Test("memory stays within its bound, whole bulk batches are shed, urgent ones never; it goes on by itself")
        func shedsBulk() async throws {
            let configuration = configuration()
            let flooded = try FloodedPipeline(rings: KernelPlaneConfiguration(), pipeline: configuration)
            let cpu = flooded.cpus[0]
            flooded.disk.hold()
            var urgent = 0
            let deadline = Deadline(seconds: 60)
            func isOn() -> Bool { flooded.ledger.value(.shed, FloodedPipeline.fork) < 100_000 || urgent < 1000 }
            while isOn() {
                try #require(!deadline.isOver, "nothing is shed: \(flooded.pipeline.statistics)")
                try flooded.emit(FloodedPipeline.fork, bytes: forkBytes, count: 8192, cpu: cpu)
                // A little of urgent first, and then, when bulk has been shed many times over, more than the queue has places:
                // what is urgent takes bulk's places, and then waits in its ring.
                if urgent < 20 || flooded.ledger.value(.shed, FloodedPipeline.fork) >= 100_000 {
                    try flooded.emit(FloodedPipeline.exec, bytes: execBytes, count: 10, cpu: cpu)
                    urgent += 10
                }
                let statistics = flooded.pipeline.statistics
                #expect(statistics.pool.existing <= statistics.pool.most)
                #expect(statistics.queuedBatches <= configuration.maxQueuedBatches)
                #expect(flooded.ledger.value(.shed, FloodedPipeline.exec) == 0)
                #expect(try flooded.violations() == [])
                usleep(5_000)
            }
            #expect(flooded.disk.held == 1, "the disk stalls")
            #expect(try flooded.kernelCounts(FloodedPipeline.exec).ringFull == 0)
            flooded.disk.release()
            await flooded.stop()
            #expect(try flooded.violations(isQuiet: true) == [])
            let books = try LedgerBooks(flooded.archivePath)
            #expect(books.violations == [])
            let exec = try #require(books.accounts["process_exec"])
            #expect(exec.archived == Int64(urgent) && exec.lost == 0)
            #expect(books.gapTotal("process_fork", reason: "shed") >= 100_000)
        }

        @Test("one that fails under a flood: the pool and what is kept stay within their bounds, urgent survives")
        func failsUnderFlood() async throws {
            let configuration = configuration()
            let flooded = try FloodedPipeline(rings: KernelPlaneConfiguration(), pipeline: configuration)
            let cpu = flooded.cpus[0]
            flooded.disk.failWriting(with: EIO)
            var urgent = 0
            while urgent < 500 {
                try flooded.emit(FloodedPipeline.fork, bytes: forkBytes, count: 8192, cpu: cpu)
                try flooded.emit(FloodedPipeline.exec, bytes: execBytes, count: 10, cpu: cpu)
                urgent += 10
                let statistics = flooded.pipeline.statistics
                #expect(statistics.pool.existing <= statistics.pool.most)
                let status = flooded.exporter.status
                #expect(status.keptBytes <= status.maxKeptBytes)
                #expect(try flooded.violations() == [])
                usleep(5_000)
            }
            await flooded.pipeline.seal()
            #expect(flooded.exporter.status.keptBatches > 0)
            #expect(flooded.ledger.value(.failed, FloodedPipeline.fork) > 0)
            #expect(flooded.ledger.value(.failed, FloodedPipeline.exec) == 0)
            flooded.disk.stopFailing()
            await flooded.stop()
            #expect(try flooded.violations(isQuiet: true) == [])
            let books = try LedgerBooks(flooded.archivePath)
            #expect(books.violations == [])
            let exec = try #require(books.accounts["process_exec"])
            #expect(exec.archived == Int64(urgent) && exec.lost == 0)
            #expect(books.gapTotal("process_fork", reason: "inputOutput") > 0)
        }
    }
}
