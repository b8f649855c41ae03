import TapioQuery

/// Begin and end of processes. Where there are too many, those that ended well and soon are forgotten first.
struct ProcessLives {
    private struct Identity: Hashable {
        var pid: Int64
        var startUs: Int64
        /// Of ``RowOrigins``.
        var origin: Int
    }

    private struct Life {
        var span: ReportData.ProcessSpan
        /// When its last row was written.
        var seenUs: Int64
    }

    /// Processes that are told apart at a time.
    private static let most = 16_384
    /// Those that stay when there are too many.
    private static let kept = 2048
    /// Processes that a report shows.
    private static let shown = 300

    private var lives: [Identity: Life] = [:]
    private var forgotten = 0

    /// A process began, was there, or started another program.
    ///
    /// - Parameters:
    ///   - timeUs: Of the row that says so.
    ///   - origin: Where that row comes from, see ``RowOrigins``.
    mutating func begin(_ span: ReportData.ProcessSpan, timeUs: Int64, origin: Int) {
        let identity = Identity(pid: span.pid, startUs: span.startUs, origin: origin)
        guard let known = lives[identity] else { return insert(Life(span: span, seenUs: timeUs), identity) }
        // Rows of its end may come first.
        if !span.exe.isEmpty { lives[identity]?.span.exe = span.exe }
        if known.span.endUs == nil {
            lives[identity]?.span.comm = span.comm
            lives[identity]?.seenUs = timeUs
        }
    }

    /// A process ended.
    mutating func end(_ span: ReportData.ProcessSpan, timeUs: Int64, origin: Int) {
        let identity = Identity(pid: span.pid, startUs: span.startUs, origin: origin)
        var life = Life(span: span, seenUs: timeUs)
        guard let known = lives[identity] else { return insert(life, identity) }
        life.span.exe = known.span.exe
        lives[identity] = life
    }

    private mutating func insert(_ life: Life, _ identity: Identity) {
        if lives.count >= Self.most { purge() }
        lives[identity] = life
    }

    private mutating func purge() {
        let scores = lives.values.map { Self.notability($0.span) }.sorted(by: >)
        let least = scores[Self.kept]
        let before = lives.count
        lives = lives.filter { Self.notability($0.value.span) > least }
        // So many may be equal that none is greater.
        forgotten += before - lives.count
    }

    /// Those that were killed first, then those that failed, then those that lasted; what is not seen to end lasts longest.
    private static func notability(_ span: ReportData.ProcessSpan) -> Double {
        let lasted = span.endUs.map { Double(max(0, $0 &- span.startUs)) } ?? 9e18
        return (span.signal ?? 0 != 0 ? 4e19 : span.exitCode ?? 0 != 0 ? 2e19 : 0) + lasted
    }

    private static func isMoreNotable(_ left: ReportData.ProcessSpan, _ right: ReportData.ProcessSpan) -> Bool {
        (notability(left), right.startUs, right.pid) > (notability(right), left.startUs, left.pid)
    }

    private static func hasFailed(_ span: ReportData.ProcessSpan) -> Bool {
        span.signal ?? 0 != 0 || span.exitCode ?? 0 != 0
    }

    /// The most notable.
    private var chosen: [(key: Identity, value: Life)] {
        // Failures must not hide what went well: half the room at least is for what lasted.
        let all = lives.sorted { Self.isMoreNotable($0.value.span, $1.value.span) }
        let failed = all.filter { Self.hasFailed($0.value.span) }
        let well = all.filter { !Self.hasFailed($0.value.span) }
        let lasting = well.prefix(max(Self.shown / 2, Self.shown - failed.count))
        return Array(failed.prefix(Self.shown - lasting.count) + lasting)
    }

    /// The most notable, by their start.
    var listing: ReportData.Listing<ReportData.ProcessSpan> {
        ReportData.Listing(
            chosen.map(\.value.span).sorted { ($0.startUs, $0.pid) < ($1.startUs, $1.pid) },
            total: lives.count + forgotten
        )
    }
}

// MARK: - What was found out later

extension ProcessLives {
    /// Fills in the programs of the processes that are shown and of which no row told, from the tables beside the archive.
    ///
    /// Of those tables only rows of these few pids are held.
    ///
    /// - Parameters:
    ///   - origins: Where the rows came from.
    ///   - segments: All that were read.
    ///   - lacks: What of the tables cannot be read is added to it.
    mutating func findPrograms(
        _ origins: [RowOrigins.Origin],
        in segments: [SegmentSource],
        _ lacks: inout ScanSummary
    ) {
        let nameless = chosen.filter { identity, life in
            life.span.exe.isEmpty && origins[identity.origin].segment.dimensions != nil
        }
        let times = nameless.map(\.value.seenUs)
        guard let first = times.min(), let last = times.max() else { return }
        let joins = JoinSession(
            reading: ["exe"],
            of: segments,
            times: first...last,
            numbers: Set(nameless.map(\.key.pid))
        )
        for (number, found) in Dictionary(grouping: nameless, by: \.key.origin) {
            let origin = origins[number]
            let seen = SeenProcesses(
                pids: found.map(\.key.pid),
                timesUs: found.map(\.value.seenUs),
                bootID: origin.bootID
            )
            for group in joins.wrap([seen], of: origin.segment) {
                var columns = GroupColumns(group)
                // They are in memory: nothing of them is damaged.
                try? columns.read(["exe"])
                let programs = columns.texts("exe")
                for (row, life) in found.enumerated() {
                    if let program = programs?.text(row) { lives[life.key]?.span.exe = program }
                }
            }
        }
        joins.report(to: &lacks)
    }
}
