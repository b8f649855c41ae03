public import TapioArchive
import TapioEvents

/// An archive on disk, as the engine asks it.
public struct ArchiveSource: Sendable {
    /// Its segments, oldest first.
    public let segments: [SegmentSource]
    /// Files that are left out, and why: a line each.
    public let warnings: [String]
    private let archiveSegments: [ArchiveSegment]
    /// The newest segment that opens, without its row groups.
    private let newest: OpenedSegment?

    /// The version of the archive's columns that this program writes.
    public static let schemaVersion = 1

    /// Lists what is at `path`: an archive's root, a node's directory, or one file.
    ///
    /// - Parameter includesOpen: Whether the segment that an agent is writing is read as well, as far as it is whole.
    public init(path: String, includesOpen: Bool = true) throws {
        let reader = try ArchiveReader(path: path, scope: includesOpen ? .sealedAndOpen : .sealed)
        archiveSegments = reader.segments
        segments = reader.segments.map { SegmentSource($0) }
        warnings = reader.warnings
        newest = Self.newest(of: reader.segments)
    }

    private static func newest(of segments: [ArchiveSegment]) -> OpenedSegment? {
        var newest: OpenedSegment?
        for segment in segments.reversed() {
            newest = try? segment.open { _ in false }
            if newest?.schema.columns.isEmpty == false { break }
        }
        return newest
    }

    /// The fields and kinds of this archive, with those of `known`: from its newest segment that opens.
    public func schema(_ known: QuerySchema) -> QuerySchema {
        let kinds = archiveSegments.flatMap { $0.totals.kinds.map(\.name) }
        let columns = (newest?.schema.columns ?? []).map { column in
            Column(column.fieldID, column.name, ColumnType(column.type), unit: ColumnUnit(name: column.name), "")
        }
        let schema = known.adding(columns: columns, kinds: kinds)
        return newerSchemaVersion == nil ? schema : schema.withoutValues()
    }

    /// The version of the columns in the newest segment, where it is newer than what this program knows: what it does not know
    /// is then taken as the file describes it.
    public var newerSchemaVersion: String? { Self.newerSchemaVersion(newest) }

    /// The same of segments that were listed already, the oldest first.
    public static func newerSchemaVersion(of segments: [ArchiveSegment]) -> String? {
        newerSchemaVersion(newest(of: segments))
    }

    private static func newerSchemaVersion(_ newest: OpenedSegment?) -> String? {
        guard let version = newest?.keyValues.last(where: { $0.key == SegmentKey.schemaVersion })?.value else {
            return nil
        }
        guard let number = Int(version) else { return version }
        return number > schemaVersion ? version : nil
    }

    /// Why what was opened is no archive: one file that is not a segment, in words that follow its path. Nil where it is one,
    /// damaged or not.
    public var stranger: String? {
        guard archiveSegments.count == 1, let file = newest, !file.isOurs else { return nil }
        if file.schema.columns.isEmpty {
            // A segment of which nothing is left, by a name that only agents give; and what the disk does not give may be one.
            let isPerhapsOurs = archiveSegments[0].name != nil || file.problems.contains { $0.kind == .unreadable }
            if isPerhapsOurs { return nil }
            return "is no segment of an archive: \(file.problems.last?.detail ?? "nothing in it can be read")"
        }
        let names = Set(file.schema.columns.map(\.name))
        let missing = ["ts", "kind", "weight"].filter { !names.contains($0) }
        if missing.isEmpty { return nil }
        return "is a Parquet file of something else: it has no column \(missing.joined(separator: ", "))"
    }
}

extension SegmentSource {
    init(_ segment: ArchiveSegment) {
        let totals = segment.totals
        var times: ClosedRange<Int64>?
        // Of a file that was cut off, the catalogue tells what it held: who asks for what is missing has to meet the damage.
        let listed = segment.cataloguedTotals ?? totals
        let lows = [totals.minTimestampNs, listed.minTimestampNs].compactMap(\.self)
        let highs = [totals.maxTimestampNs, listed.maxTimestampNs].compactMap(\.self)
        if let low = lows.min(), let high = highs.max(), low <= high { times = low...high }
        // An open segment may have grown since it was listed; a file that is not framed tells nothing of its kinds.
        let isKnown = !segment.isOpen && listed.rows > 0
        var rowsByKind = Dictionary(totals.kinds.map { ($0.name, $0.rows) }, uniquingKeysWith: +)
        rowsByKind.merge(Dictionary(listed.kinds.map { ($0.name, $0.rows) }, uniquingKeysWith: +)) { max($0, $1) }
        self.init(
            name: segment.path,
            byteCount: Int(segment.bytes),
            timestampsNs: times,
            rowsByKind: isKnown ? rowsByKind : nil,
            isRecovered: segment.isRecovered,
            isOpen: segment.isOpen,
            node: segment.node,
            sequence: segment.name?.sequence,
            dimensions: DimensionReader(besideSegment: segment.path, node: segment.node).map { ArchiveDimensions($0) }
        ) { isWanted in
            let opened: OpenedSegment
            do throws(ArchiveReadError) {
                opened = try segment.open { group in
                    isWanted(
                        GroupFacts(
                            timestampsNs: group.timestampsNs,
                            kinds: group.kinds.isEmpty ? nil : group.kinds.filter { $0.rows > 0 }.map(\.name),
                            rowCount: group.rowCount
                        )
                    )
                }
            } catch {
                throw PlainReason(error, at: segment.path)
            }
            let columns = SegmentColumns(opened)
            let groups = opened.rowGroups.map { ArchiveRowGroup(segment: opened, group: $0, all: columns) }
            let damage = Damage(of: opened, listedRows: segment.cataloguedTotals?.rows)
            return Opened(groups: groups, damage: damage.map { [$0] } ?? [], skipped: opened.unwantedGroups)
        }
    }
}

