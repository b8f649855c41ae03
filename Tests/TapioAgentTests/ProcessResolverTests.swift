import Synchronization
import TapioArchive
import TapioBPF
import TapioEvents
import TapioRings
import TapioTestSupport
import Testing

@testable import TapioAgent

@Suite("Who keeps the table of processes", .timeLimit(.minutes(2)))
struct ProcessResolverTests {
    private let directory = TemporaryDirectory()

    private final class Flood: Sendable {
        let isOver = Atomic<Bool>(false)
        let pushed = Atomic<UInt32>(0)
    }

    private static func exitRecord(_ pid: UInt32) -> [UInt8] {
        var record = tapio_process_exit()
        record.header.kind = UInt8(TAPIO_KIND_PROCESS_EXIT)
        record.header.pid = pid
        record.header.time_ns = 2_000_000
        record.start_ns = 1_000_000
        return withUnsafeBytes(of: record) { Array($0) }
    }

    /// Rows in the table's files.
    private func rowsWritten() throws -> Int {
        let place = "\(directory.path)/_dimensions/process/node=n"
        return try TestFile.list(place).reduce(0) { sum, name in
            let bytes = try #require(TestFile.read("\(place)/\(name)"))
            return try ParquetFile(bytes: bytes).rowGroups.reduce(sum) { $0 + Int($1.rowCount) }
        }
    }

    @Test("answers and writes though readers never let up, and loses nothing uncounted")
    func flood() async throws {
        let feed = ProcessFeed()
        let tables = FactTables(root: directory.path, node: "n", run: "r", createdBy: "test", nowUs: { 0 })
        let facts = ProcessFacts(bootID: "boot") { ClockOffset(utcMinusBootNs: 0) }
        let resolver = ProcessResolver(feed, facts: facts, tables: tables)
        async let running: Void = resolver.run()
        let flood = Flood()
        let reader = try PinnedThread(name: "reader") {
            while !flood.isOver.load(ordering: .relaxed) {
                let pid = flood.pushed.add(1, ordering: .relaxed).newValue
                Self.exitRecord(pid).withUnsafeBytes { feed.see($0.bytes) }
            }
        }
        // Until it has had too much, and has written in the midst of it.
        while await resolver.statistics.dropped == 0 {}
        while TestFile.list("\(directory.path)/_dimensions/process/node=n").isEmpty { _ = await resolver.statistics }
        flood.isOver.store(true, ordering: .relaxed)
        reader.join()
        feed.finish()
        await running
        #expect(await resolver.flush() == nil)
        let statistics = await resolver.statistics
        #expect(statistics.dropped > 0 && statistics.refusedRows == 0)
        #expect(try rowsWritten() + Int(statistics.dropped) == Int(flood.pushed.load(ordering: .relaxed)))
    }
}
