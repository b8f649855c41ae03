import Glibc
import TapioTestSupport
import Testing

@testable import TapioArchive

/// Segments with columns of every type, whose rows can be told apart.
private struct MergeFixture {
    static let schema = ParquetSchema(columns: [
        ParquetColumn(name: "ts", type: .timestampMicros, isRequired: true, fieldID: 1),
        ParquetColumn(name: "ts_sub_ns", type: .int32, isRequired: true, fieldID: 2),
        ParquetColumn(name: "kind", type: .string, isRequired: true, fieldID: 3),
        ParquetColumn(name: "cpu", type: .int32, isRequired: true, fieldID: 4),
        ParquetColumn(name: "seq", type: .int64, isRequired: true, fieldID: 5),
        ParquetColumn(name: "pid", type: .int32, isRequired: true, fieldID: 6),
        ParquetColumn(name: "weight", type: .double, isRequired: true, fieldID: 7),
        ParquetColumn(name: "exe", type: .string, isRequired: false, fieldID: 8),
        ParquetColumn(name: "bytes", type: .int64, isRequired: false, fieldID: 9),
        ParquetColumn(name: "ratio", type: .double, isRequired: false, fieldID: 10),
        ParquetColumn(name: "never", type: .int64, isRequired: false, fieldID: 11),
    ])

    struct Row: Hashable {
        var ns: Int64
        var kind: String
        var cpu: Int64
        var seq: Int64
        var pid: Int64
        var weight: Double
        var exe: String?
        var bytes: Int64?
        var ratio: Double?
    }

    let directory = TemporaryDirectory()
    let archive: Archive
    private(set) var rows: [Row] = []
    private var batches: UInt64 = 0

    init() throws {
        var options = ArchiveFixture.options
        options.schema = Self.schema
        options.retention.minFreeShare = nil
        options.sealing = .byCaller
        archive = try Archive.open(root: directory.path, options: options)
    }

    var node: String { directory.file("node=n1") }

    /// Appends a group of rows whose times are spread over `seconds` from that second of the hour on, in random order.
    mutating func append(_ count: Int, from second: Int64, lasting seconds: Int64, seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        let start = ArchiveFixture.noonNs + second * ArchiveFixture.secondNs
        let rows = (0..<count).map { index in
            Row(
                ns: start + Int64.random(in: 0..<seconds * ArchiveFixture.secondNs, using: &random),
                kind: ["exec", "exit", "_ledger"].randomElement(using: &random)!,
                cpu: Int64.random(in: 0..<4, using: &random),
                seq: Int64(seed) * 1_000_000 + Int64(index),
                pid: Int64.random(in: 1..<50, using: &random),
                weight: 1,
                exe: Bool.random(using: &random) ? "/bin/\(Int.random(in: 0..<20, using: &random))" : nil,
                bytes: Bool.random(using: &random) ? Int64.random(in: .min ... .max, using: &random) : nil,
                ratio: Bool.random(using: &random) ? Double.random(in: 0..<1, using: &random) : nil
            )
        }
        self.rows += rows
        batches += 1
        try archive.append(Self.batch(rows, sequence: batches))
    }

