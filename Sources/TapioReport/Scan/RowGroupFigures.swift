import TapioQuery

/// One row group on its way into the tables: its columns, and sums by the numbers of its texts.
struct RowGroupFigures {
    let columns: GroupColumns
    /// Whether any row has a latency or a duration, or is a summary of some.
    let hasMeasure: Bool
    /// Where its rows come from, see ``RowOrigins``.
    private let origin: Int

    private let weights: [Double]?
    private let mergedCounts: GroupColumns.Integers?
    private let lastMerged: GroupColumns.Integers?
    private let histograms: GroupColumns.Texts?
    private let greatest: GroupColumns.Integers?
    private let latencies: GroupColumns.Integers?
    private let durations: GroupColumns.Integers?
    private let comms: GroupColumns.Texts?
    private let commEntries: [UInt32]
    private let pids: GroupColumns.Integers?
    private let lives: LifeColumns
    private let remote: RemoteColumns
    private var owners: Owners
    private var processes = LocalTally<SIMD2<UInt32>>()
    private var peers = LocalTally<SIMD4<UInt32>>()
    private var calls = LocalTally<SIMD4<UInt32>>()
    private var failed = LocalTally<SIMD8<UInt32>>()
    private var resolutions = LocalTally<SIMD8<UInt32>>()

    init(_ columns: GroupColumns, origin: Int) {
        self.columns = columns
        self.origin = origin
        weights = columns.doubles("weight")
        mergedCounts = columns.integers("agg_count")
        lastMerged = columns.integers("agg_last")
        histograms = columns.texts("agg_histogram")
        greatest = columns.integers("agg_max")
        latencies = columns.integers("latency_ns")
        durations = columns.integers("duration_ns")
        comms = columns.texts("comm")
        commEntries = columns.entries("comm")
        pids = columns.integers("pid")
        lives = LifeColumns(columns)
        remote = RemoteColumns(columns)
        owners = Owners(columns)
        hasMeasure = latencies != nil || durations != nil || histograms != nil
    }

    /// How many events a row stands for.
    @inline(__always)
    func weight(_ row: Int) -> Double {
        guard let weights else { return 1 }
        let weight = weights[row]
        // More is damage, and sums of it tell nothing.
        return weight > 0 && weight <= 1e15 ? weight : 1
    }

    /// How many events a summary was merged from; nil for the row of one event.
    @inline(__always)
    func merged(_ row: Int) -> Int64? { mergedCounts?[row] }

    /// When the last of the events of a summary happened, whose first is its time; nil for other rows.
    @inline(__always)
    func lastMerged(_ row: Int) -> Int64? { lastMerged?[row] }

    /// What a row measures, and the column's name.
    @inline(__always)
    func measure(_ row: Int) -> (Int64, String)? {
        if let value = latencies?[row] { return (value, "latency_ns") }
        return durations?[row].map { ($0, "duration_ns") }
    }

    /// What a summary measures; nil for other rows.
    @inline(__always)
    func summary(_ row: Int) -> (histogram: String, maximum: Int64?)? {
        guard let entry = histograms?.entry(row), let texts = histograms else { return nil }
        return (texts.vector.text(Int(entry)), greatest?[row])
    }

    /// Adds a row to the tables that its kind is for.
    @inline(__always)
    mutating func add(_ row: Int, _ role: EventRole, _ time: Int64, _ tables: inout ReportTables) {
        let weight = weight(row)
        let process = SIMD2(commEntries[row], owners.number(row))
        switch role {
        case .other, .ledger, .processStart, .processEnd, .outOfMemory, .signalDeath, .resolution:
            processes.add(process, score: weight)
        case .failedCall: processes.add(process, score: weight, sum: ReportTables.ProcessSum.failedCalls, weight)
        case .connection(.opened), .connection(.accepted):
            processes.add(process, score: weight, sum: ReportTables.ProcessSum.connections, weight)
        case .connection: processes.add(process, score: weight)
        }
        switch role {
        case .other, .ledger: break
        case .processStart: begin(row, time, &tables)
        case .processEnd: end(row, time, weight, &tables)
        case .connection(let event): connection(event, row, process, weight)
        case .failedCall: failedCall(row, process, weight)
        case .resolution(let outcome): resolution(outcome, row, process, weight)
        case .outOfMemory: tables.oomKills.offer(Double(time), outOfMemory(row, time))
        case .signalDeath:
            tables.signalDeaths.offer(Double(time), signalDeath(row, time))
            tables.signalDeathEvents += weight
        }
    }

    private func text(_ name: String, _ row: Int) -> String { columns.texts(name)?.text(row) ?? "" }
    private func number(_ name: String, _ row: Int) -> Int64? { columns.integers(name)?[row] }
    private func comm(_ row: Int) -> String { comms?.text(row) ?? "" }
    private func pid(_ row: Int) -> Int64 { pids?[row] ?? 0 }

