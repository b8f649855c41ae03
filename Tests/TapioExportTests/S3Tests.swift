import TapioTestSupport
import Testing

@testable import TapioArchive
@testable import TapioExport

/// Against moto, which stands behind a way on which things go wrong.
@Suite("Export: S3")
struct S3Tests {
    private static let bucket = "events"
    private static let keys = ["AWS_ACCESS_KEY_ID": "id", "AWS_SECRET_ACCESS_KEY": "the-secret-key"]
    private let server: ExportServer

    init() throws {
        server = try .s3()
        try server.command("bucket", ["name": Self.bucket])
    }

    private var settings: S3Settings {
        var settings = S3Settings(bucket: Self.bucket)
        settings.endpoint = server.url
        settings.region = "eu-central-1"
        return settings
    }

    private func start(
        _ archive: ExportedArchive,
        _ settings: S3Settings? = nil,
        environment: [String: String] = keys,
        pace: SegmentExporter.Pace = .fast
    ) -> RunningExporter {
        let settings = settings ?? self.settings
        return RunningExporter { tell in
            SegmentExporter(.s3(settings), pace: pace, source: archive.source, environment: environment, tell: tell)
        }
    }

    @Test("each segment arrives under its own path, byte for byte, and other readers find it by partition")
    func arrives() async throws {
        let archive = try ExportedArchive()
        for hour in 0..<3 as Range<Int64> { try archive.seal(rows: 100, hour: hour) }
        var settings = settings
        settings.prefix = "fleet/a b+c"
        let running = start(archive, settings)
        #expect(running.awaitSent(3), "\(running.status)")
        try archive.seal(rows: 7, hour: 3)
        #expect(running.awaitSent(4), "\(running.status)")
        let status = running.status
        #expect(status.sentRows == 307 && status.errors == [:] && status.lostSegments == 0)
        #expect(status.sentBytes == UInt64(archive.archive.segments.reduce(0) { $0 + $1.bytes }))

        let expected = try archive.digests().map { ("fleet/a b+c/\($0.key)", $0.value) }
        #expect(try server.objects(Self.bucket) == Dictionary(uniqueKeysWithValues: expected))
        let place = TemporaryDirectory()
        try server.command("download", ["name": Self.bucket, "folder": place.path])
        let found = try server.command("read", ["folder": place.file("fleet/a b+c")])
        #expect(found["duckdb"] as? [[String]] == [["n1", "307", "12"]])
        #expect(found["pyarrow"] as? Int == 307)
    }

    @Test("the dimension tables lie beside the segments, and go again only when they have changed")
    func companions() async throws {
        let archive = try ExportedArchive()
        let table = archive.directory.file("_dimensions/pod/node=n1")
        _ = try PosixFileSystem().makeDirectories(table)
        TestFile.write(table + "/h-1-0000.pq", "PAR1 one")
        TestFile.write(table + "/h-1-0001.pq.new", "not yet")
        var pace = SegmentExporter.Pace.fast
        pace.companions = .zero
        let running = start(archive, pace: pace)
        let key = "_dimensions/pod/node=n1/h-1-0000.pq"
        let deadline = Deadline(seconds: 30)
        while try server.objects(Self.bucket).isEmpty, !deadline.isOver {}
        #expect(try server.objects(Self.bucket) == [key: Digest(Array("PAR1 one".utf8)).hexadecimal])
        try archive.seal()
        #expect(running.awaitSent(1))
        await running.cancel()
        #expect(try server.requests().filter { $0.method == "PUT" && $0.target.contains("_dimensions") }.count == 1)
    }

    @Test("a restart goes on where it was; another place gets everything")
    func restart() async throws {
        let archive = try ExportedArchive()
        try archive.seal()
        try archive.seal()
        let first = start(archive)
        #expect(first.awaitSent(2))
        await first.cancel()
        #expect(first.status.state == .stopped)
        let third = try archive.seal()
        _ = try server.requests()
        let second = start(archive)
        #expect(second.wait { $0.sentSegments == 1 && $0.waitingSegments == 0 && $0.state == .idle })
        await second.cancel()
        let puts = try server.requests().filter { $0.method == "PUT" }
        #expect(puts.count == 1 && puts[0].target.contains("\(third.name)"))

        var other = settings
        other.prefix = "other"
        let elsewhere = start(archive, other)
        #expect(elsewhere.awaitSent(3))
        #expect(elsewhere.news.notices.count == 1)
        await elsewhere.cancel()

        // A damaged position is as good as none: everything goes again, to the same keys.
        TestFile.write(archive.position("s3"), "{\"version\":1")
        let again = start(archive, other)
        #expect(again.awaitSent(3))
        #expect(again.news.notices.count == 1)
        #expect(try server.objects(Self.bucket).count == 6)
    }