    private static func batch(_ rows: [Row], sequence: UInt64) -> ArchiveBatch {
        let encoder = RowGroupEncoder(schema: schema)
        encoder.begin(rowCount: rows.count)
        func integers(_ column: Int, _ values: [Int64]) { encoder.integers(column, values: values.span) }
        func bits(_ isValid: (Row) -> Bool) -> [UInt64] {
            var bits = [UInt64](repeating: 0, count: (rows.count + 63) / 64)
            for (row, value) in rows.enumerated() where isValid(value) { bits[row / 64] |= 1 << UInt64(row % 64) }
            return bits
        }
        func texts(_ column: Int, _ values: [String], _ validity: [UInt64]?) {
            var interner = BytesInterner()
            let indices = values.map { text in
                let bytes = Array(text.utf8)
                return interner.intern(bytes.span.bytes)
            }
            encoder.strings(
                column,
                indices: indices.span,
                dictionary: interner.dictionary,
                validity: validity?.span
            )
        }
        integers(0, rows.map { $0.ns / 1000 })
        integers(1, rows.map { $0.ns % 1000 })
        texts(2, rows.map(\.kind), nil)
        integers(3, rows.map(\.cpu))
        integers(4, rows.map(\.seq))
        integers(5, rows.map(\.pid))
        let weights = rows.map(\.weight)
        encoder.double(6, values: weights.span)
        texts(7, rows.compactMap(\.exe), bits { $0.exe != nil })
        let bytes = rows.compactMap(\.bytes)
        let bytesBits = bits { $0.bytes != nil }
        encoder.integers(8, values: bytes.span, validity: bytesBits.span)
        let ratios = rows.compactMap(\.ratio)
        let ratioBits = bits { $0.ratio != nil }
        encoder.double(9, values: ratios.span, validity: ratioBits.span)
        let kinds = Dictionary(grouping: rows, by: \.kind).sorted { $0.key < $1.key }
        return ArchiveBatch(
            group: encoder.finish(),
            sequence: sequence,
            lane: UInt8(sequence % 3),
            minTimestampNs: rows.map(\.ns).min() ?? 0,
            maxTimestampNs: rows.map(\.ns).max() ?? 0,
            kinds: kinds.enumerated().map { index, kind in
                KindTotal(kind: UInt8(index), name: kind.key, rows: kind.value.count, weight: Double(kind.value.count))
            }
        )
    }

    /// The rows of a file, group by group.
    static func rows(of path: String) throws -> [[Row]] {
        let segment = try #require(try ArchiveReader(path: path).segments.first).open()
        return try segment.rowGroups.map { group in
            func column(_ name: String) throws -> ColumnData {
                try segment.readColumn(try #require(segment.schema.index(of: name)), of: group)
            }
            func integers(_ name: String) throws -> [Int64?] {
                let data = try column(name)
                guard case .integers(let values) = data.values else { return [] }
                return values.indices.map { data.isValid($0) ? values[$0] : nil }
            }
            func doubles(_ name: String) throws -> [Double?] {
                let data = try column(name)
                guard case .doubles(let values) = data.values else { return [] }
                return values.indices.map { data.isValid($0) ? values[$0] : nil }
            }
            func texts(_ name: String) throws -> [String?] {
                guard case .strings(let strings) = try column(name).values else { return [] }
                return strings.indices.map { $0 == StringColumn.noValue ? nil : strings.text(Int($0)) }
            }
            let ts = try integers("ts")
            let sub = try integers("ts_sub_ns")
            let kind = try texts("kind")
            let (cpu, seq, pid) = (try integers("cpu"), try integers("seq"), try integers("pid"))
            let (weight, ratio) = (try doubles("weight"), try doubles("ratio"))
            let (exe, bytes) = (try texts("exe"), try integers("bytes"))
            #expect(try integers("never").allSatisfy { $0 == nil })
            return (0..<group.rowCount).map { row in
                Row(
                    ns: (ts[row] ?? 0) * 1000 + (sub[row] ?? 0),
                    kind: kind[row] ?? "",
                    cpu: cpu[row] ?? -1,
                    seq: seq[row] ?? -1,
                    pid: pid[row] ?? -1,
                    weight: weight[row] ?? -1,
                    exe: exe[row],
                    bytes: bytes[row],
                    ratio: ratio[row]
                )
            }
        }
    }

    var paths: [String] { archive.segments.map { "\(archive.directory)/\($0.relativePath)" } }

    func merge(
        _ order: RowOrder = .time,
        level: Int32 = 1,
        salvaging: Set<String> = [],
        mostTextBytes: Int = BytesInterner.mostBytes
    ) throws -> SegmentMerger.Merged {
        let candidates = try ArchiveReader(path: node).segments.map { try MergePlan.Candidate($0, name: $0.name!) }
        let plan = MergePlan(candidates, targetBytes: 1 << 30, includesSingles: false)
        let group = try #require(plan.groups.first)
        #expect(group.count == candidates.count)
        var merger = SegmentMerger(order: order, level: level)
        merger.mostTextBytes = mostTextBytes
        return try merger.merge(
            group.map(\.path),
            as: MergePlan.name(of: group),
            in: directory.file("merged"),
            salvaging: salvaging
        )
    }
}

@Suite("Merging segments") struct SegmentMergeTests {
    /// Three segments of overlapping groups.
    private func fixture() throws -> MergeFixture {
        var fixture = try MergeFixture()
        for segment in 0..<3 as Range<Int64> {
            for group in 0..<4 as Range<Int64> {
                try fixture.append(
                    500,
                    from: segment * 60 + group * 10,
                    lasting: 25,
                    seed: UInt64(segment * 10 + group + 1)
                )
            }
            fixture.archive.seal()
        }
        return fixture
    }

