import Testing

@testable import TapioArchive

@Suite("Segments: damage at every byte")
struct SegmentDamageTests {
    private static let path = "/d/1772366400000000-0a1b2c3d-000001.parquet"

    /// A sealed segment of four groups with 3, 4, 5 and 6 rows, and where their frames lie.
    private static func sample() throws -> (bytes: [UInt8], scan: FrameScan) {
        let fixture = ArchiveFixture()
        let archive = try fixture.open()
        for number in 0..<4 { try archive.append(ArchiveFixture.batch(number, rows: 3 + number)) }
        archive.close()
        let path = try #require(fixture.fileSystem.paths.first { $0.hasSuffix(".parquet") })
        let bytes = try #require(fixture.fileSystem.bytes(path))
        let scan = try FrameScanner.scan(try fixture.fileSystem.open(path), depth: .everything)
        #expect(scan.problems.isEmpty)
        #expect(scan.groups.count == 4)
        return (bytes, scan)
    }

    private func verdict(_ bytes: [UInt8], path: String = path) throws -> (SegmentVerdict, MemoryFileSystem) {
        let disk = MemoryFileSystem()
        disk.put(bytes, at: path)
        return (try SegmentVerifier(fileSystem: disk).verify(path), disk)
    }

    @Test("a sealed segment is whole, and any Parquet reader can open it")
    func whole() throws {
        let (bytes, _) = try Self.sample()
        let (verdict, _) = try verdict(bytes)
        #expect(verdict.state == .sealed, "\(verdict)")
        #expect(verdict.totals.rows == 18)
        #expect(verdict.rowsLost == 0 && verdict.lostBytes == 0)
        let parquet = try ParquetFile(bytes: bytes)
        #expect(parquet.rowCount == 18)
        #expect(parquet.rowGroups.count == 4)
        let values = Dictionary(uniqueKeysWithValues: parquet.keyValues.map { ($0.key, $0.value) })
        #expect(values[SegmentKey.kinds] == #"{"exec":{"rows":18,"weight":36.0}}"#)
        #expect(values[SegmentKey.minTimestamp] == "1772366400000000")
        #expect(values[SegmentKey.previous] == "")
        #expect(values[SegmentKey.recovered] == "false")
    }

