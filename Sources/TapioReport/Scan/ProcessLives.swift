/// Begin and end of processes. Where there are too many, those that ended well and soon are forgotten first.
struct ProcessLives {
    private struct Identity: Hashable {
        var pid: Int64
        var startUs: Int64
    }

    /// Processes that are told apart at a time.
    private static let most = 16_384
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
        let kept = lives.sorted { Self.isMoreNotable($0.value, $1.value) }.prefix(Self.most / 2)
        forgotten += lives.count - kept.count
        lives = Dictionary(uniqueKeysWithValues: kept.map { ($0.key, $0.value) })
    }

    /// Those that were killed, then those that failed, then those that lasted; what is not seen to end lasts longest.
    private static func isMoreNotable(_ left: ReportData.ProcessSpan, _ right: ReportData.ProcessSpan) -> Bool {
        func rank(_ span: ReportData.ProcessSpan) -> (Int, Int64, Int64) {
            let fate = span.signal ?? 0 != 0 ? 2 : span.exitCode ?? 0 != 0 ? 1 : 0
            return (fate, span.endUs.map { $0 &- span.startUs } ?? .max, -span.pid)
        }
        return rank(left) > rank(right)
    }

    /// The most notable, by their start.
    var listing: ReportData.Listing<ReportData.ProcessSpan> {
        // Failures must not hide everything that went well: half the room at least is for what lasted.
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
