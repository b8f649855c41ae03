/// Begin and end of processes. Where there are too many, those that ended well and soon are forgotten first.
struct ProcessLives {
    private struct Identity: Hashable {
        var pid: Int64
        var startUs: Int64
    }

    /// Processes that are told apart at a time.
    private static let most = 16_384
    /// Those that stay when there are too many.
    private static let kept = 2048
    /// Processes that a report shows.
    private static let shown = 300

    private var lives: [Identity: ReportData.ProcessSpan] = [:]
    private var forgotten = 0

    /// A process began, was there, or started another program.
    mutating func begin(_ span: ReportData.ProcessSpan) {
        let identity = Identity(pid: span.pid, startUs: span.startUs)
        if let known = lives[identity] {
            // Rows of its end may come first.
            lives[identity]?.exe = span.exe.isEmpty ? known.exe : span.exe
            if known.endUs == nil { lives[identity]?.comm = span.comm }
            return
        }
        insert(span, identity)
    }

    /// A process ended.
    mutating func end(_ span: ReportData.ProcessSpan) {
        let identity = Identity(pid: span.pid, startUs: span.startUs)
        guard let known = lives[identity] else { return insert(span, identity) }
        var ended = span
        ended.exe = known.exe
        lives[identity] = ended
    }

    private mutating func insert(_ span: ReportData.ProcessSpan, _ identity: Identity) {
        if lives.count >= Self.most { purge() }
        lives[identity] = span
    }

    private mutating func purge() {
        let scores = lives.values.map { Self.notability($0) }.sorted(by: >)
        let least = scores[Self.kept]
        let before = lives.count
        lives = lives.filter { Self.notability($0.value) > least }
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

    /// The most notable, by their start.
    var listing: ReportData.Listing<ReportData.ProcessSpan> {
        // Failures must not hide what went well: half the room at least is for what lasted.
        let all = Array(lives.values)
        let failed = all.filter { $0.signal ?? 0 != 0 || $0.exitCode ?? 0 != 0 }.sorted(by: Self.isMoreNotable)
        let well = all.filter { $0.signal ?? 0 == 0 && $0.exitCode ?? 0 == 0 }.sorted(by: Self.isMoreNotable)
        let lasting = well.prefix(max(Self.shown / 2, Self.shown - failed.count))
        let chosen = failed.prefix(Self.shown - lasting.count) + lasting
        return ReportData.Listing(
            chosen.sorted { ($0.startUs, $0.pid) < ($1.startUs, $1.pid) },
            total: lives.count + forgotten
        )
    }
}