    @Test("a merged segment has every row once, in the order of time, and is sealed and whole")
    func time() throws {
        let fixture = try fixture()
        let merged = try fixture.merge()
        try SegmentMerger(order: .time, level: 1).publish(merged)
        let verdict = try SegmentVerifier().verify(merged.sealedPath)
        #expect(verdict.state == .sealed)
        #expect(verdict.totals.rows == 6000)
        #expect(!merged.isOverlapping)
        let rows = try MergeFixture.rows(of: merged.sealedPath).flatMap { $0 }
        #expect(rows.count == 6000)
        #expect(Set(rows) == Set(fixture.rows))
        #expect(zip(rows, rows.dropFirst()).allSatisfy { $0.ns <= $1.ns })
        let opened = try #require(try ArchiveReader(path: merged.sealedPath).segments.first).open()
        func fact(_ key: String) -> String? { opened.keyValues.last { $0.key == key }?.value }
        #expect(fact(SegmentKey.runID) == "run-1")
        #expect(fact(SegmentKey.mergedFrom) == fixture.archive.segments.map(\.name.description).joined(separator: ","))
        #expect(merged.facts.name.sequence == fixture.archive.segments.first?.name.sequence)
    }

    @Test("in the order of kind, rows of a group are by kind and process, and no row is another one's")
    func kind() throws {
        let fixture = try fixture()
        let merged = try fixture.merge(.kind, level: 9)
        try SegmentMerger(order: .kind, level: 9).publish(merged)
        let groups = try MergeFixture.rows(of: merged.sealedPath)
        #expect(Set(groups.joined()) == Set(fixture.rows))
        for group in groups {
            #expect(zip(group, group.dropFirst()).allSatisfy { ($0.kind, $0.pid, $0.ns) <= ($1.kind, $1.pid, $1.ns) })
        }
    }

    @Test("a row group that would hold too many texts becomes several, none of which does, and no row is lost")
    func manyTexts() throws {
        let fixture = try fixture()
        #expect(try fixture.merge().facts.totals.groups == 1)
        // The 20 programs have 130 bytes together.
        let merged = try fixture.merge(.kind, mostTextBytes: 120)
        try SegmentMerger(order: .kind, level: 1).publish(merged)
        let groups = try MergeFixture.rows(of: merged.sealedPath)
        #expect(groups.count > 1 && groups.joined().count == 6000)
        #expect(Set(groups.joined()) == Set(fixture.rows))
        for group in groups {
            #expect(Set(group.compactMap(\.exe)).reduce(0) { $0 + $1.utf8.count } <= 120)
        }
    }

    @Test("portions follow one another in time; where too much overlaps, every row is still taken once")
    func portions() throws {
        let fixture = try fixture()
        let segments = try ArchiveReader(path: fixture.node).segments.map { try $0.open() }
        let sources = segments.flatMap { segment in
            segment.rowGroups.map { MergeSource(segment: segment, group: $0) }
        }
        var merge = TimeMerge(sources)
        var last = Int64.min
        var count = 0
        while let portion = try merge.next(limit: 777) {
            #expect(portion.minTimestampNs >= last)
            last = portion.maxTimestampNs
            count += portion.rowCount
            #expect(portion.pieces.reduce(0) { $0 + $1.rows.count } == portion.rowCount)
            #expect(Set(portion.pieces.flatMap(\.places)).count == portion.rowCount)
        }
        #expect(count == 6000)
        #expect(merge.overlaps == 0)

        var narrow = TimeMerge(sources, mostOpenRows: 600)
        count = 0
        while let portion = try narrow.next(limit: 777) { count += portion.rowCount }
        #expect(count == 6000)
        #expect(narrow.overlaps > 0)
    }

