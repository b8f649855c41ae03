/// What mattered of one event, in an order that suits its kind.
struct EventDetails {
    let event: DecodedEvent
    var shown: Set<String> = []
    private var line = StyledLine()

    init(_ event: DecodedEvent) {
        self.event = event
    }

    /// The details, led by two spaces.
    mutating func runs(kind: String) -> [(text: String, style: TerminalStyle)] {
        line.runs = [(" ", .plain)]
        if event["agg_count"] != .null { describeSummary(kind) }
        switch kind {
        case "process_exec", "process_existing": describeExec()
        case "process_fork": describeFork()
        case "process_exit": describeExit()
        case "signal_sent": describeSignal()
        case "signal_death": describeDeath()
        case "dns_query", "dns_failed", "dns_timeout": describeQuestion()
        case "packet_drop": describeDrop()
        case "syscall_failed": describeCall()
        case "file_open", "file_unlink", "file_rename", "file_chmod": describeFile()
        case "block_io", "block_error": describeRequest()
        case "run_queue_wait":
            if let latency = takeInt("latency_ns") { add("waited \(HumanUnits.duration(ns: latency)) for a CPU") }
        case "k8s_pod", "k8s_container", "k8s_node": describeKubernetesObject()
        case "k8s_event": describeKubernetesEvent()
        case "_ledger": describeLedger()
        default: if event["dst_addr"] != .null { describeConnection(kind) }
        }
        if kind != "_ledger" { describeRest() }
        return line.runs
    }

    /// Columns that tell machines more than people, or stand elsewhere in the line.
    private static let quiet: Set<String> = [
        "ts", "ts_sub_ns", "kind", "cpu", "seq", "pid", "tid", "ppid", "uid", "cgroup_id", "priority", "weight", "comm",
        "container_id", "pod", "namespace", "service", "container", "container_runtime", "container_status", "pod_uid",
        "pod_status", "workload", "unit", "start_ts", "netns", "socket_cookie", "exe_inode", "ip_version", "state",
        "argc", "args_bytes", "child_start_ts", "parent_start_ts", "interface_index", "ether_type", "drop_reason_code",
        "device_major", "device_minor", "file_inode", "exe", "args", "cwd", "ancestry",
    ]

    private mutating func describeExec() {
        let exe = take("exe")
        let args = take("args")
        if let text = args ?? exe { add(text, .bold) }
        if let exe, let args, !args.hasPrefix(exe) { add("(\(exe))", .faint) }
        if let interpreter = take("interpreter") { add("via \(interpreter)", .faint) }
        if let directory = take("cwd") { add("in \(directory)", .faint) }
        if let ancestry = take("ancestry") { add("by \(ancestry)", .faint) }
    }

    private mutating func describeFork() {
        if let child = takeInt("child_pid") { add("→ \(child)") }
    }

    private mutating func describeExit() {
        let code = takeInt("exit_code")
        if let signal = takeInt("signal"), signal != 0 {
            add("killed by \(SignalName.name(of: signal))", .red)
        } else if let code {
            add("exit \(code)", code == 0 ? .plain : .red)
        }
        describeEnd()
        if let cpu = takeInt("cpu_ns") { add("cpu \(HumanUnits.duration(ns: cpu))") }
        if let peak = takeInt("peak_rss_bytes"), peak > 0 { add("peak \(HumanUnits.bytes(peak))") }
    }

    private mutating func describeSignal() {
        if let signal = takeInt("signal") { add(SignalName.name(of: signal), .bold) }
        let target = process("target_comm", "target_pid", "target_tid")
        if !target.isEmpty { add("→ \(target)", .bold) }
        describeSource()
        if let result = take("signal_result"), result != "delivered" {
            add(result.split(separator: "_").joined(separator: " "), .yellow)
        }
        shown.formUnion(["signal_scope", "target_start_ts"])
    }

    private mutating func describeDeath() {
        if let signal = takeInt("signal") { add("killed by \(SignalName.name(of: signal))", .red) }
        let sender = process("sender_comm", "sender_pid", "sender_pid")
        if !sender.isEmpty { add("from \(sender)", .bold) }
        describeSource()
        describeEnd()
        if let latency = takeInt("latency_ns") { add("(\(HumanUnits.duration(ns: latency)) after the signal)", .faint) }
        shown.formUnion(["sender_start_ts", "sender_uid"])
    }

    /// What a process that ended on its own and one that was killed have in common.
    private mutating func describeEnd() {
        if let dumped = takeInt("core_dumped"), dumped != 0 { add("core dumped", .red) }
        if let duration = takeInt("duration_ns") { add("after \(HumanUnits.duration(ns: duration))") }
    }

    private mutating func describeSource() {
        let code = takeInt("signal_code")
        if let source = take("signal_source") {
            add(source == "fault" ? "fault" : "by \(source)", .faint)
            if source == "fault", let code { add("code \(code)", .faint) }
        }
        if let address = take("fault_address") { add("at 0x\(address)") }
    }

