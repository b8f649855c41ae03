/// Which tables of the report a kind is for.
enum EventRole: Sendable {
    /// A process began, or was there.
    case processStart
    /// A process ended.
    case processEnd
    /// Something of a connection.
    case connection(Connection)
    /// A system call failed.
    case failedCall
    /// A question to a name server.
    case resolution(Resolution)
    /// The kernel chose a process to be killed.
    case outOfMemory
    /// A signal ended a process.
    case signalDeath
    /// The ledger's own.
    case ledger
    /// Counted, timed, and no more.
    case other

    enum Connection: Sendable { case opened, accepted, closed, failed, retransmitted, reset, datagrams }
    enum Resolution: Sendable { case answered, failed, timedOut }

    init(kind: String) {
        self =
            switch kind {
            case "process_exec", "process_existing": .processStart
            case "process_exit": .processEnd
            case "tcp_connect": .connection(.opened)
            case "tcp_accept": .connection(.accepted)
            case "tcp_close": .connection(.closed)
            case "tcp_failed": .connection(.failed)
            case "tcp_retransmit": .connection(.retransmitted)
            case "tcp_reset": .connection(.reset)
            case "udp_flow": .connection(.datagrams)
            case "syscall_failed": .failedCall
            case "dns_query": .resolution(.answered)
            case "dns_failed": .resolution(.failed)
            case "dns_timeout": .resolution(.timedOut)
            case "oom_kill": .outOfMemory
            case "signal_death": .signalDeath
            case "_ledger": .ledger
            default: .other
            }
    }

    /// The columns that its tables are made of, beside those that all kinds share.
    var columns: [String] {
        switch self {
        case .processStart: ["pid", "ppid", "start_ts", "exe"]
        case .processEnd: ["pid", "ppid", "start_ts", "duration_ns", "exit_code", "signal"]
        case .connection(let event):
            ["dst_addr", "dst_port", "src_port", "direction", "dst_name", "dst_service"]
                + (event == .closed ? ["bytes_sent", "bytes_received"] : [])
                + (event == .failed ? ["errno", "latency_ns"] : [])
                + (event == .datagrams ? ["datagram_bytes", "datagram_direction", "agg_sum"] : [])
        case .failedCall: ["syscall", "error", "errno"]
        case .resolution: ["dns_name", "dns_code", "dns_slow", "dst_addr", "latency_ns", "agg_max"]
        case .outOfMemory: ["pid", "limit_bytes", "usage_bytes", "trigger_comm", "trigger_pid"]
        case .signalDeath: ["pid", "signal", "sender_comm", "sender_pid"]
        case .ledger: LedgerFigures.columns
        case .other: []
        }
    }
}