    /// A row of its kind's slowest.
    mutating func slowRequest(_ row: Int, _ kind: String, _ time: Int64, _ value: Int64) -> ReportData.SlowRequest {
        ReportData.SlowRequest(
            timeUs: time,
            kind: kind,
            latencyNs: Double(value),
            pid: pid(row),
            comm: comm(row),
            owner: owners.name(of: row),
            detail: detail(row)
        )
    }

    private func detail(_ row: Int) -> String {
        let parts = [
            "dns_name", "dst_service", "dst_name", "dst_addr", "device", "io_operation", "reclaim_cause", "syscall",
        ]
        var found = parts.compactMap { columns.texts($0)?.text(row) }
        if let port = number("dst_port", row), !found.isEmpty { found.append("port \(port)") }
        return found.joined(separator: " · ")
    }
}

// MARK: - Processes

/// The columns that tell of the life of a process: looked up once per row group, not per row.
struct LifeColumns {
    let starts: GroupColumns.Integers?
    let parents: GroupColumns.Integers?
    let exitCodes: GroupColumns.Integers?
    let signals: GroupColumns.Integers?
    let programs: GroupColumns.Texts?

    init(_ columns: GroupColumns) {
        starts = columns.integers("start_ts")
        parents = columns.integers("ppid")
        exitCodes = columns.integers("exit_code")
        signals = columns.integers("signal")
        programs = columns.texts("exe")
    }
}

extension RowGroupFigures {
    private mutating func begin(_ row: Int, _ time: Int64, _ tables: inout ReportTables) {
        guard merged(row) == nil else { return }
        tables.lives.begin(span(row, startUs: lives.starts?[row] ?? time), timeUs: time, origin: origin)
    }

    private mutating func end(_ row: Int, _ time: Int64, _ weight: Double, _ tables: inout ReportTables) {
        // A summary tells of no single process.
        guard merged(row) == nil else { return }
        var span = span(row, startUs: lives.starts?[row] ?? time &- (durations?[row] ?? 0) / 1000)
        span.endUs = time
        span.exitCode = lives.exitCodes?[row]
        span.signal = lives.signals?[row].flatMap { $0 == 0 ? nil : $0 }
        tables.lives.end(span, timeUs: time, origin: origin)
        if span.signal != nil {
            tables.signalExits.offer(Double(time), death("process_exit", row, time, signal: span.signal, detail: ""))
            tables.signalExitEvents += weight
        }
    }

    private mutating func span(_ row: Int, startUs: Int64) -> ReportData.ProcessSpan {
        ReportData.ProcessSpan(
            pid: pid(row),
            ppid: lives.parents?[row] ?? 0,
            comm: comm(row),
            owner: owners.name(of: row),
            exe: lives.programs?.text(row) ?? "",
            startUs: startUs
        )
    }

    private mutating func death(
        _ kind: String,
        _ row: Int,
        _ time: Int64,
        signal: Int64?,
        detail: String
    ) -> ReportData.Death {
        ReportData.Death(
            timeUs: time,
            kind: kind,
            pid: pid(row),
            comm: comm(row),
            owner: owners.name(of: row),
            signal: signal,
            detail: detail
        )
    }

    private mutating func outOfMemory(_ row: Int, _ time: Int64) -> ReportData.Death {
        var parts: [String] = []
        if let limit = number("limit_bytes", row), limit >= 0 {
            parts.append("limit \(limit >> 20) MiB")
            if let usage = number("usage_bytes", row), usage >= 0 { parts.append("used \(usage >> 20) MiB") }
        } else {
            parts.append("the machine's memory was used up")
        }
        let trigger = text("trigger_comm", row)
        if !trigger.isEmpty { parts.append("asked for by \(trigger)[\(number("trigger_pid", row) ?? 0)]") }
        return death("oom_kill", row, time, signal: 9, detail: parts.joined(separator: ", "))
    }

    private mutating func signalDeath(_ row: Int, _ time: Int64) -> ReportData.Death {
        let sender = text("sender_comm", row)
        let from = sender.isEmpty ? "" : "from \(sender)[\(number("sender_pid", row) ?? 0)]"
        return death("signal_death", row, time, signal: number("signal", row), detail: from)
    }
}

// MARK: - Connections, calls, names

extension RowGroupFigures {
    private mutating func connection(
        _ event: EventRole.Connection,
        _ row: Int,
        _ process: SIMD2<UInt32>,
        _ weight: Double
    ) {
        typealias Sum = ReportTables.PeerSum
        let (peer, isInbound) = remote.peer(row, isDatagram: event == .datagrams)
        switch event {
        case .opened, .accepted: peers.add(peer, score: weight, sum: Sum.connections, weight)
        case .retransmitted: peers.add(peer, score: weight / 1000, sum: Sum.retransmits, weight)
        case .reset: break
        case .failed:
            peers.add(peer, score: weight, sum: Sum.failed, weight)
            let error = UInt32(truncatingIfNeeded: remote.errno?[row] ?? 0)
            let latency = latencies?[row] ?? greatest?[row] ?? 0
            failed.add(
                SIMD8(lowHalf: peer, highHalf: SIMD4(process.x, process.y, error, 0)),
                score: weight,
                longest: Double(latency)
            )
        case .closed:
            let sent = Double(remote.bytesSent?[row] ?? 0) * weight
            transfer(peer, process, sent: sent, received: Double(remote.bytesReceived?[row] ?? 0) * weight)
        case .datagrams:
            let each = remote.datagramBytes?[row].map { Double($0) * weight }
            let merged = Double(max(1, merged(row) ?? 1))
            let bytes = each ?? Double(remote.sum?[row] ?? 0) * weight / merged
            transfer(peer, process, sent: isInbound ? 0 : bytes, received: isInbound ? bytes : 0)
        }
    }