    /// `name[pid]`, with the thread where that is another; empty where nobody is known.
    private mutating func process(_ comm: String, _ pid: String, _ tid: String) -> String {
        let name = take(comm) ?? ""
        let thread = takeInt(tid)
        guard let number = takeInt(pid) else { return name }
        let isThread = thread.map { $0 != number } ?? false
        return isThread ? "\(name)[\(number)/\(thread!)]" : "\(name)[\(number)]"
    }

    private mutating func describeConnection(_ kind: String) {
        // A summary has the ends that its grouping key has.
        let source = event["src_addr"] == .null && event["src_port"] == .null ? "" : endpoint("src_addr", "src_port")
        let destination = endpoint("dst_addr", "dst_port")
        let arrow = take("direction") == "inbound" ? "←" : "→"
        add(source.isEmpty ? "\(arrow) \(destination)" : "\(source) \(arrow) \(destination)", .bold)
        let errno = takeInt("errno")
        if let errno { add(KernelNames.error(errno), .red) }
        if let latency = takeInt("latency_ns") {
            // Of one that failed, how long it was tried: there may have been no answer.
            let words =
                switch kind {
                case "tcp_failed": errno == nil ? "failed after" : "after"
                case "tcp_accept": "accepted after"
                default: "answered in"
                }
            add("\(words) \(HumanUnits.duration(ns: latency))")
        }
        if let duration = takeInt("duration_ns") { add("lasted \(HumanUnits.duration(ns: duration))") }
        if let sent = takeInt("bytes_sent") { add("↑\(HumanUnits.bytes(sent))") }
        if let received = takeInt("bytes_received") { add("↓\(HumanUnits.bytes(received))") }
        if let again = takeInt("retransmits"), again > 0 { add("\(again) sent again", .yellow) }
        if let srtt = takeInt("srtt_us"), srtt > 0 { add("rtt \(HumanUnits.duration(ns: srtt &* 1000))") }
    }

    /// `A example.org → NXDOMAIN`, and what was answered by whom.
    private mutating func describeQuestion() {
        if let type = take("dns_type") { add(type) }
        if let name = take("dns_name") { add(name, .bold) }
        if let code = take("dns_code") {
            add("→ \(code)", code == "NOERROR" ? .plain : .yellow)
        } else if event["agg_count"] == .null {
            add("→ no answer", .red)
        }
        if let answers = take("dns_answers") { add(answers) }
        if let latency = takeInt("latency_ns") {
            let isSlow = takeInt("dns_slow") == 1
            add("in \(HumanUnits.duration(ns: latency))", isSlow ? .yellow : .plain)
        }
        add("from \(endpoint("dst_addr", "dst_port"))", .faint)
        if takeInt("dns_truncated") == 1 { add("cut", .yellow) }
        if let attempts = takeInt("dns_attempts"), attempts > 1 { add("asked \(attempts) times", .yellow) }
        shown.formUnion(["src_addr", "src_port", "dns_bytes", "dns_slow"])
    }

    private mutating func describeDrop() {
        add(take("drop_reason") ?? "reason \(event.int("drop_reason_code") ?? 0)", .red)
        if let device = take("device") { add("at \(device)") }
        if let name = take("protocol") { add(name) }
        if event["src_addr"] != .null {
            add("\(endpoint("src_addr", "src_port")) → \(endpoint("dst_addr", "dst_port"))", .bold)
        }
        if let bytes = takeInt("packet_bytes") { add(HumanUnits.bytes(bytes)) }
    }

    private mutating func describeCall() {
        if let call = take("syscall") { add(call, .bold) }
        if let error = take("error") { add("→ \(error)", .red) }
        shown.insert("errno")
    }

    private mutating func describeFile() {
        add(take("file_operation") ?? "?")
        if let path = take("file_path") { add(path, .bold) }
        if let path = take("new_path") { add("→ \(path)", .bold) }
        if let access = take("file_access") { add("to \(access.split(separator: "_").joined(separator: " and "))") }
        if let mode = takeInt("file_mode") { add("mode 0\(String(mode, radix: 8))") }
        if let error = take("error") { add("→ \(error)", .red) }
        shown.insert("errno")
    }

    private mutating func describeRequest() {
        if let device = take("device") { add(device, .bold) }
        if let operation = take("io_operation") { add(operation) }
        if let bytes = takeInt("io_bytes") { add(HumanUnits.bytes(bytes)) }
        if let latency = takeInt("latency_ns") { add("took \(HumanUnits.duration(ns: latency))") }
        if let queued = takeInt("queue_ns") { add("after \(HumanUnits.duration(ns: queued)) in the queue", .faint) }
        if let error = take("error") { add("→ \(error)", .red) }
        shown.formUnion(["errno", "io_sector"])
    }