    @Test("a portion that is halved has each row in one half")
    func halves() throws {
        let fixture = try fixture()
        let segment = try #require(try ArchiveReader(path: fixture.node).segments.first).open()
        var merge = TimeMerge(segment.rowGroups.map { MergeSource(segment: segment, group: $0) })
        let portion = try #require(try merge.next(limit: 1001))
        let halves = [portion.half(first: true), portion.half(first: false)]
        #expect(halves.map(\.rowCount) == [500, 501])
        #expect(halves.flatMap(\.keyHashes) == portion.keyHashes)
        for half in halves {
            #expect(half.pieces.flatMap(\.places).sorted() == (0..<Int32(half.rowCount)).map { $0 })
        }
    }

    @Test("a damaged original ends the merge, and nothing is left behind")
    func damage() throws {
        let fixture = try fixture()
        let path = try #require(fixture.paths.dropFirst().first)
        var bytes = try #require(TestFile.read(path))
        bytes[bytes.count / 3] ^= 0x10
        TestFile.write(path, bytes)
        #expect {
            _ = try fixture.merge()
        } throws: { error in
            guard case MergeError.damaged(let damaged, _) = error else { return false }
            return damaged == path
        }
        #expect(TestFile.find(fixture.directory.file("merged"), suffix: "").isEmpty)
    }

    @Test("of a damaged original, the row groups that are whole are taken where that is wanted")
    func salvages() throws {
        let fixture = try fixture()
        let path = try #require(fixture.paths.dropFirst().first)
        var bytes = try #require(TestFile.read(path))
        bytes[bytes.count / 3] ^= 0x10
        TestFile.write(path, bytes)
        let merged = try fixture.merge(salvaging: [path])
        #expect(merged.facts.totals.rows == 5500)
        #expect(merged.facts.isRecovered)
        #expect(merged.losses.count == 1 && merged.losses.allSatisfy { $0.contains("500 rows were left out") })
        try SegmentMerger(order: .time, level: 1).publish(merged)
        #expect(try SegmentVerifier().verify(merged.sealedPath).state == .sealed)
        let rows = try MergeFixture.rows(of: merged.sealedPath).flatMap { $0 }
        #expect(Set(rows).count == 5500 && Set(rows).isSubset(of: Set(fixture.rows)))
    }

    @Test("the digest tells when values change places")
    func digest() throws {
        let fixture = try fixture()
        let segments = try ArchiveReader(path: fixture.node).segments.map { try $0.open() }
        let digests = try segments.map { try RowDigest($0) }
        #expect(digests[0] != digests[1])
        #expect(try RowDigest(segments[0]) == digests[0])
        let keys = (0..<4 as Range<UInt64>).map { RowDigest.mix($0) }
        #expect(
            RowDigest.value(1, in: keys[0]) &+ RowDigest.value(2, in: keys[1])
                != RowDigest.value(2, in: keys[0]) &+ RowDigest.value(1, in: keys[1])
        )
    }

    @Test("another run, another hour, a pin and the size divide what is merged")
    func plan() {
        func candidate(
            _ sequence: UInt64,
            run: String = "a",
            hour: String = "h1",
            bytes: Int64 = 10,
            isFixed: Bool = false
        )
            -> MergePlan.Candidate
        {
            MergePlan.Candidate(
                name: SegmentName(startMicros: Int64(sequence), bootID: "0a1b2c3d", sequence: sequence),
                path: "\(sequence)",
                hour: hour,
                runID: run,
                bytes: bytes,
                rows: 1,
                isFixed: isFixed
            )
        }
        let candidates = [
            candidate(9), candidate(1), candidate(2), candidate(3, isFixed: true), candidate(4),
            candidate(5, hour: "h2"),
            candidate(6, hour: "h2"), candidate(7, run: "b", hour: "h2"), candidate(8, run: "b", hour: "h2", bytes: 95),
        ]
        func groups(_ includesSingles: Bool) -> [[UInt64]] {
            MergePlan(candidates, targetBytes: 100, includesSingles: includesSingles).groups.map {
                $0.map(\.name.sequence)
            }
        }
        #expect(groups(false) == [[1, 2], [5, 6]])
        #expect(groups(true) == [[1, 2], [4], [5, 6], [7], [8], [9]])
        #expect(MergePlan.name(of: [candidates[1], candidates[2]]).description.hasSuffix("-000001-r1"))
    }
}
