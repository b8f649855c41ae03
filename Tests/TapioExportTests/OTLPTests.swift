import TapioTestSupport
import Testing

@testable import TapioArchive
@testable import TapioExport

/// Against a receiver that decodes with the protocol's own definition.
@Suite("Export: OTLP logs")
struct OTLPTests {
    private let server: ExportServer

    init() throws {
        server = try .otlp()
    }

    private var settings: OTLPSettings { OTLPSettings(endpoint: server.url + "/") }

    private func start(
        _ source: ExportSource,
        _ settings: OTLPSettings? = nil,
        environment: [String: String] = [:]
    ) -> RunningExporter {
        let settings = settings ?? self.settings
        return RunningExporter { tell in
            SegmentExporter(.otlp(settings), pace: .fast, source: source, environment: environment, tell: tell)
        }
    }

    /// The sequence numbers in the order in which they came.
    private func sequences() throws -> [Int64] {
        let rows = try server.command("rows", ["fields": ["tapio.seq"]])["rows"] as? [[String]] ?? []
        return rows.compactMap { Int64($0[0]) }
    }

    private func rows(_ fields: [String]) throws -> [[String]] {
        let rows = try server.command("rows", ["fields": fields])["rows"] as? [[Any]] ?? []
        return rows.map { $0.map { $0 as? String ?? "-" } }
    }

    private func batches() throws -> [[Int]] { try server.command("batches")["batches"] as? [[Int]] ?? [] }