    @Test("a large file goes in parts; after a restart in their midst only the missing ones are sent")
    func parts() async throws {
        let archive = try ExportedArchive()
        let facts = try archive.seal(rows: 450_000, groups: 4, isRandom: true)
        var settings = settings
        settings.partBytes = 5 << 20
        #expect(facts.bytes > 2 * settings.partBytes && facts.bytes < 3 * settings.partBytes)
        try server.fault(["method": "PUT", "contains": "partNumber=3", "mode": "status", "status": 500, "count": 1000])
        let first = start(archive, settings)
        #expect(first.wait { $0.errors["server", default: 0] >= 2 }, "\(first.status)")
        await first.cancel()
        // What failed in the same process did not send the first parts again either.
        #expect(try server.requests().filter { $0.target.contains("partNumber=1&") }.count == 1)
        try server.command("clear")

        let second = start(archive, settings)
        #expect(second.awaitSent(1), "\(second.status)")
        await second.cancel()
        let requests = try server.requests()
        let sent = requests.filter { $0.method == "PUT" }
        #expect(sent.count == 1 && sent.allSatisfy { $0.target.contains("partNumber=3") }, "\(requests.map(\.target))")
        #expect(try server.objects(Self.bucket) == archive.digests())
        #expect(second.status.sentBytes == UInt64(facts.bytes - 2 * settings.partBytes))
    }

    @Test("who may not list an upload's parts begins it anew")
    func unlistable() async throws {
        let archive = try ExportedArchive()
        try archive.seal(rows: 250_000, groups: 4, isRandom: true)
        var settings = settings
        settings.partBytes = 5 << 20
        try server.fault(["method": "PUT", "contains": "partNumber=2", "mode": "status", "status": 500])
        let denied = "<Error><Code>AccessDenied</Code></Error>"
        try server.fault([
            "method": "GET", "contains": "uploadId", "mode": "status", "status": 403, "body": denied, "count": 100,
        ])
        let running = start(archive, settings)
        #expect(running.awaitSent(1), "\(running.status)")
        await running.cancel()
        #expect(running.news.failures == [.server])
        #expect(try server.objects(Self.bucket) == archive.digests())
        let left = try server.command("uploads", ["name": Self.bucket])["uploads"] as? [String]
        #expect(left == [])
    }

    @Test("an upload that the store has forgotten begins anew; one whose segment is gone is aborted")
    func forgotten() async throws {
        let archive = try ExportedArchive()
        try archive.seal(rows: 250_000, groups: 4, isRandom: true)
        var settings = settings
        settings.partBytes = 5 << 20
        try server.fault(["method": "PUT", "contains": "partNumber=2", "mode": "status", "status": 500, "count": 1000])
        let first = start(archive, settings)
        #expect(first.wait { $0.errors["server", default: 0] >= 1 }, "\(first.status)")
        await first.cancel()
        try server.command("clear")
        let gone = "<Error><Code>NoSuchUpload</Code><Message>It is not there</Message></Error>"
        try server.fault(["method": "GET", "contains": "uploadId", "mode": "status", "status": 404, "body": gone])
        // A 200 whose body is an error: S3 sends the head first.
        let failed = "<Error><Code>InternalError</Code></Error>"
        try server.fault(["method": "POST", "contains": "uploadId", "mode": "status", "status": 200, "body": failed])
        let second = start(archive, settings)
        #expect(second.awaitSent(1), "\(second.status)")
        #expect(second.news.failures == [.server])
        await second.cancel()
        #expect(try server.objects(Self.bucket) == archive.digests())

        try server.fault(["method": "PUT", "contains": "partNumber=2", "mode": "status", "status": 500, "count": 1000])
        try archive.seal(rows: 250_000, groups: 4, isRandom: true)
        let third = start(archive, settings)
        #expect(third.wait { $0.errors["server", default: 0] >= 1 }, "\(third.status)")
        await third.cancel()
        try archive.seal(rows: 1)
        #expect(archive.removeAllButNewest().count == 2)
        try server.command("clear")
        _ = try server.requests()
        let fourth = start(archive, settings)
        #expect(fourth.awaitSent(1), "\(fourth.status)")
        await fourth.cancel()
        #expect(try server.requests().filter { $0.method == "DELETE" }.count == 1)
    }

