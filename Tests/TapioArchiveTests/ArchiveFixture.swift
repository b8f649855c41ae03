import Synchronization

@testable import TapioArchive

/// A clock that is turned by hand.
final class ManualClock: ArchiveClock {
    private let time = Mutex<(monotonic: Int64, utc: Int64)>((0, ArchiveFixture.noonNs))

    func monotonicNs() -> Int64 { time.withLock { $0.monotonic } }
    func utcNs() -> Int64 { time.withLock { $0.utc } }

    func advance(seconds: Double) {
        time.withLock { time in
            time.monotonic += Int64(seconds * 1e9)
            time.utc += Int64(seconds * 1e9)
        }
    }
}

/// Small archives for tests.
struct ArchiveFixture {
    /// 2026-03-01 12:00 UTC.
    static let noonNs: Int64 = 1_772_366_400_000_000_000
    static let secondNs: Int64 = 1_000_000_000
    static let schema = ParquetSchema(columns: [
        ParquetColumn(name: "ts", type: .timestampMicros, isRequired: true, fieldID: 1),
        ParquetColumn(name: "seq", type: .int64, isRequired: true, fieldID: 2),
    ])

    let fileSystem: MemoryFileSystem
    let clock = ManualClock()
    var options: ArchiveOptions

    init(_ fileSystem: MemoryFileSystem = MemoryFileSystem()) {
        self.fileSystem = fileSystem
        options = Self.options
        options.fileSystem = fileSystem
        options.clock = clock
        options.retention.minFreeShare = nil
    }

    static var options: ArchiveOptions {
        ArchiveOptions(
            schema: schema,
            identity: ArchiveIdentity(
                node: "n1",
                bootID: "0a1b2c3d-0000-0000-0000-000000000000",
                runID: "run-1",
                clockOffsetNs: 42,
                schemaVersion: "1",
                configHash: "abc",
                createdBy: "tapio version 0.1.0"
            )
        )
    }

    func open() throws -> Archive { try Archive.open(root: "/a", options: options) }

    static let directory = "/a/node=n1"
    static let noonHour = "\(directory)/date=2026-03-01/hour=12"

    /// A batch whose rows carry `sequence * 1000 + row`, so that each can be recognised.
    static func batch(
        _ sequence: Int,
        rows: Int = 3,
        timeNs: Int64 = noonNs,
        kind: String = "exec",
        randomColumn: Bool = false
    ) -> ArchiveBatch {
        let encoder = RowGroupEncoder(schema: schema)
        encoder.begin(rowCount: rows)
        let times = (0..<rows).map { (timeNs / 1000) + Int64($0) }
        let numbers = randomColumn ? randomNumbers(sequence, rows: rows) : plainNumbers(sequence, rows: rows)
        encoder.integers(0, values: times.span)
        encoder.integers(1, values: numbers.span)
        return ArchiveBatch(
            group: encoder.finish(),
            sequence: UInt64(sequence),
            lane: 1,
            minTimestampNs: timeNs,
            maxTimestampNs: timeNs + Int64(rows) * 1000,
            kinds: [KindTotal(kind: 7, name: kind, rows: rows, weight: Double(rows) * 2)]
        )
    }

    private static func plainNumbers(_ sequence: Int, rows: Int) -> [Int64] {
        (0..<rows).map { Int64(sequence * 1000 + $0) }
    }

    /// Numbers that don't compress.
    private static func randomNumbers(_ sequence: Int, rows: Int) -> [Int64] {
        var generator = SeededGenerator(seed: UInt64(sequence))
        return (0..<rows).map { _ in Int64.random(in: .min ... .max, using: &generator) }
    }

    /// Batch numbers of all whole row groups that a reader sees, in file order, with every value read and compared.
    static func batchesSeen(
        _ fileSystem: any FileSystem,
        root: String = "/a",
        scope: ArchiveReader.Scope = .sealed
    ) throws -> [Int] {
        var seen: [Int] = []
        for segment in try ArchiveReader(path: root, scope: scope, fileSystem: fileSystem).segments {
            let opened = try segment.open()
            for group in opened.rowGroups {
                let sequence = Int(group.batchSequence ?? 0)
                let values = try opened.readColumn(1, of: group).values
                guard case .integers(let numbers) = values,
                    numbers == plainNumbers(sequence, rows: group.rowCount)
                        || numbers == randomNumbers(sequence, rows: group.rowCount)
                else { throw FixtureError.wrongValues(sequence) }
                seen.append(sequence)
            }
        }
        return seen
    }

    /// The numbers of all rows that a reader sees, in ascending order, each as often as it sees it.
    static func numbersSeen(
        _ fileSystem: any FileSystem = PosixFileSystem(),
        root: String = "/a",
        scope: ArchiveReader.Scope = .sealedAndOpen
    ) throws -> [Int64] {
        try ArchiveReader(path: root, scope: scope, fileSystem: fileSystem).segments.flatMap { segment in
            let opened = try segment.open()
            return try opened.rowGroups.flatMap { group -> [Int64] in
                guard case .integers(let values) = try opened.readColumn(1, of: group).values else { return [] }
                return values
            }
        }.sorted()
    }

    enum FixtureError: Error { case wrongValues(Int) }
}