    @Test("cut off at any byte: what is whole before the cut is saved, and nothing else")
    func truncation() throws {
        let (bytes, scan) = try Self.sample()
        for cut in 0..<bytes.count {
            let (verdict, disk) = try verdict(Array(bytes[..<cut]))
            let whole = scan.groups.filter { $0.frameEnd <= Int64(cut) }
            let rows = whole.reduce(0) { $0 + Int64($1.header.rows) }
            let hasPrologue = scan.wholeFrames[0].upperBound <= Int64(cut)
            // Fewer bytes than Parquet's magic has may be anybody's.
            #expect(verdict.state == (cut < 4 ? .foreign : .damaged), "cut at \(cut): \(verdict)")
            #expect(verdict.totals.rows == rows, "cut at \(cut)")
            if verdict.isRowsLostExact { #expect(verdict.rowsLost + rows == 18, "cut at \(cut): \(verdict)") }
            let report = try SegmentRepair(fileSystem: disk).repair(Self.path)
            #expect(report.rowsSaved == (hasPrologue ? rows : 0), "cut at \(cut)")
            try expectRepaired(report, disk, batches: Array(0..<whole.count))
        }
    }

    @Test("a bit flipped anywhere is found; every row group that it didn't hit is saved, and the rows lost are counted")
    func bitFlips() throws {
        let (bytes, scan) = try Self.sample()
        for offset in 0..<bytes.count {
            var damaged = bytes
            damaged[offset] ^= 1 << UInt8(offset % 8)
            let (verdict, disk) = try verdict(damaged)
            let isHit = { (group: FrameScan.Group) in (group.frameOffset..<group.frameEnd).contains(Int64(offset)) }
            let saved = scan.groups.filter { !isHit($0) }
            let rows = saved.reduce(0) { $0 + Int64($1.header.rows) }
            #expect(verdict.state == .damaged, "flip at \(offset): \(verdict)")
            #expect(!verdict.problems.isEmpty)
            #expect(verdict.totals.rows == rows, "flip at \(offset)")
            #expect(verdict.rowsLost == 18 - rows, "flip at \(offset): \(verdict)")
            let report = try SegmentRepair(fileSystem: disk).repair(Self.path)
            #expect(report.rowsSaved == rows, "flip at \(offset)")
            try expectRepaired(report, disk, batches: saved.map { Int($0.trailer.batchSequence) })
        }
    }

    private func expectRepaired(_ report: RepairReport, _ disk: MemoryFileSystem, batches: [Int]) throws {
        guard report.verdict.state != .foreign else {
            #expect(disk.paths == [Self.path])
            return
        }
        let corrupt = try #require(report.corruptPath)
        #expect(corrupt == Self.path + ".corrupt")
        guard let repaired = report.repairedPath else {
            #expect(batches.isEmpty)
            #expect(disk.paths == [corrupt])
            return
        }
        #expect(disk.paths == [repaired, corrupt].sorted())
        let verdict = try SegmentVerifier(fileSystem: disk).verify(repaired)
        #expect(verdict.state == .sealed, "\(verdict)")
        #expect(try ArchiveFixture.batchesSeen(disk, root: repaired) == batches)
        // Not only our reader, which walks frames: the footer as well.
        #expect(try ParquetFile(bytes: disk.bytes(repaired)!).rowGroups.count == batches.count)
    }

    @Test("two damaged groups in the middle are both counted, and those around them saved")
    func severalDamaged() throws {
        var (bytes, scan) = try Self.sample()
        for index in [1, 2] { bytes[Int(scan.groups[index].frameOffset) + 3] ^= 0x10 }
        let (verdict, disk) = try verdict(bytes)
        #expect(verdict.rowsLost == 9 && verdict.isRowsLostExact)
        let report = try SegmentRepair(fileSystem: disk).repair(Self.path)
        #expect(report.rowsSaved == 9)
        #expect(try ArchiveFixture.batchesSeen(disk, root: try #require(report.repairedPath)) == [0, 3])
        let values = try ParquetFile(bytes: disk.bytes(report.repairedPath!)!).keyValues
        #expect(values.contains { $0.key == SegmentKey.recovered && $0.value == "true" })
    }

    @Test("a file that is not ours is called foreign and left alone")
    func foreign() throws {
        for bytes in [[], Array("hello".utf8), [UInt8](repeating: 0xF4, count: 5000), Array("PAR1....PAR1".utf8)] {
            let (verdict, disk) = try verdict(bytes)
            #expect(verdict.state == .foreign)
            let report = try SegmentRepair(fileSystem: disk).repair(Self.path)
            #expect(report.corruptPath == nil)
            #expect(disk.paths == [Self.path])
        }
    }

    @Test("a footer that says something else than the row groups is found")
    func footerMismatch() throws {
        let (bytes, scan) = try Self.sample()
        let footer = try #require(scan.footers.last)
        var totals = SegmentTotals()
        for group in scan.groups { totals.add(group) }
        // A whole frame with a right checksum, whose first RowGroup struct is that of the second group.
        var metadata = scan.groups.map(\.trailer.metadata)
        metadata[0] = metadata[1]
        let forged = SegmentFooter.frame(prologue: try #require(scan.prologue), totals: totals, metadata: metadata)
        let (verdict, _) = try verdict(Array(bytes[..<Int(footer.frameOffset)]) + forged)
        #expect(verdict.problems.map(\.kind) == [.footerMismatch])
    }

    @Test("a row group of another place, and one that stands twice, are not taken")
    func displaced() throws {
        let (bytes, scan) = try Self.sample()
        let first = scan.groups[0]
        let frame = bytes[Int(first.frameOffset)..<Int(first.frameEnd)]
        let (verdict, _) = try verdict(bytes + frame)
        #expect(verdict.state == .damaged)
        #expect(verdict.totals.rows == 18)
    }

    @Test("a disk that can't read a part costs only that part")
    func unreadable() throws {
        let (bytes, _) = try Self.sample()
        for after in 0..<12 {
            let disk = MemoryFileSystem()
            disk.put(bytes, at: Self.path)
            disk.fail("pread", with: 5, after: after)
            let verdict = try SegmentVerifier(fileSystem: disk).verify(Self.path)
            #expect(verdict.state == .damaged, "\(after)")
            #expect(verdict.totals.groups >= 3)
        }
    }
}