    @Test(
        "whatever the store does, the segment arrives in the end, and the failure is counted under its name",
        arguments: [
            (["mode": "status", "status": 500], .server), (["mode": "status", "status": 503], .throttled),
            (["mode": "status", "status": 429, "headers": ["Retry-After": "1"]], .throttled),
            (["mode": "status", "status": 400, "body": "<Error><Code>BadDigest</Code></Error>"], .checksum),
            (["mode": "status", "status": 200, "body": "hello"], .answer),
            (["mode": "status", "status": 200, "headers": ["ETag": "x", "x-amz-checksum-sha256": "eA=="]], .checksum),
            (["mode": "status", "status": 307, "headers": ["Location": "http://127.0.0.1:1/"]], .answer),
            (["mode": "garbage"], .answer), (["mode": "cut"], .broken), (["mode": "lose"], .broken),
            (["mode": "hang"], .timeout),
        ] as [([String: any Sendable], ExportFailure.Kind)]
    )
    func failures(fault: [String: any Sendable], kind: ExportFailure.Kind) async throws {
        let archive = try ExportedArchive()
        try archive.seal()
        try server.fault(fault.merging(["method": "PUT", "count": 2] as [String: any Sendable]) { $1 })
        var settings = settings
        settings.stallMs = 1000
        let running = start(archive, settings)
        #expect(running.awaitSent(1), "\(running.status)")
        await running.cancel()
        #expect(running.status.errors == [kind.rawValue: 2], "\(running.status)")
        #expect(running.status.retries == 2 && running.status.failuresInARow == 0)
        // Told once, and that it is over.
        #expect(running.news.failures == [kind] && running.news.recoveries == 1)
        #expect(try server.objects(Self.bucket) == archive.digests())
    }

    @Test("a store that nobody finds, or that refuses, is tried until it is there")
    func refused() async throws {
        let archive = try ExportedArchive()
        try archive.seal()
        try server.command("close")
        let running = start(archive)
        #expect(running.wait { $0.errors["unreachable", default: 0] >= 3 }, "\(running.status)")
        try server.command("open")
        #expect(running.awaitSent(1), "\(running.status)")
        var nowhere = settings
        nowhere.endpoint = "http://no-such-host.invalid"
        let lost = start(try ExportedArchive(), nowhere)
        #expect(lost.wait { $0.state == .idle }, "nothing to send, nobody to ask")
        await lost.cancel()
    }

    @Test("signatures are right, wrong credentials are named without being shown, and a bucket that is missing too")
    func credentials() async throws {
        let archive = try ExportedArchive()
        try archive.seal(rows: 250_000, groups: 4, isRandom: true)
        let user = try server.command("lock", ["actions": ["s3:PutObject", "s3:ListMultipartUploadParts"]])
        let (access, secret) = (user["access"] as? String ?? "", user["secret"] as? String ?? "")
        var settings = settings
        settings.partBytes = 5 << 20
        let wrong = start(
            archive,
            settings,
            environment: ["AWS_ACCESS_KEY_ID": access, "AWS_SECRET_ACCESS_KEY": "not-the-secret"]
        )
        #expect(wrong.wait { $0.errors["credentials", default: 0] >= 2 }, "\(wrong.status)")
        let error = wrong.status.lastError ?? ""
        #expect(error.contains("SignatureDoesNotMatch") && error.contains("credentials of the environment"), "\(error)")
        #expect(!error.contains("not-the-secret"))
        await wrong.cancel()
        let none = start(archive, settings, environment: [:])
        #expect(none.wait { $0.errors["credentials", default: 0] >= 1 })
        #expect(none.status.lastError?.contains("AWS_ACCESS_KEY_ID") == true)
        await none.cancel()

        // In parts, with a query in the signed request, and whole.
        let right = ["AWS_ACCESS_KEY_ID": access, "AWS_SECRET_ACCESS_KEY": secret]
        try archive.seal(rows: 10)
        let running = start(archive, settings, environment: right)
        #expect(running.awaitSent(2), "\(running.status)")
        await running.cancel()
        #expect(try server.objects(Self.bucket) == archive.digests())

        settings.bucket = "no-such-bucket"
        let missing = start(archive, settings, environment: right)
        #expect(missing.wait { $0.errors["missing", default: 0] >= 1 }, "\(missing.status)")
        #expect(missing.status.lastError?.contains("no-such-bucket") == true)
    }

