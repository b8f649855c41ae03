import Foundation
import TapioTestSupport

@testable import TapioArchive
@testable import TapioExport

/// An archive on disk whose segments a test seals one by one.
final class ExportedArchive {
    static let node = "n1"
    /// 2026-03-01 12:00 UTC.
    static let noonNs: Int64 = 1_772_366_400_000_000_000
    static let hourNs: Int64 = 3_600_000_000_000

    let directory = TemporaryDirectory()
    let archive: Archive
    private let schema: ParquetSchema
    private var nextRow: Int64 = 0

    /// - Parameter extra: A further column, of numbers.
    init(extra: String? = nil) throws {
        var columns = [
            ParquetColumn(name: "ts", type: .timestampMicros, isRequired: true, fieldID: 1),
            ParquetColumn(name: "kind", type: .string, isRequired: true, fieldID: 2),
            ParquetColumn(name: "seq", type: .int64, isRequired: true, fieldID: 3),
            ParquetColumn(name: "comm", type: .string, isRequired: false, fieldID: 4),
        ]
        if let extra { columns.append(ParquetColumn(name: extra, type: .int64, isRequired: false, fieldID: 5)) }
        schema = ParquetSchema(columns: columns)
        var options = ArchiveOptions(
            schema: schema,
            identity: ArchiveIdentity(
                node: Self.node,
                bootID: "0a1b2c3d-0000-0000-0000-000000000000",
                runID: "run-1",
                clockOffsetNs: 0,
                schemaVersion: "1",
                configHash: "0",
                createdBy: "tapio version 0"
            )
        )
        options.retention.minFreeShare = nil
        options.retentionIntervalNs = 0
        archive = try Archive.open(root: directory.path, options: options)
    }

    var source: ExportSource { ExportSource(archive) }
    /// The position's file of an exporter.
    func position(_ exporter: String) -> String { directory.file("_export/node=\(Self.node)/\(exporter).json") }

    /// Seals a segment; every third row has no `comm`.
    ///
    /// - Parameters:
    ///   - groups: Row groups.
    ///   - isRandom: Whether `seq` is random, and does not compress; else it counts on.
    @discardableResult
    func seal(rows: Int = 100, groups: Int = 1, hour: Int64 = 0, isRandom: Bool = false) throws -> SegmentFacts {
        for _ in 0..<groups { try append(rows, hour: hour, isRandom: isRandom) }
        archive.seal()
        guard let facts = archive.segments.max(by: { $0.name.sequence < $1.name.sequence }) else {
            throw ProcessFailure("nothing was sealed: \(archive.takeEvents())")
        }
        return facts
    }

    private func append(_ rows: Int, hour: Int64, isRandom: Bool) throws {
        let first = Self.noonNs + hour * Self.hourNs
        let encoder = RowGroupEncoder(schema: schema)
        encoder.begin(rowCount: rows)
        let times = (0..<rows).map { first / 1000 + Int64($0) }
        let numbers = (0..<rows).map { isRandom ? Int64.random(in: .min ... .max) : nextRow + Int64($0) }
        let present = (0..<rows).filter { $0 % 3 != 0 }
        var validity = [UInt64](repeating: 0, count: (rows + 63) / 64)
        for row in present { validity[row / 64] |= 1 << UInt64(row % 64) }
        let (kindBytes, commBytes) = (Array("exec".utf8), Array("bash\t'x'".utf8))
        var kinds = BytesInterner()
        let kindIndices = [UInt32](repeating: kinds.intern(kindBytes.span.bytes), count: rows)
        var comms = BytesInterner()
        let commIndices = [UInt32](repeating: comms.intern(commBytes.span.bytes), count: present.count)
        let extra = (0..<rows).map { Int64($0) }
        encoder.integers(0, values: times.span)
        encoder.strings(1, indices: kindIndices.span, dictionary: kinds.dictionary)
        encoder.integers(2, values: numbers.span)
        encoder.strings(3, indices: commIndices.span, dictionary: comms.dictionary, validity: validity.span)
        if schema.columns.count > 4 { encoder.integers(4, values: extra.span) }
        nextRow += Int64(rows)
        try archive.append(
            ArchiveBatch(
                group: encoder.finish(),
                sequence: UInt64(nextRow),
                lane: 1,
                minTimestampNs: first,
                maxTimestampNs: first + Int64(rows) * 1000,
                // No column has weights.
                kinds: [KindTotal(kind: 7, name: "exec", rows: rows, weight: 0)]
            )
        )
    }

    /// Lets retention remove all sealed segments but the newest, and gives those.
    func removeAllButNewest() -> [SegmentFacts] {
        _ = archive.takeEvents()
        var retention = RetentionPolicy()
        retention.maxBytes = archive.segments.last?.bytes
        retention.minFreeShare = nil
        archive.update(sync: .segment, rotation: RotationPolicy(), retention: retention)
        archive.maintain()
        return archive.takeEvents().compactMap { event in
            if case .deleted(let deletion) = event { deletion.segment } else { nil }
        }
    }

    /// SHA-256 by key of all sealed segments.
    func digests() throws -> [String: String] {
        var result: [String: String] = [:]
        for facts in archive.segments {
            let key = "node=\(Self.node)/\(facts.relativePath)"
            result[key] = Digest(TestFile.read(directory.file(key)) ?? []).hexadecimal
        }
        return result
    }
}

/// An exporter at work, ended with its object or by hand.
final class RunningExporter {
    let exporter: SegmentExporter
    let news = NewsLog()
    private let task: Task<Void, Never>

    init(_ make: (@escaping @Sendable (ExportNews) -> Void) -> SegmentExporter) {
        let exporter = make { [news] in news.append($0) }
        self.exporter = exporter
        task = Task { await exporter.run() }
    }

    deinit { task.cancel() }

    var status: ExporterStatus { exporter.status }

    /// Ends it as a stop of the agent does that cannot wait.
    func cancel() async {
        task.cancel()
        await task.value
    }

    /// Waits until its status is as wanted; false where it is not within half a minute.
    func wait(until condition: (ExporterStatus) -> Bool) -> Bool {
        let deadline = Deadline(seconds: 30)
        while !deadline.isOver {
            if condition(status) { return true }
            usleep(5_000)
        }
        return false
    }

    /// Waits until so many segments arrived.
    func awaitSent(_ count: UInt64) -> Bool { wait { $0.sentSegments == count && $0.waitingSegments == 0 } }
}

extension SegmentExporter.Pace {
    /// Looks and tries often.
    static var fast: Self {
        var pace = Self()
        pace.poll = .milliseconds(10)
        pace.retry = RetryDelay(first: .milliseconds(10), longest: .milliseconds(100))
        return pace
    }
}
