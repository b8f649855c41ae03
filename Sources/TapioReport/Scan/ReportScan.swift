import TapioEvents
public import TapioQuery

/// Makes a report of an archive in one pass over its row groups, of which only the columns that it needs are read.
///
/// Where a row has null, what was found out later fills it in, as a query does. Memory: a row group's columns, the tables
/// beside the archive within ``QueryLimits``, and sketches whose size does not depend on the archive: at most about 80 MiB,
/// most of it histograms. Segments and row groups outside the time are skipped; what is damaged is skipped, named and counted.
public struct ReportScan {
    /// What is asked for.
    public struct Request: Sendable {
        /// Not before, UTC nanoseconds since 1970; nil: from the archive's begin.
        public var sinceNs: Int64?
        /// Before.
        public var untilNs: Int64?
        /// What the page is called.
        public var title: String
        /// Where the archive is, as it was named.
        public var archive: String
        /// The program's name and version.
        public var madeBy: String

        /// A report of all of an archive.
        public init(title: String, archive: String, madeBy: String, sinceNs: Int64? = nil, untilNs: Int64? = nil) {
            self.title = title
            self.archive = archive
            self.madeBy = madeBy
            self.sinceNs = sinceNs
            self.untilNs = untilNs
        }
    }

    /// Files that are left out and are named; the others are counted.
    private static let named = 100
    /// The agent writes its ledger at most so long after what it tells of. Microseconds.
    private static let ledgerDelayUs: Int64 = 120_000_000

    private let segments: [SegmentSource]
    private let sinceUs: Int64
    private let endUs: Int64
    private let grid: TimeGrid?
    /// Nil where nothing is beside the archive.
    private var joins: JoinSession?
    /// What cannot be read, or found no room.
    private var lacks = ScanSummary()
    private var data = ReportData()
    private var done = 0
    private var total = 0

    /// - Parameter warnings: Files that are left out, and why.
    private init(_ request: Request, segments: [SegmentSource], warnings: [String]) {
        self.segments = segments
        let times = Self.times(segments)
        // As a query has it: a row is known to the microsecond.
        func micros(_ ns: Int64) -> Int64 { ns / 1000 + (ns % 1000 > 0 ? 1 : 0) }
        sinceUs = request.sinceNs.map(micros) ?? .min
        endUs = request.untilNs.map(micros) ?? .max
        if let times, max(times.lowerBound, sinceUs) <= min(times.upperBound, endUs - 1) {
            grid = TimeGrid(from: max(times.lowerBound, sinceUs), through: min(times.upperBound, endUs - 1))
        } else {
            grid = nil
        }
        data.title = request.title
        data.archive = request.archive
        data.madeBy = request.madeBy
        data.nodes = Set(segments.compactMap(\.node)).sorted()
        data.reading.warnings = Array(warnings.prefix(Self.named))
        data.reading.warningCount = warnings.count
        total = segments.reduce(0) { $0 + $1.byteCount }
        data.reading.bytes = total
        let asked = segments.filter { $0.dimensions != nil && mayConcern($0) }
        if grid != nil, !asked.isEmpty {
            joins = JoinSession(reading: ReportFigures.late, of: asked, times: sinceUs...max(sinceUs, endUs - 1))
        }
    }

    /// Reads the archive.
    ///
    /// - Parameters:
    ///   - warnings: Files that are left out, and why.
    ///   - progress: Called now and then with bytes dealt with and bytes in all.
    public static func report(
        _ request: Request,
        segments: [SegmentSource],
        warnings: [String] = [],
        progress: ((_ done: Int, _ total: Int) -> Void)? = nil
    ) -> ReportData {
        var scan = ReportScan(request, segments: segments, warnings: warnings)
        var figures = scan.grid.map { ReportFigures(grid: $0, sinceUs: scan.sinceUs, untilUs: scan.endUs) }
        for segment in segments {
            scan.read(segment, into: &figures)
            progress?(scan.done, scan.total)
        }
        figures?.findLate(in: segments, &scan.lacks)
        figures?.report(to: &scan.data)
        scan.joins?.report(to: &scan.lacks)
        scan.data.reading.add(scan.lacks)
        return scan.data
    }

    private mutating func read(_ segment: SegmentSource, into figures: inout ReportFigures?) {
        defer { done += segment.byteCount }
        guard mayConcern(segment) else {
            data.reading.segmentsSkipped += 1
            return
        }
        data.reading.segments += 1
        for source in open(segment) {
            guard figures != nil else { return }
            guard mayConcern(source) else {
                data.reading.rowsOutside += source.rowCount
                continue
            }
            do {
                try figures?.add(source, of: segment)
            } catch {
                lacks.add(Damage(place: source.name, reason: "\(error)", rows: source.rowCount))
            }
            source.finished()
        }
    }

    /// The row groups of a segment; none where it cannot be read.
    private mutating func open(_ segment: SegmentSource) -> [any RowGroupSource] {
        do {
            let opened = try segment.open()
            for item in opened.damage { lacks.add(item) }
            return joins?.wrap(opened.groups, of: segment) ?? opened.groups
        } catch {
            lacks.add(Damage(place: segment.name, reason: "\(error)", rows: segment.rowsByKind?.values.reduce(0, +)))
            return []
        }
    }

    private func mayConcern(_ segment: SegmentSource) -> Bool {
        // What is not known, or may have grown, is looked at.
        guard let times = segment.timestampsNs, !segment.isOpen else { return true }
        return mayConcern(
            times.lowerBound / 1000 - 1...times.upperBound / 1000 + 1,
            hasLedger: segment.rowsByKind?["_ledger"] ?? 1 > 0
        )
    }

    private func mayConcern(_ source: any RowGroupSource) -> Bool {
        guard let times = Self.times(source) else { return true }
        var hasLedger = true
        if let kind = source.columns.firstIndex(where: { $0.name == "kind" }), let kinds = source.bounds(kind).values {
            hasLedger = kinds.contains("_ledger")
        }
        return mayConcern(times, hasLedger: hasLedger)
    }

    private func mayConcern(_ times: ClosedRange<Int64>, hasLedger: Bool) -> Bool {
        guard times.lowerBound < endUs else {
            return hasLedger && times.lowerBound < endUs.addingReportingOverflow(Self.ledgerDelayUs).partialValue
        }
        return times.upperBound >= sinceUs
    }

    /// The time that the segments tell of; of those that do not say so, by the bounds of their row groups.
    private static func times(_ segments: [SegmentSource]) -> ClosedRange<Int64>? {
        var found: ClosedRange<Int64>?
        func add(_ range: ClosedRange<Int64>) {
            found = min(found?.lowerBound ?? .max, range.lowerBound)...max(found?.upperBound ?? .min, range.upperBound)
        }
        for segment in segments {
            if let times = segment.timestampsNs {
                add(times.lowerBound / 1000...times.upperBound / 1000)
            } else if let groups = try? segment.open().groups {
                for group in groups { if let times = times(group) { add(times) } }
            }
        }
        return found
    }

    /// The bounds of a row group's times, microseconds.
    private static func times(_ source: any RowGroupSource) -> ClosedRange<Int64>? {
        guard let place = source.columns.firstIndex(where: { $0.name == "ts" }) else { return nil }
        let bounds = source.bounds(place)
        guard case .integer(let low) = bounds.minimum, case .integer(let high) = bounds.maximum, low <= high else {
            return nil
        }
        return low...high
    }
}
