import TapioEvents

/// The rankings and lists of a report while they grow. Each is bounded.
struct ReportTables {
    struct ProcessKey: Hashable { var comm, owner: String }
    struct PeerKey: Hashable {
        var name, address, direction: String
        var port: Int
    }
    struct CallKey: Hashable { var syscall, error, comm, owner: String }
    struct FailedKey: Hashable { var peer, error, comm, owner: String }
    struct NameKey: Hashable { var name, trouble, comm, server: String }

    /// Places in the sums of a process.
    enum ProcessSum { static let failedCalls = 1, connections = 2, sent = 3, received = 4 }
    /// Places in the sums of a peer.
    enum PeerSum { static let connections = 0, failed = 1, sent = 2, received = 3, retransmits = 4 }

    /// Rows of a table on the page.
    static let shown = 100
    /// A payload of so many bytes counts as much as a connection: peers are ranked by both.
    static let bytesOfAnEvent = 1500.0

    var processes = HeavyHitters<ProcessKey>(capacity: 16_384)
    var peers = HeavyHitters<PeerKey>(capacity: 32_768)
    var calls = HeavyHitters<CallKey>(capacity: 4096)
    var failed = HeavyHitters<FailedKey>(capacity: 4096)
    var resolutions = HeavyHitters<NameKey>(capacity: 4096)
    var oomKills = Greatest<ReportData.Death>(capacity: 300)
    var signalDeaths = Greatest<ReportData.Death>(capacity: 300)
    var signalExits = Greatest<ReportData.Death>(capacity: 300)
    /// What the rows of ``signalDeaths`` stand for.
    var signalDeathEvents = 0.0
    /// What those of ``signalExits`` do.
    var signalExitEvents = 0.0
    var lives = ProcessLives()

    /// Puts them into a report.
    func report(to data: inout ReportData) {
        for (key, item) in processes.greatest(Self.shown, name: { $0.comm + "\0" + $0.owner }) {
            data.processes.items.append(
                ReportData.ProcessRank(
                    comm: key.comm,
                    owner: key.owner,
                    events: item.score.thousandths,
                    failedCalls: item.sums[ProcessSum.failedCalls].thousandths,
                    connections: item.sums[ProcessSum.connections].thousandths,
                    bytesSent: item.sums[ProcessSum.sent].thousandths,
                    bytesReceived: item.sums[ProcessSum.received].thousandths
                )
            )
        }
        data.processes.error = processes.error.thousandths
        data.processes.leftOut = processes.items.count - data.processes.items.count
        for (key, item) in peers.greatest(Self.shown, name: { "\($0.name)\0\($0.address)\0\($0.port)" }) {
            data.peers.items.append(
                ReportData.PeerRank(
                    name: key.name,
                    address: key.address,
                    port: key.port > 0 ? key.port : nil,
                    direction: key.direction,
                    connections: item.sums[PeerSum.connections].thousandths,
                    failed: item.sums[PeerSum.failed].thousandths,
                    bytesSent: item.sums[PeerSum.sent].thousandths,
                    bytesReceived: item.sums[PeerSum.received].thousandths,
                    retransmits: item.sums[PeerSum.retransmits].thousandths
                )
            )
        }
        data.peers.error = peers.error.thousandths
        data.peers.leftOut = peers.items.count - data.peers.items.count
        for (key, item) in calls.greatest(
            Self.shown,
            name: { $0.syscall + "\0" + $0.error + "\0" + $0.comm + "\0" + $0.owner }
        ) {
            data.syscalls.items.append(
                ReportData.SyscallRank(
                    syscall: key.syscall,
                    error: key.error,
                    comm: key.comm,
                    owner: key.owner,
                    count: item.score.thousandths
                )
            )
        }
        data.syscalls.error = calls.error.thousandths
        data.syscalls.leftOut = calls.items.count - data.syscalls.items.count
        reportFailures(to: &data)
        data.timeline = lives.listing
    }

    private func reportFailures(to data: inout ReportData) {
        for (key, item) in failed.greatest(
            Self.shown,
            name: { $0.peer + "\0" + $0.error + "\0" + $0.comm + "\0" + $0.owner }
        ) {
            data.failedConnections.items.append(
                ReportData.FailedConnectionRank(
                    peer: key.peer,
                    error: key.error,
                    comm: key.comm,
                    owner: key.owner,
                    count: item.score.thousandths,
                    longestNs: item.longest
                )
            )
        }
        data.failedConnections.error = failed.error.thousandths
        data.failedConnections.leftOut = failed.items.count - data.failedConnections.items.count
        for (key, item) in resolutions.greatest(
            Self.shown,
            name: { $0.name + "\0" + $0.trouble + "\0" + $0.comm + "\0" + $0.server }
        ) {
            data.dns.items.append(
                ReportData.DNSRank(
                    name: key.name,
                    trouble: key.trouble,
                    comm: key.comm,
                    server: key.server,
                    count: item.score.thousandths,
                    longestNs: item.longest
                )
            )
        }
        data.dns.error = resolutions.error.thousandths
        data.dns.leftOut = resolutions.items.count - data.dns.items.count
        // The signals collector tells more of the same deaths.
        let hasCollector = signalDeaths.total > 0
        let bySignal = hasCollector ? signalDeaths : signalExits
        if bySignal.total > 0 {
            data.signalDeaths = ReportData.SignalDeaths(
                kind: hasCollector ? "signal_death" : "process_exit",
                rows: bySignal.total,
                events: (hasCollector ? signalDeathEvents : signalExitEvents).thousandths
            )
        }
        let deaths = oomKills.items + bySignal.items
        data.deaths = ReportData.Listing(
            deaths.sorted { ($0.timeUs, $0.kind, $0.pid) < ($1.timeUs, $1.kind, $1.pid) },
            total: oomKills.total + bySignal.total
        )
    }
}

extension ReportTables {
    /// Name of an error of the kernel.
    static func errorName(_ number: Int64?) -> String {
        guard let number else { return "" }
        let names = KernelNames.errors
        return number > 0 && number < names.count ? names[Int(number)] : "error \(number)"
    }
}