    @Test("what retention removes before it was sent is lost for the store, counted and told; the rest goes on")
    func loss() async throws {
        let archive = try ExportedArchive()
        for _ in 0..<3 { try archive.seal(rows: 10) }
        try server.command("close")
        let running = start(archive)
        #expect(running.wait { $0.errors["unreachable", default: 0] >= 1 })
        let removed = archive.removeAllButNewest()
        #expect(removed.count == 2)
        for segment in removed { running.exporter.noteRemoved(segment) }
        #expect(running.wait { $0.lostSegments == 2 }, "\(running.status)")
        try server.command("open")
        #expect(running.wait { $0.sentSegments == 1 && $0.waitingSegments == 0 }, "\(running.status)")
        #expect(running.status.lostRows == 20 && running.news.lost == [.removed: 20])
        // What was sent before is no loss.
        try archive.seal(rows: 10)
        #expect(running.wait { $0.sentSegments == 2 && $0.waitingSegments == 0 })
        for segment in archive.removeAllButNewest() { running.exporter.noteRemoved(segment) }
        #expect(running.status.lostSegments == 2)
        await running.cancel()
        #expect(try server.objects(Self.bucket).count == 2)
    }

    @Test("what retention removes before it is known what was sent is lost only for a place that got segments before")
    func removedEarly() async throws {
        let archive = try ExportedArchive()
        try archive.seal(rows: 10)
        let first = start(archive)
        #expect(first.awaitSent(1), "\(first.status)")
        await first.cancel()
        try archive.seal(rows: 10)
        try archive.seal(rows: 10)
        let removed = archive.removeAllButNewest()
        #expect(removed.count == 2)
        func started(_ settings: S3Settings) -> RunningExporter {
            RunningExporter { tell in
                let exporter = SegmentExporter(
                    .s3(settings),
                    pace: .fast,
                    source: archive.source,
                    environment: Self.keys,
                    tell: tell
                )
                for segment in removed { exporter.noteRemoved(segment) }
                #expect(exporter.status.waitingSegments == 0)
                return exporter
            }
        }
        let known = started(settings)
        #expect(known.wait { $0.sentSegments == 1 && $0.lostSegments == 1 }, "\(known.status)")
        #expect(known.news.lost == [.removed: 10])
        await known.cancel()
        var other = settings
        other.prefix = "other"
        let new = started(other)
        #expect(new.wait { $0.sentSegments == 1 }, "\(new.status)")
        #expect(new.status.lostSegments == 0)
        await new.cancel()
    }

    @Test("one that hangs does not hold up another, nor the archive, and ends at once when it is told to")
    func isolated() async throws {
        let archive = try ExportedArchive()
        try archive.seal()
        try server.fault(["contains": "stuck/", "mode": "hang", "count": 1000, "seconds": 600])
        var stuck = settings
        stuck.prefix = "stuck"
        let hanging = start(archive, stuck)
        #expect(hanging.wait { $0.state == .sending })
        let other = try ExportedArchive()
        for _ in 0..<20 {
            try archive.seal()
            try other.seal()
        }
        let running = start(other)
        #expect(running.awaitSent(20), "\(running.status)")
        #expect(hanging.status.waitingSegments == 21 && hanging.status.sentSegments == 0)
        await hanging.cancel()
        #expect(hanging.status.state == .stopped && hanging.status.errors == [:])
    }
}
