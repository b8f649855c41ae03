import Testing

@testable import TapioArchive

@Suite("Archive: retention")
struct RetentionTests {
    private func filled(
        _ count: Int,
        _ change: (inout ArchiveOptions) -> Void = { _ in }
    ) throws -> (ArchiveFixture, Archive) {
        var fixture = ArchiveFixture()
        fixture.options.retentionIntervalNs = 0
        change(&fixture.options)
        let archive = try fixture.open()
        for number in 0..<count {
            let time = ArchiveFixture.noonNs + Int64(number) * 1800 * ArchiveFixture.secondNs
            try archive.append(ArchiveFixture.batch(number, timeNs: time, kind: number % 2 == 0 ? "exec" : "exit"))
            archive.seal()
        }
        return (fixture, archive)
    }

    @Test("the oldest go first when there are too many bytes; each is reported with its rows; empty directories go too")
    func bytes() throws {
        let (_, whole) = try filled(6)
        let size = whole.segments[0].bytes
        let (fixture, archive) = try filled(6) { $0.retention.maxBytes = size * 3 + size / 2 }
        #expect(try ArchiveFixture.batchesSeen(fixture.fileSystem) == [3, 4, 5])
        let deleted = archive.takeEvents().compactMap { if case .deleted(let deletion) = $0 { deletion } else { nil } }
        #expect(deleted.map(\.reason) == [.bytes, .bytes, .bytes])
        #expect(deleted.map(\.segment.totals.kinds.first?.name) == ["exec", "exit", "exec"])
        #expect(archive.counters.rowsDeleted == ["exec": 6, "exit": 3])
        #expect(archive.counters.segmentsDeleted == 3)
        #expect(
            try fixture.fileSystem.list("\(ArchiveFixture.directory)/date=2026-03-01").map(\.name) == [
                "hour=13", "hour=14",
            ]
        )
    }

    @Test("a pin keeps a segment, and files that are not ours are neither deleted nor counted as ours")
    func pins() throws {
        let (fixture, archive) = try filled(4)
        let oldest = "\(ArchiveFixture.directory)/\(archive.segments[0].relativePath)"
        fixture.fileSystem.put([], at: oldest + ".pin")
        let foreign = [
            "\(ArchiveFixture.directory)/notes.txt", "\(ArchiveFixture.noonHour)/merged.parquet",
            "\(ArchiveFixture.noonHour)/1772366400000000-0a1b2c3d-000077.parquet",
        ]
        for path in foreign { fixture.fileSystem.put(Array("PAR1 mine PAR1".utf8), at: path) }
        archive.close()
        var strict = fixture
        strict.options.retention.maxBytes = 1
        let reopened = try strict.open()
        #expect(reopened.segments.map(\.relativePath) == [archive.segments[0].relativePath])
        #expect(fixture.fileSystem.bytes(oldest) != nil)
        for path in foreign { #expect(fixture.fileSystem.bytes(path) != nil) }
        let events = reopened.takeEvents()
        #expect(events.filter { if case .foreignFile = $0 { true } else { false } }.count == 3)
        #expect(events.contains { if case .retentionExhausted = $0 { true } else { false } })
        reopened.maintain()
        #expect(reopened.takeEvents().isEmpty, "what is known is not said again")
        try fixture.fileSystem.remove(oldest + ".pin")
        reopened.maintain()
        #expect(reopened.segments.isEmpty)
    }

    @Test("segments older than allowed go, by their last event")
    func age() throws {
        let (fixture, archive) = try filled(4) { $0.retention.maxAgeNs = 7200 * ArchiveFixture.secondNs }
        fixture.clock.advance(seconds: 9000 - 1)
        archive.maintain()
        #expect(archive.segments.count == 3)
        #expect(
            archive.takeEvents().contains {
                if case .deleted(let deletion) = $0 { deletion.reason == .age } else { false }
            }
        )
    }

    @Test("free space is kept as far as our own segments go; the open one stays")
    func freeSpace() throws {
        let (fixture, archive) = try filled(5) { $0.retention.minFreeShare = 0.5 }
        try archive.append(ArchiveFixture.batch(9, timeNs: ArchiveFixture.noonNs * 2))
        fixture.fileSystem.capacity = 100_000
        fixture.fileSystem.put([UInt8](repeating: 0, count: 60_000), at: "/other")
        fixture.clock.advance(seconds: 1)
        archive.maintain()
        #expect(archive.segments.isEmpty)
        #expect(archive.openPath != nil)
    }

    @Test("what can't be deleted stays known and is reported; what is gone already is forgotten")
    func failures() throws {
        let (fixture, archive) = try filled(3)
        let first = "\(ArchiveFixture.directory)/\(archive.segments[0].relativePath)"
        archive.close()
        var strict = fixture
        strict.options.retention.maxBytes = 1
        fixture.fileSystem.fail("unlink", with: 13, times: 2)
        let reopened = try strict.open()
        #expect(reopened.takeEvents().contains { if case .retentionFailed = $0 { true } else { false } })
        fixture.fileSystem.stopFailing()
        try? fixture.fileSystem.remove(first)
        reopened.maintain()
        #expect(reopened.segments.isEmpty)
    }

    @Test(
        "a segment that the disk will not remove, or whose open twin, stays, and those behind it do not",
        arguments: [1, 2]
    )
    func stuck(refusals: Int) throws {
        let (fixture, archive) = try filled(3)
        let first = "\(ArchiveFixture.directory)/\(archive.segments[0].relativePath)"
        archive.close()
        var strict = fixture
        strict.options.retention.maxBytes = 1
        if refusals == 2 {
            fixture.fileSystem.put(try #require(fixture.fileSystem.bytes(first)), at: first + ".part")
        }
        // Of the twin once at the start, which would remove it, and once by retention.
        fixture.fileSystem.fail("unlink", with: 5, times: refusals)
        let reopened = try strict.open()
        #expect(reopened.takeEvents().contains { if case .retentionFailed = $0 { true } else { false } })
        #expect(reopened.segments.map { "\(ArchiveFixture.directory)/\($0.relativePath)" } == [first])
        #expect(fixture.fileSystem.paths.filter { $0.hasSuffix(".parquet") } == [first])
    }
}