    /// `×1,204 in 5s`: as many events, all alike, from the first to the last of them.
    private mutating func describeSummary(_ kind: String) {
        let count = takeInt("agg_count") ?? 0
        var text = "×\(HumanUnits.count(count))"
        if case (.timestamp(let first), .timestamp(let last)) = (event["agg_first"], event["agg_last"]) {
            text += " in \(HumanUnits.duration(ns: (last &- first).multipliedReportingOverflow(by: 1000).partialValue))"
        }
        add(text, .bold)
        // What chance kept stands for more.
        if case .double(let weight) = event["weight"], weight > Double(count) {
            add("(weight \(HumanUnits.decimal(weight)))", .faint)
        }
        if let least = takeInt("agg_min"), let most = takeInt("agg_max") {
            add("\(EventDetails.measure(least, of: kind)) to \(EventDetails.measure(most, of: kind))")
        }
        shown.formUnion(["agg_first", "agg_last", "agg_sum", "agg_histogram"])
    }

    /// What the measures of these kinds are; that of a kind which nobody knew when this was written may be anything.
    private static func measure(_ value: Int64, of kind: String) -> String {
        switch kind {
        case "process_exit", "signal_death", "memory_reclaim", "tcp_connect", "tcp_accept", "tcp_close", "tcp_failed",
            "dns_query", "dns_failed", "dns_timeout", "block_io", "run_queue_wait":
            HumanUnits.duration(ns: value)
        case "packet_drop", "udp_flow", "flow": HumanUnits.bytes(value)
        default: HumanUnits.count(value)
        }
    }

    private mutating func describeLedger() {
        let entry = event.string("ledger_entry") ?? "?"
        add(entry, entry == "gap" || entry == "unclean_shutdown" ? .red : .bold)
        for name in ["ledger_kind", "ledger_collector"] {
            if let text = event.string(name) { add(text) }
        }
        if let count = event.int("ledger_count") { add(HumanUnits.count(count) + (entry == "gap" ? " lost" : "")) }
        if let reason = event.string("ledger_reason") { add(reason, .yellow) }
        if let stage = event.string("ledger_stage") { add("in \(stage)", .faint) }
        for (column, value) in event.values where column.id >= 137 && column.id <= 146 {
            guard case .int(let number) = value, number != 0 else { continue }
            add("\(column.name.dropFirst("ledger_".count))=\(HumanUnits.count(number))")
        }
        if case (.timestamp(let from), .timestamp(let to)) = (event["ledger_from"], event["ledger_to"]), from != to {
            add("\(HumanTime.timeOfDay(microseconds: from))–\(HumanTime.timeOfDay(microseconds: to)) UTC", .faint)
        }
        if let note = event.string("ledger_note") { add(note) }
    }

    private mutating func describeRest() {
        for (column, value) in event.values where !shown.contains(column.name) && !Self.quiet.contains(column.name) {
            // The ledger's columns, where a kind that is no ledger row has them, say nothing.
            if (128..<192).contains(column.id) { continue }
            switch value {
            case .null: continue
            case .string(let text): add("\(column.name)=\(text)")
            case .int(let number): add("\(EventDetails.label(column))=\(EventDetails.number(number, column))")
            case .double(let number): add("\(column.name)=\(HumanUnits.decimal(number))")
            case .timestamp(let us): add("\(column.name)=\(HumanTime.rfc3339(microseconds: us))")
            }
        }
    }

    /// The unit is said by the value; the name need not repeat it.
    private static func label(_ column: Column) -> String {
        for suffix in ["_ns", "_us"] where column.unit != .none && column.name.hasSuffix(suffix) {
            return String(column.name.dropLast(suffix.count))
        }
        return column.name
    }

    private static func number(_ value: Int64, _ column: Column) -> String {
        switch column.unit {
        case .nanoseconds: HumanUnits.duration(ns: value)
        case .microseconds: HumanUnits.duration(ns: value.multipliedReportingOverflow(by: 1000).partialValue)
        case .bytes: HumanUnits.bytes(value)
        case .count: HumanUnits.count(value)
        case .none: column.name == "errno" ? KernelNames.error(value) : String(value)
        }
    }

    private mutating func endpoint(_ address: String, _ port: String) -> String {
        let host = take(address) ?? "*"
        guard let number = takeInt(port) else { return host }
        return host.contains(":") ? "[\(host)]:\(number)" : "\(host):\(number)"
    }

    mutating func take(_ name: String) -> String? {
        shown.insert(name)
        return event.string(name)
    }

    mutating func takeInt(_ name: String) -> Int64? {
        shown.insert(name)
        return event.int(name)
    }

    mutating func add(_ text: String, _ style: TerminalStyle = .plain) {
        line.add(TerminalText.escape(text, limit: 1000), style)
    }
}
