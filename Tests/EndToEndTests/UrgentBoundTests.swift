import TapioArchive
import TapioBPF
import TapioEvents
import TapioKernel
import TapioTestSupport
import Testing

@testable import TapioAgent
@testable import TapioPipeline

extension EndToEnd {
    @Suite("The stated bound for urgent events", .timeLimit(.minutes(5)))
    struct UrgentBoundTests {
        private static let bulkBytes = MemoryLayout<tapio_process_fork>.size
        /// Far more than the bulk ring holds.
        private static let flood = 200_000
        private static let beyond = 1000

        private func flooded(urgentBytes: Int) throws -> FloodedPipeline {
            var rings = KernelPlaneConfiguration()
            rings.urgentBytes = urgentBytes
            rings.bulkBytes = 256 << 10
            return try FloodedPipeline(rings: rings, pipeline: PipelineConfiguration())
        }

        /// Ring losses in the archive's gap rows, by kind and CPU.
        private func ringGaps(_ path: String) throws -> [String: [Int: Int64]] {
            var found: [String: [Int: Int64]] = [:]
            let columns = ["kind", "ledger_entry", "ledger_kind", "ledger_reason", "ledger_cpu", "ledger_count"]
            for row in try ArchiveRows(path, columns: columns).of("_ledger")
            where row.text("ledger_entry") == "gap" && row.text("ledger_reason") == "ring_full" {
                let cpu = Int(row.int("ledger_cpu") ?? -1)
                found[row.text("ledger_kind") ?? "", default: [:]][cpu, default: 0] += row.int("ledger_count") ?? 0
            }
            return found
        }

        @Test(
            "while the reader stands still and bulk is flooded, as many urgent records as stated survive, and not one more",
            arguments: [
                // What the doctor states, then sizes that fill the ring evenly, unevenly and with the greatest record.
                (1 << 20, 504), (64 << 10, 504), (64 << 10, 505), (64 << 10, 120), (256 << 10, 8192),
            ]
        )
        func bound(ringBytes: Int, recordBytes: Int) async throws {
            let stall = RingStall(ringBytes: ringBytes, recordBytes: recordBytes, recordsPerSecond: 10_000)
            if recordBytes == 504 { #expect(stall.records == RingStall.urgent(ringBytes: ringBytes).records) }
            let flooded = try flooded(urgentBytes: ringBytes)
            let cpus = flooded.cpus
            var lostBulk = 0

            // Up to the bound: nothing urgent is lost.
            await flooded.pipeline.stallReaders(for: .seconds(120))
            for cpu in cpus {
                try flooded.emit(FloodedPipeline.fork, bytes: Self.bulkBytes, count: Self.flood / 2, cpu: cpu)
                try flooded.emit(FloodedPipeline.exec, bytes: recordBytes, count: stall.records, cpu: cpu)
                try flooded.emit(FloodedPipeline.fork, bytes: Self.bulkBytes, count: Self.flood / 2, cpu: cpu)
                #expect(try flooded.kernelCounts(FloodedPipeline.exec, cpu: cpu).ringFull == 0, "CPU \(cpu)")
                let bulk = RingStall(ringBytes: 256 << 10, recordBytes: Self.bulkBytes, recordsPerSecond: 1)
                lostBulk += bulk.lost(of: Self.flood)
            }
            #expect(try flooded.kernelCounts(FloodedPipeline.fork).ringFull == UInt64(lostBulk))
            #expect(try flooded.violations() == [])
            await flooded.pipeline.stallReaders(for: .zero)
            await flooded.pipeline.seal()
            await flooded.exporter.writeLedger()

            // Beyond it: exactly what is beyond.
            await flooded.pipeline.stallReaders(for: .seconds(120))
            for cpu in cpus {
                try flooded.emit(FloodedPipeline.fork, bytes: Self.bulkBytes, count: Self.flood, cpu: cpu)
                try flooded.emit(
                    FloodedPipeline.exec,
                    bytes: recordBytes,
                    count: stall.records + Self.beyond,
                    cpu: cpu
                )
                #expect(
                    try flooded.kernelCounts(FloodedPipeline.exec, cpu: cpu).ringFull == UInt64(Self.beyond),
                    "CPU \(cpu)"
                )
            }
            #expect(try flooded.violations() == [])
            await flooded.pipeline.stallReaders(for: .zero)
            await flooded.stop()
            #expect(try flooded.violations(isQuiet: true) == [])

            let books = try LedgerBooks(flooded.archivePath)
            #expect(books.violations == [])
            let exec = try #require(books.accounts["process_exec"])
            #expect(exec.attempted == Int64(cpus.count * (2 * stall.records + Self.beyond)))
            #expect(exec.archived == Int64(cpus.count * 2 * stall.records))
            #expect(exec.lost == Int64(cpus.count * Self.beyond))
            let gaps = try ringGaps(flooded.archivePath)
            #expect(
                gaps["process_exec"] == Dictionary(uniqueKeysWithValues: cpus.map { ($0, Int64(Self.beyond)) }),
                "\(gaps)"
            )
            #expect(gaps.keys.sorted() == ["process_exec", "process_fork"])
        }
    }
}