    @Test("each row is a record: time, severity, name, and its columns as attributes, by the names of the conventions")
    func fields() async throws {
        let archive = try WideArchive()
        let row = WideArchive.row
        try archive.seal([
            row(
                1,
                "process_exit",
                "high",
                [
                    "pid": .integer(4711), "uid": .integer(4_294_967_295), "comm": .text("bash\t'x' ü"),
                    "start_ts": .integer(ExportedArchive.noonNs / 1000 - 1), "exit_code": .integer(-1),
                    "exe": .text(String(repeating: "/long", count: 100)), "duration_ns": .integer(.max),
                ]
            ),
            row(
                2,
                "tcp_connect",
                "normal",
                [
                    "src_addr": .text("10.0.0.1"), "dst_addr": .text("fe80::1"), "dst_port": .integer(443),
                    "ip_version": .integer(6), "error": .text("ECONNREFUSED"), "container_id": .text("abc"),
                    "pod": .text("web-0"), "namespace": .text("shop"),
                ]
            ),
            row(3, "flow", "low", ["protocol": .text("icmp"), "ip_version": .integer(4)]),
            row(4, "oom_kill", "critical", ["ip_version": .integer(5), "comm": .text("")]),
            row(5, "_ledger", "critical", ["ledger_entry": .text("interval"), "ledger_ring_full": .integer(0)]),
            row(6, "_ledger", "critical", ["ledger_entry": .text("interval"), "ledger_ring_full": .integer(7)]),
            row(7, "_ledger", "critical", ["ledger_entry": .text("gap")]),
            row(8, "_ledger", "critical", ["ledger_entry": .text("retention"), "ledger_stage": .text("archive")]),
            row(9, "_ledger", "critical", ["ledger_entry": .text("retention"), "ledger_stage": .text("export")]),
        ])
        let running = start(ExportSource(archive.archive))
        #expect(running.awaitSent(1), "\(running.status)")
        #expect(running.status.sentRows == 9 && running.status.errors == [:] && running.status.lostRows == 0)

        let base = [
            "time_unix_nano", "observed_time_unix_nano", "severity_number", "severity_text", "body", "event_name",
        ]
        let noon = ExportedArchive.noonNs
        let expected: [(Int64, String, String, String)] = [
            (1, "10", "high", "process_exit"), (2, "9", "normal", "tcp_connect"), (3, "5", "low", "flow"),
            (4, "17", "critical", "oom_kill"), (5, "9", "critical", "_ledger"), (6, "13", "critical", "_ledger"),
            (7, "13", "critical", "_ledger"), (8, "9", "critical", "_ledger"), (9, "13", "critical", "_ledger"),
        ]
        #expect(
            try rows(base)
                == expected.map { number, severity, priority, kind in
                    let time = "\(noon + number * 1001)"
                    return [time, time, severity, priority, kind, kind]
                }
        )
        let process = [
            "process.pid", "process.real_user.id", "thread.name", "process.creation.time", "process.exit.code",
            "process.executable.path", "tapio.duration_ns", "tapio.weight", "tapio.never", "network.transport",
        ]
        #expect(
            try rows(process)[0] == [
                "4711", "4294967295", "bash\t'x' ü", "2026-03-01T11:59:59.999999Z", "-1",
                String(repeating: "/long", count: 100), "9223372036854775807", "2.5", "-", "-",
            ]
        )
        let network = [
            "source.address", "destination.address", "destination.port", "network.type", "network.transport",
            "error.type", "container.id", "k8s.pod.name", "k8s.namespace.name", "process.pid",
        ]
        #expect(
            try rows(network)[1] == [
                "10.0.0.1", "fe80::1", "443", "ipv6", "tcp", "ECONNREFUSED", "abc", "web-0", "shop", "-",
            ]
        )
        #expect(try rows(["network.type", "network.transport"])[2] == ["ipv4", "icmp"])
        // A number that stands for no word is no attribute; an empty text is one.
        #expect(try rows(["network.type", "thread.name"])[3] == ["-", ""])
        #expect(try rows(["tapio.ledger_ring_full", "tapio.ledger_entry"])[5] == ["7", "interval"])
        // What the record says itself is no attribute too.
        #expect(try rows(["tapio.ts", "tapio.ts_sub_ns", "tapio.kind", "tapio.priority"])[0] == ["-", "-", "-", "-"])

        let whose = try server.command("resource")
        #expect(
            whose["resource"] as? [String: String] == [
                "service.name": "tapio", "service.version": "1.2.3", "service.instance.id": "run-1", "host.name": "n1",
                "tapio.boot_id": "0a1b2c3d-0000-0000-0000-000000000000",
            ]
        )
        #expect(whose["scope"] as? [String] == ["tapio", "1.2.3"])
    }

    @Test(
        "every row arrives once and in order, in batches no larger than they may be, however they are compressed",
        arguments: BodyCompression.allCases
    )
    func batching(compression: BodyCompression) async throws {
        let archive = try ExportedArchive()
        for hour in [0, 1] as [Int64] { try archive.seal(rows: 1000, groups: 2, hour: hour) }
        var settings = settings
        settings.compression = compression
        settings.batchRows = 300
        let running = start(archive.source, settings, environment: ["KUBERNETES_SERVICE_HOST": "10.0.0.1"])
        #expect(running.awaitSent(2), "\(running.status)")
        #expect(try sequences() == Array(0..<4000))
        #expect(try batches().map { $0[0] } == Array(repeating: [300, 300, 300, 100], count: 4).flatMap(\.self))
        let sent = try batches()
        #expect(sent.allSatisfy { compression == .none ? $0[2] == $0[1] : $0[2] * 2 < $0[1] })
        #expect(running.status.sentBytes == UInt64(sent.reduce(0) { $0 + $1[2] }))
        let resource = try server.command("resource")["resource"] as? [String: String]
        #expect(resource?["k8s.node.name"] == "n1")
        await running.cancel()
        // By bytes: a record has about a hundred.
        try archive.seal(rows: 1000, hour: 2)
        settings.batchRows = 100_000
        settings.batchBytes = 10_000
        let again = start(archive.source, settings)
        #expect(again.awaitSent(1), "\(again.status)")
        #expect(try sequences() == Array(0..<5000))
        let bytes = try batches().dropFirst(16).map { $0[1] }
        #expect(bytes.count > 5 && bytes.allSatisfy { $0 < 11_000 } && bytes.dropLast().allSatisfy { $0 > 9_000 })
    }

    @Test("ended in the midst and started again, it goes on behind the last batch that was acknowledged")
    func resumes() async throws {
        let archive = try ExportedArchive()
        try archive.seal(rows: 1000, groups: 3)
        var settings = settings
        settings.batchRows = 400
        // Four batches arrive; of the fifth only the answer is lost. Then nothing more gets through.
        try server.fault(["contains": "/v1/logs", "mode": "lose", "skip": 4])
        try server.fault(["contains": "/v1/logs", "mode": "hang", "skip": 4, "count": 1000, "seconds": 60])
        settings.stallMs = 1000
        let first = start(archive.source, settings)
        #expect(first.wait { !$0.errors.isEmpty }, "\(first.status)")
        await first.cancel()
        let position = try #require(try ExportPositionFile(archive.source, exporter: "otlp").load())
        #expect(position.part?.rows == ExportPosition.Rows(group: 1, row: 400), "\(position)")
        try server.command("clear")
        let second = start(archive.source, settings)
        #expect(second.awaitSent(1), "\(second.status)")
        let arrived = try sequences()
        #expect(Set(arrived) == Set(0..<3000))
        // The fifth batch has 400 rows, and it alone may be there twice.
        #expect(arrived.count <= 3400 && arrived.count > 3000)
        #expect(second.status.sentRows == 1600)
    }

    @Test(
        "whatever the receiver does, every row arrives in the end, and the failure is counted under its name",
        arguments: [
            (["mode": "status", "status": 500], .server), (["mode": "status", "status": 502], .server),
            (["mode": "status", "status": 504], .server), (["mode": "status", "status": 503], .throttled),
            (["mode": "status", "status": 429, "headers": ["Retry-After": "1"]], .throttled),
            (["mode": "status", "status": 401], .credentials), (["mode": "status", "status": 404], .missing),
            (["mode": "status", "status": 415], .refused), (["mode": "status", "status": 302], .answer),
            (["mode": "status", "status": 200, "body": "<html>hello</html>"], .answer),
            (["mode": "garbage"], .answer), (["mode": "cut"], .broken), (["mode": "lose"], .broken),
            (["mode": "hang"], .timeout),
        ] as [([String: any Sendable], ExportFailure.Kind)]
    )
    func failures(fault: [String: any Sendable], kind: ExportFailure.Kind) async throws {
        let archive = try ExportedArchive()
        try archive.seal(rows: 10)
        try server.fault(fault.merging(["count": 2] as [String: any Sendable]) { $1 })
        var settings = settings
        settings.stallMs = 1000
        let running = start(archive.source, settings)
        #expect(running.awaitSent(1), "\(running.status)")
        await running.cancel()
        #expect(Array(running.status.errors.keys) == [kind.rawValue], "\(running.status)")
        #expect(running.news.failures == [kind] && running.news.recoveries == 1)
        #expect(Set(try sequences()) == Set(0..<10) && running.status.lostRows == 0)
    }

    @Test("a server that takes not even an empty request costs no row: it is taken for another server")
    func wrongServer() async throws {
        let archive = try ExportedArchive()
        try archive.seal(rows: 10)
        try server.fault(["mode": "status", "status": 400, "body": "speak TLS", "count": 9])
        let running = start(archive.source)
        #expect(running.awaitSent(1), "\(running.status)")
        #expect(running.status.errors == ["refused": 3] && running.status.lostRows == 0)
        #expect(running.status.lastError?.contains("speak TLS; an empty request is refused too") == true)
        #expect(try sequences() == Array(0..<10))
    }

    @Test("rows that the receiver takes out of a request are counted, told once with its reason, and not sent again")
    func rejected() async throws {
        let archive = try ExportedArchive()
        try archive.seal(rows: 10)
        try server.command("limit", ["reject": 3])
        let running = start(archive.source)
        #expect(running.awaitSent(1), "\(running.status)")
        #expect(running.status.sentRows == 7 && running.status.lostRows == 3)
        #expect(running.status.refusedRows == ["rejected": 3] && running.status.errors == [:])
        #expect(running.news.lostRows == [.rejected: 3])
        #expect(running.news.notices == ["3 rows were rejected: older than a day"])
        try server.command("limit", ["reject": 2])
        try archive.seal(rows: 10, hour: 1)
        #expect(running.awaitSent(2))
        #expect(running.status.refusedRows == ["rejected": 5] && running.news.notices.count == 1)
        #expect(try sequences() == Array(0..<20))
    }

    @Test("a request that is refused for one of its rows costs that row's neighbourhood, and nothing else")
    func poison() async throws {
        let archive = try ExportedArchive()
        try archive.seal(rows: 1000)
        try server.command("limit", ["poison": 700])
        let running = start(archive.source)
        #expect(running.awaitSent(1), "\(running.status)")
        let arrived = try sequences()
        let lost = Set(0..<1000).subtracting(arrived)
        #expect(lost.contains(700) && lost.count <= 32 && arrived.count == 1000 - lost.count)
        #expect(running.status.refusedRows == ["refused": UInt64(lost.count)])
        #expect(
            running.status.lostRows == UInt64(lost.count) && running.news.lostRows == [.refused: UInt64(lost.count)]
        )
        #expect(running.news.notices.count == 1 && running.news.notices[0].contains("poison"))
    }

    @Test("a request that is too large is sent in parts; a single row that is, is lost")
    func tooLarge() async throws {
        let archive = try WideArchive()
        let long = String(repeating: "x", count: 20_000)
        try archive.seal(
            (0..<100).map { WideArchive.row($0, "process_exec", "high", $0 == 42 ? ["exe": .text(long)] : [:]) }
        )
        try server.command("limit", ["bytes": 5000])
        let running = start(ExportSource(archive.archive))
        #expect(running.awaitSent(1), "\(running.status)")
        #expect(try sequences() == Array(0..<100).filter { $0 != 42 })
        #expect(running.status.refusedRows == ["too_large": 1] && running.news.lostRows == [.tooLarge: 1])
    }

    @Test("a row group that is damaged is passed over and counted; the others arrive")
    func damaged() async throws {
        let archive = try ExportedArchive()
        let facts = try archive.seal(rows: 1000, groups: 3, isRandom: true)
        let path = archive.directory.file("node=\(ExportedArchive.node)/\(facts.relativePath)")
        var bytes = try #require(TestFile.read(path))
        for offset in bytes.count / 2..<bytes.count / 2 + 100 { bytes[offset] ^= 0x55 }
        TestFile.write(path, bytes)
        let running = start(archive.source)
        #expect(running.awaitSent(1), "\(running.status)")
        #expect(running.status.sentRows == 2000 && running.status.refusedRows == ["damaged": 1000])
        #expect(running.news.lostRows == [.damaged: 1000] && running.status.errors == [:])
        #expect(try sequences().count == 2000)
    }

    @Test("a token that is wrong is named, not shown, and one that is put right counts at once")
    func token() async throws {
        let strict = try ExportServer.otlp(authorization: "Bearer the-right-token")
        let place = TemporaryDirectory()
        let file = place.file("headers")
        TestFile.write(file, "# for the receiver\nAuthorization: Bearer the-wrong-token\n\nX-Scope: a b\n")
        let archive = try ExportedArchive()
        try archive.seal(rows: 10)
        var settings = OTLPSettings(endpoint: strict.url)
        settings.headersFile = file
        let running = start(archive.source, settings)
        #expect(running.wait { $0.errors["credentials", default: 0] >= 2 })
        // The server says again what it was told.
        let error = running.status.lastError ?? ""
        #expect(error.contains("HTTP 401: no right to this: …") && error.contains("headers_file"), "\(error)")
        TestFile.write(file, "Authorization: Bearer the-right-token\r\nX-Evil: a\u{1}b\n")
        let hasRefused = running.wait { $0.lastError?.contains("the value of X-Evil has a control character") == true }
        #expect(hasRefused)
        TestFile.write(file, "Authorization: Bearer the-right-token\r\nX-Scope: a b\n")
        #expect(running.awaitSent(1), "\(running.status)")
        await running.cancel()
        let requests = try strict.requests()
        #expect(requests.allSatisfy { $0.headers["x-scope"] == "a b" && $0.headers["content-encoding"] == "gzip" })
        #expect(running.news.failures == [.credentials])

        settings.headersFile = nil
        settings.headersVariable = "OTLP_HEADERS"
        try archive.seal(rows: 10, hour: 1)
        let none = start(archive.source, settings)
        #expect(none.wait { $0.lastError?.contains("variable OTLP_HEADERS has no headers") == true })
        await none.cancel()
        let variable = ["OTLP_HEADERS": "authorization=Bearer%20the-right-token, x-scope=b"]
        let right = start(archive.source, settings, environment: variable)
        #expect(right.awaitSent(1), "\(right.status)")
    }

    @Test("TLS of both sides; an authority, a certificate or a key that is wrong is one line, and mended where it lies")
    func tls() async throws {
        let certificates = try TestCertificates()
        let strict = try ExportServer.otlp(certificates: certificates)
        let archive = try ExportedArchive()
        try archive.seal(rows: 10)
        var settings = OTLPSettings(endpoint: "https://127.0.0.1:\(strict.port)")
        settings.caFile = certificates.authority
        let unknown = start(archive.source, settings)
        // TLS 1.3 tells it only once the request is under way.
        #expect(unknown.wait { !$0.errors.isEmpty }, "\(unknown.status)")
        #expect(unknown.status.sentRows == 0)
        await unknown.cancel()

        let place = TemporaryDirectory()
        TestFile.write(place.file("key"), "no key")
        settings.clientCertificate = certificates.client
        settings.clientKey = place.file("key")
        let running = start(archive.source, settings)
        #expect(running.wait { $0.errors["tls", default: 0] >= 1 }, "\(running.status)")
        #expect(running.status.lastError?.contains("the client's certificate and key") == true, "\(running.status)")
        TestFile.write(place.file("key"), try #require(TestFile.read(certificates.clientKey)))
        #expect(running.awaitSent(1), "\(running.status)")
        #expect(
            try strict.command("rows", ["fields": ["tapio.seq"]])["rows"] as? [[String]] == (0..<10).map { ["\($0)"] }
        )
        await running.cancel()

        try archive.seal(rows: 10, hour: 1)
        settings.caFile = nil
        let distrusting = start(archive.source, settings)
        #expect(distrusting.wait { $0.errors["tls", default: 0] >= 1 }, "\(distrusting.status)")
        #expect(distrusting.status.lastError?.contains("CA file") == true, "\(distrusting.status)")
    }

    @Test("one that hangs is alone: another of the same archive goes on")
    func isolation() async throws {
        let archive = try ExportedArchive()
        let other = try ExportServer.otlp()
        let place = OTLPSettings(endpoint: other.url)
        try server.fault(["mode": "hang", "count": 1000, "seconds": 60])
        let stuck = start(archive.source)
        let running = RunningExporter { tell in
            SegmentExporter(
                name: "other",
                source: archive.source,
                pace: .fast,
                tell: tell,
                make: { OTLPLogTarget(place, environment: [:], connection: $0) }
            )
        }
        for hour in 0..<5 as Range<Int64> { try archive.seal(rows: 10, hour: hour) }
        #expect(running.awaitSent(5), "\(running.status)")
        #expect(stuck.status.sentSegments == 0 && stuck.status.waitingSegments == 5)
        await stuck.cancel()
    }
}