extension Damage {
    /// Places of a segment that are named.
    private static let namedPlaces = 3

    /// What is wrong with a segment, all of it together, since what is missing is known of the whole only; nil where nothing
    /// is.
    fileprivate init?(of segment: OpenedSegment, listedRows: Int64?) {
        let lost = segment.lostRows.map { Int($0) }
        let unlisted = listedRows.map { max(0, Int($0 - segment.wholeRows)) }
        // Either may know of more: the catalogue of what was cut off, the file of what it once held.
        let missing = unlisted.map { max($0, lost ?? 0) } ?? lost
        var reasons = segment.problems.prefix(Damage.namedPlaces).map { "\($0)" }
        if segment.problems.isEmpty {
            guard let missing = unlisted, missing > 0 else { return nil }
            reasons.append("it was cut off")
        }
        let more = segment.problems.count - reasons.count
        if more > 0 { reasons.append("and in \(HumanUnits.count(Int64(more))) more places") }
        self.init(place: segment.path, reason: reasons.joined(separator: "; "), rows: missing)
    }
}

/// Why a file cannot be read, without its name: that stands beside it already.
private struct PlainReason: Error, CustomStringConvertible {
    let description: String

    init(_ error: ArchiveReadError, at path: String) {
        if case .contents(_, let reason) = error {
            description = "\(reason)"
            return
        }
        let text = "\(error)"
        if text.hasPrefix(path + " ") {
            description = "it" + text.dropFirst(path.count)
        } else {
            // The system call's name, the path, and why.
            description = text.replacing(" \(path): ", with: ": ", maxReplacements: 1)
        }
    }
}

/// What the row groups of a segment have in common.
private final class SegmentColumns: Sendable {
    let columns: [SourceColumn]
    let places: [String: Int]
    let bootID: String?

    init(_ segment: OpenedSegment) {
        columns = segment.schema.columns.map { SourceColumn(name: $0.name, type: ColumnType($0.type)) }
        places = Dictionary(columns.enumerated().map { ($1.name, $0) }, uniquingKeysWith: { first, _ in first })
        bootID = segment.keyValues.last { $0.key == SegmentKey.bootID }?.value
    }
}

/// A row group of a segment on disk.
private struct ArchiveRowGroup: RowGroupSource {
    let segment: OpenedSegment
    let group: SegmentRowGroup
    let all: SegmentColumns

    var name: String { "\(segment.path) row group \(group.ordinal)" }
    var rowCount: Int { group.rowCount }
    var columns: [SourceColumn] { all.columns }
    var bootID: String? { all.bootID }
    var byteCount: Int { group.info.columns.reduce(0) { $0 + $1.compressedByteCount } }

    func place(of name: String) -> Int? { all.places[name] }

    func bounds(_ column: Int) -> ColumnBounds {
        var bounds = ColumnBounds(group.info.statistics(column))
        if columns[column].name == "kind", let kinds = group.kinds, !kinds.isEmpty {
            bounds.values = kinds.filter { $0.rows > 0 }.map(\.name)
        }
        return bounds
    }

    func read(_ column: Int) throws -> ColumnVector {
        do throws(ArchiveReadError) {
            return ColumnVector(try segment.readColumn(column, of: group))
        } catch {
            throw PlainReason(error, at: segment.path)
        }
    }

    func finished() { segment.forgetPages() }
}

extension ColumnVector {
    /// A column of a file, decoded.
    init(_ data: ColumnData) {
        switch data.values {
        case .integers(let values): self.init(.integers(values), validity: data.validity)
        case .doubles(let values): self.init(.doubles(values), validity: data.validity)
        case .strings(let strings):
            let texts = TextVector(bytes: strings.bytes, offsets: strings.offsets, indices: strings.indices)
            self.init(.texts(texts), validity: data.validity)
        }
    }
}

extension ColumnBounds {
    /// What a file says of a column chunk.
    init(_ statistics: ColumnStatistics?) {
        self.init(
            minimum: statistics?.minimum.map { Value($0) },
            maximum: statistics?.maximum.map { Value($0) },
            nullCount: statistics?.nullCount
        )
    }
}

extension ColumnBounds.Value {
    fileprivate init(_ value: ColumnStatistics.Value) {
        switch value {
        case .integer(let value): self = .integer(value)
        case .double(let value): self = .double(value)
        case .string(let bytes): self = .text(bytes)
        }
    }
}

extension ColumnType {
    /// The type of a file's column.
    init(_ type: ParquetType) {
        switch type {
        case .int32: self = .int32
        case .int64: self = .int64
        case .double: self = .double
        case .string: self = .string
        case .timestampMicros: self = .timestamp
        }
    }
}

extension ColumnUnit {
    /// The unit that a column's name carries: for columns that this version does not know.
    fileprivate init(name: String) {
        if name.hasSuffix("_ns") {
            self = .nanoseconds
        } else if name.hasSuffix("_us") {
            self = .microseconds
        } else if name.hasSuffix("bytes") || name.hasPrefix("bytes_") {
            self = .bytes
        } else {
            self = .none
        }
    }
}
