import TapioTestSupport
import Testing

@testable import TapioArchive
@testable import TapioExport

/// Against ClickHouse itself (chdb), whose HTTP interface is the test's.
@Suite("Export: ClickHouse")
struct ClickHouseTests {
    private static let password = "the-password"
    private let place = TemporaryDirectory()
    private let server: ExportServer

    init() throws {
        server = try .clickHouse(in: place, user: "writer", password: Self.password)
        TestFile.write(place.file("password"), Self.password + "\n")
    }

    private var settings: ClickHouseSettings {
        var settings = ClickHouseSettings(url: server.url + "/")
        settings.user = "writer"
        settings.passwordFile = place.file("password")
        return settings
    }

    private func start(
        _ archive: ExportedArchive,
        _ settings: ClickHouseSettings? = nil,
        environment: [String: String] = [:]
    ) -> RunningExporter {
        let settings = settings ?? self.settings
        return RunningExporter { tell in
            SegmentExporter(
                .clickHouse(settings),
                pace: .fast,
                source: archive.source,
                environment: environment,
                tell: tell
            )
        }
    }

    private let counts = "SELECT count(), sum(seq), uniqExact(seq), any(node) FROM tapio_events"

    @Test("the table is made, and has the archive's rows, each as it was, with the node's name")
    func rows() async throws {
        let archive = try ExportedArchive()
        for hour in [0, 1, 13] as [Int64] { try archive.seal(rows: 100, groups: 2, hour: hour) }
        let running = start(archive)
        #expect(running.awaitSent(3), "\(running.status)")
        await running.cancel()
        #expect(running.status.sentRows == 600 && running.status.errors == [:])
        #expect(try server.rows(counts) == [["600", "\(600 * 599 / 2)", "600", "n1"]])
        let columns = "toUnixTimestamp64Micro(ts), kind, seq, comm"
        let found = try server.rows("SELECT \(columns) FROM tapio_events ORDER BY seq")
        let expected = (0..<600).map { row in
            let hour = [0, 1, 13][row / 200]
            let ts = (ExportedArchive.noonNs + Int64(hour) * ExportedArchive.hourNs) / 1000 + Int64(row % 100)
            return ["\(ts)", "exec", "\(row)", row % 100 % 3 == 0 ? "\\N" : "bash\\t\\'x\\'"]
        }
        #expect(found == expected)
        let types = try server.rows("SELECT name, type FROM system.columns WHERE table = 'tapio_events'")
        #expect(
            types == [
                ["node", "LowCardinality(String)"], ["ts", "DateTime64(6, \\'UTC\\')"],
                ["kind", "LowCardinality(String)"],
                ["seq", "Int64"], ["comm", "Nullable(String)"],
            ]
        )
    }

    @Test("a segment that is sent twice is there once: an answer that was lost, a position that was lost")
    func once() async throws {
        let archive = try ExportedArchive()
        // More rows than a block of the server has: each block has to be recognised.
        try archive.seal(rows: 300_000, groups: 5)
        try server.fault(["contains": "INSERT", "mode": "lose", "count": 2])
        let running = start(archive)
        #expect(running.awaitSent(1), "\(running.status)")
        #expect(Array(running.status.errors.keys) == ["broken"])
        let expected = [["1500000", "\(1_500_000 * 1_499_999 / 2)", "1500000", "n1"]]
        #expect(try server.rows(counts) == expected)
        await running.cancel()
        TestFile.removeTree(archive.position("clickhouse"))
        let again = start(archive)
        #expect(again.awaitSent(1), "\(again.status)")
        #expect(try server.rows(counts) == expected)
        let inserts = try server.requests().filter { $0.target.contains("INSERT") }
        let name = try #require(archive.archive.segments.first?.name)
        #expect(inserts.count == 4)
        #expect(inserts.allSatisfy { $0.target.contains("insert_deduplication_token=n1%2F\(name)") })
        #expect(Int64(inserts[0].length) == archive.archive.segments[0].bytes)
    }

    @Test("columns that come later are added; where that is not wanted, they are named")
    func columns() async throws {
        let archive = try ExportedArchive()
        try archive.seal(rows: 100)
        let first = start(archive)
        #expect(first.awaitSent(1), "\(first.status)")
        let later = try ExportedArchive(extra: "bytes")
        try later.seal(rows: 10, hour: 1)
        var strict = settings
        strict.createsTable = false
        let refused = start(later, strict)
        #expect(refused.wait { $0.errors["missing", default: 0] >= 1 })
        #expect(refused.status.lastError?.contains("lacks columns: bytes") == true, "\(refused.status)")
        await refused.cancel()
        let running = start(later)
        #expect(running.awaitSent(1), "\(running.status)")
        #expect(try server.rows("SELECT count(), sum(bytes) FROM tapio_events") == [["110", "45"]])
        strict.table = "other"
        let missing = start(later, strict)
        #expect(missing.wait { $0.errors["missing", default: 0] >= 1 })
        #expect(missing.status.lastError?.contains("there is no table") == true)
    }

    @Test("a table that is dropped meanwhile is made again")
    func dropped() async throws {
        let archive = try ExportedArchive()
        try archive.seal(rows: 10)
        let running = start(archive)
        #expect(running.awaitSent(1))
        try server.command("query", ["text": "DROP TABLE tapio_events SYNC"])
        try archive.seal(rows: 20)
        #expect(running.awaitSent(2), "\(running.status)")
        #expect(running.status.errors == ["missing": 1])
        #expect(try server.rows("SELECT count() FROM tapio_events") == [["20"]])
    }

    @Test(
        "whatever the server does, the rows arrive in the end, once, and the failure is counted under its name",
        arguments: [
            (["mode": "status", "status": 500], .server),
            (["mode": "status", "status": 429, "headers": ["Retry-After": "1"]], .throttled),
            (["mode": "status", "status": 500, "body": "Code: 252. DB::Exception: Too many parts"], .throttled),
            (["mode": "status", "status": 200, "body": "Code: 241. DB::Exception: Memory limit"], .throttled),
            (["mode": "status", "status": 500, "body": "Code: 33. DB::Exception: Cannot read all data"], .refused),
            (["mode": "status", "status": 200, "body": "<html>hello</html>"], .answer),
            (["mode": "garbage"], .answer), (["mode": "cut"], .broken), (["mode": "lose"], .broken),
            (["mode": "hang"], .timeout),
        ] as [([String: any Sendable], ExportFailure.Kind)]
    )
    func failures(fault: [String: any Sendable], kind: ExportFailure.Kind) async throws {
        let archive = try ExportedArchive()
        try archive.seal(rows: 10)
        try server.fault(fault.merging(["contains": "INSERT", "count": 2] as [String: any Sendable]) { $1 })
        var settings = settings
        settings.stallMs = 1000
        let running = start(archive, settings)
        #expect(running.awaitSent(1), "\(running.status)")
        await running.cancel()
        // An answer that is lost on a connection that was used before is asked for again at once: that is no failure yet.
        #expect(Array(running.status.errors.keys) == [kind.rawValue], "\(running.status)")
        #expect(try server.rows("SELECT count() FROM tapio_events") == [["10"]])
    }

    @Test("a password that is wrong or missing is named, not shown; it may come from the environment")
    func password() async throws {
        let archive = try ExportedArchive()
        try archive.seal(rows: 10)
        TestFile.write(place.file("wrong"), "not-the-password")
        var settings = settings
        settings.passwordFile = place.file("wrong")
        let wrong = start(archive, settings)
        #expect(wrong.wait { $0.errors["credentials", default: 0] >= 2 })
        let error = wrong.status.lastError ?? ""
        #expect(
            error.contains("516") && error.contains("export.clickhouse.user") && !error.contains("not-the"),
            "\(error)"
        )
        // Replaced where it lies: no reload is needed.
        TestFile.write(place.file("wrong"), Self.password)
        #expect(wrong.awaitSent(1))
        await wrong.cancel()
        settings.passwordFile = nil
        settings.passwordVariable = "CH_PASSWORD"
        settings.database = "default"
        settings.table = "second"
        let none = start(archive, settings)
        #expect(none.wait { $0.errors["credentials", default: 0] >= 1 })
        await none.cancel()
        let right = start(archive, settings, environment: ["CH_PASSWORD": Self.password])
        #expect(right.awaitSent(1), "\(right.status)")
    }

    @Test("a damaged segment that the server refuses is passed over, counted and told; a whole one never is")
    func damaged() async throws {
        let archive = try ExportedArchive()
        let bad = try archive.seal(rows: 1000, isRandom: true)
        try archive.seal(rows: 10, hour: 1)
        let path = archive.directory.file("node=\(ExportedArchive.node)/\(bad.relativePath)")
        var bytes = try #require(TestFile.read(path))
        for offset in 2000..<4000 { bytes[offset] ^= 0x55 }
        TestFile.write(path, bytes)
        let running = start(archive)
        #expect(running.wait { $0.sentSegments == 1 && $0.waitingSegments == 0 }, "\(running.status)")
        #expect(running.status.lostRows == 1000 && running.news.lost == [.damaged: 1000])
        await running.cancel()
        try archive.seal(rows: 5, hour: 2)
        try server.fault([
            "contains": "INSERT", "mode": "status", "status": 500, "body": "Code: 33. DB::Exception: no", "count": 12,
        ])
        let whole = start(archive)
        #expect(whole.awaitSent(1), "\(whole.status)")
        #expect(whole.status.errors == ["refused": 12] && whole.status.lostSegments == 0)
    }
}

/// An archive with one segment of 100 rows.
