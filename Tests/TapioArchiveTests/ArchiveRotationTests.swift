import Testing

@testable import TapioArchive

@Suite("Archive: rotation")
struct ArchiveRotationTests {
    @Test("segments end by bytes, groups and age, each as told")
    func rules() throws {
        var byBytes = ArchiveFixture()
        byBytes.options.rotation.maxBytes = 1200
        try expect(byBytes, .bytes)
        var byGroups = ArchiveFixture()
        byGroups.options.rotation.maxGroups = 3
        try expect(byGroups, .groups)
        let byAge = ArchiveFixture()
        try expect(byAge, .age) { byAge.clock.advance(seconds: 101) }
    }

    private func expect(_ fixture: ArchiveFixture, _ reason: RotationReason, between: () -> Void = {}) throws {
        let archive = try fixture.open()
        for number in 0..<9 {
            try archive.append(ArchiveFixture.batch(number))
            between()
        }
        #expect(archive.segments.count >= 2)
        #expect(Set(archive.counters.segmentsSealed.keys) == [reason])
        archive.close()
        #expect(try ArchiveFixture.batchesSeen(fixture.fileSystem) == Array(0..<9))
    }

    @Test("a quiet archive is sealed by maintain() when it is old enough")
    func quiet() throws {
        let fixture = ArchiveFixture()
        let archive = try fixture.open()
        try archive.append(ArchiveFixture.batch(0))
        archive.maintain()
        #expect(archive.openPath != nil)
        fixture.clock.advance(seconds: 300)
        archive.maintain()
        #expect(archive.openPath == nil)
        #expect(archive.segments.count == 1)
    }

    @Test("a batch of the next hour goes to that hour's directory; a late one does not turn back")
    func hours() throws {
        let fixture = ArchiveFixture()
        let archive = try fixture.open()
        let nextHour = ArchiveFixture.noonNs + 3600 * ArchiveFixture.secondNs
        try archive.append(ArchiveFixture.batch(0, timeNs: nextHour - ArchiveFixture.secondNs))
        let next = ArchiveFixture.batch(1, timeNs: nextHour)
        #expect(archive.rotationDue(before: next) == .hour)
        try archive.append(next)
        try archive.append(ArchiveFixture.batch(2, timeNs: nextHour - 2 * ArchiveFixture.secondNs))
        archive.close()
        let hours = archive.segments.map { FilePath.directory(of: $0.relativePath) }
        #expect(hours == ["date=2026-03-01/hour=12", "date=2026-03-01/hour=13"])
        #expect(archive.segments.map(\.totals.groups) == [1, 2])
    }

    @Test(
        "dates are those of the calendar",
        arguments: [
            (0, "date=1970-01-01/hour=00"), (951_782_400, "date=2000-02-29/hour=00"),
            (1_709_251_199, "date=2024-02-29/hour=23"), (1_798_761_600, "date=2027-01-01/hour=00"),
            (4_107_542_399, "date=2100-02-28/hour=23"), (4_107_542_400, "date=2100-03-01/hour=00"),
            (-1, "date=1969-12-31/hour=23"),
        ]
    )
    func dates(seconds: Int64, path: String) {
        #expect(ArchiveHour(timestampNs: seconds * ArchiveFixture.secondNs).path == path)
    }

    @Test("names are read back as written, and nothing else is")
    func names() throws {
        let name = SegmentName(startMicros: 1_772_366_400_000_000, bootID: "0A1B2C3D-ffff", sequence: 7)
        #expect(name.fileName(.sealed) == "1772366400000000-0a1b2c3d-000007.parquet")
        for role in SegmentName.Role.allCases where role != .corrupt {
            let parsed = try #require(SegmentName.parse(name.fileName(role)))
            #expect(parsed.name == name && parsed.role == role)
        }
        #expect(SegmentName.parse("1772366400000000-0a1b2c3d-000007.parquet.part.corrupt")?.role == .corrupt)
        #expect(SegmentName.parse("1772366400000000-0a1b2c3d-000007-r2.parquet")?.name.repair == 2)
        for other in [
            "", "a.parquet", "1-2-3.parquet", "1-0a1b2c3d-1.csv", "1-0A1B2C3D-1.parquet", "-1-0a1b2c3d-1.parquet",
        ] {
            #expect(SegmentName.parse(other) == nil, "\(other)")
        }
    }

    @Test("an open segment can be read by anyone while its old footers stay within an eighth of its row groups")
    func interimFooters() throws {
        let fixture = ArchiveFixture()
        let archive = try fixture.open()
        var readable = 0
        for number in 0..<60 {
            try archive.append(ArchiveFixture.batch(number, rows: 200, randomColumn: true))
            guard let path = archive.openPath else { continue }
            let scan = try FrameScanner.scan(try fixture.fileSystem.open(path), depth: .everything)
            #expect(scan.problems.isEmpty)
            let old = scan.footers.dropLast(scan.endsWithFooter ? 1 : 0).reduce(0) { $0 + $1.header.frameLength }
            let live = scan.groups.reduce(0) { $0 + Int64($1.header.payloadLength) }
            #expect(old * 8 <= live)
            if scan.endsWithFooter {
                readable += 1
                #expect(try ParquetFile(bytes: fixture.fileSystem.bytes(path)!).rowCount == (number + 1) * 200)
            }
        }
        #expect(readable > 2)
    }

    @Test("a segment whose old footers exceed a tenth is copied without them when it is sealed")
    func sealedCopy() throws {
        let fixture = ArchiveFixture()
        let archive = try fixture.open()
        var hadCopy = false
        var seals = 0
        var sealedAt = -1
        for number in 0..<63 {
            try archive.append(ArchiveFixture.batch(number, rows: 1000, randomColumn: true))
            guard number - sealedAt > seals + 3, let path = archive.openPath else { continue }
            sealedAt = number
            seals += 1
            let scan = try FrameScanner.scan(try fixture.fileSystem.open(path), depth: .everything)
            let share = Double(scan.footers.reduce(0) { $0 + $1.header.frameLength }) / Double(scan.fileSize)
            archive.seal()
            let sealed = try #require(archive.segments.last)
            let after = try SegmentVerifier(fileSystem: fixture.fileSystem).verify(
                "\(ArchiveFixture.directory)/\(sealed.relativePath)"
            )
            #expect(after.state == .sealed, "\(after)")
            #expect(after.totals == sealed.totals && after.bytes == sealed.bytes)
            if share > 0.1 {
                hadCopy = true
                #expect(sealed.bytes < scan.fileSize)
            }
        }
        archive.close()
        #expect(hadCopy)
        #expect(!fixture.fileSystem.paths.contains { $0.hasSuffix(".part") || $0.hasSuffix(".tmp") })
        #expect(archive.segments.reduce(0) { $0 + $1.totals.groups } == 63)
    }
}