    private mutating func transfer(
        _ peer: SIMD4<UInt32>,
        _ process: SIMD2<UInt32>,
        sent: Double,
        received: Double
    ) {
        let score = (sent + received) / ReportTables.bytesOfAnEvent
        peers.add(peer, score: score, sum: ReportTables.PeerSum.sent, sent)
        peers.add(peer, score: 0, sum: ReportTables.PeerSum.received, received)
        processes.add(process, score: 0, sum: ReportTables.ProcessSum.sent, sent)
        processes.add(process, score: 0, sum: ReportTables.ProcessSum.received, received)
    }

    private mutating func failedCall(_ row: Int, _ process: SIMD2<UInt32>, _ weight: Double) {
        let call = remote.syscall?.entry(row) ?? noEntry
        let error = remote.error?.entry(row) ?? noEntry
        calls.add(SIMD4(call, error, process.x, process.y), score: weight)
    }

    private mutating func resolution(
        _ outcome: EventRole.Resolution,
        _ row: Int,
        _ process: SIMD2<UInt32>,
        _ weight: Double
    ) {
        let code = remote.dnsCode?.entry(row) ?? noEntry
        let trouble: Trouble
        switch outcome {
        case .timedOut: trouble = .timeout
        case .failed: trouble = .code
        case .answered:
            if code != noEntry, code != remote.noError {
                trouble = .code
            } else if remote.dnsSlow?[row] == 1 {
                trouble = .slow
            } else {
                return
            }
        }
        let latency = latencies?[row] ?? greatest?[row] ?? 0
        let name = remote.dnsName?.entry(row) ?? noEntry
        let server = remote.address?.entry(row) ?? noEntry
        resolutions.add(
            SIMD8(name, trouble.rawValue, trouble == .code ? code : noEntry, process.x, server, 0, 0, 0),
            score: weight,
            longest: Double(latency)
        )
    }

    private enum Trouble: UInt32 { case code, timeout, slow }
}

// MARK: - The end of the row group

extension RowGroupFigures {
    /// Adds its sums to the tables; each text is made once.
    func merge(into tables: inout ReportTables) {
        for (key, value) in processes.entries {
            tables.processes.add(
                ReportTables.ProcessKey(comm: comm(key.x), owner: owners.names[Int(key.y)]),
                score: value.score,
                sums: value.sums
            )
        }
        for (key, value) in peers.entries {
            tables.peers.add(remote.peerKey(key), score: value.score, sums: value.sums)
        }
        for (key, value) in calls.entries {
            tables.calls.add(
                ReportTables.CallKey(
                    syscall: text("syscall", entry: key.x),
                    error: text("error", entry: key.y),
                    comm: comm(key.z),
                    owner: owners.names[Int(key.w)]
                ),
                score: value.score
            )
        }
        for (key, value) in failed.entries {
            let peer = remote.peerKey(key.lowHalf)
            let place = peer.name.isEmpty ? peer.address : "\(peer.name) (\(peer.address))"
            tables.failed.add(
                ReportTables.FailedKey(
                    peer: peer.port > 0 ? "\(place) port \(peer.port)" : place,
                    error: ReportTables.errorName(Int64(key.highHalf.z)),
                    comm: comm(key.highHalf.x),
                    owner: owners.names[Int(key.highHalf.y)]
                ),
                score: value.score,
                longest: value.longest
            )
        }
        for (key, value) in resolutions.entries {
            let trouble =
                switch Trouble(rawValue: key[1]) {
                case .timeout: "timeout"
                case .slow: "slow"
                case .code, nil: text("dns_code", entry: key[2])
                }
            tables.resolutions.add(
                ReportTables.NameKey(
                    name: text("dns_name", entry: key[0]),
                    trouble: trouble.isEmpty ? "failed" : trouble,
                    comm: comm(key[3]),
                    server: text("dst_addr", entry: key[4])
                ),
                score: value.score,
                longest: value.longest
            )
        }
    }

    private func text(_ name: String, entry: UInt32) -> String {
        entry == noEntry ? "" : columns.texts(name)?.text(entry: entry) ?? ""
    }

    private func comm(_ entry: UInt32) -> String { entry == noEntry ? "" : comms?.text(entry: entry) ?? "" }
}
