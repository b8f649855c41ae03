import TapioBPF
import TapioEvents

/// Writes the events of a ``SyntheticNode`` into batches, as a reader would.
struct SyntheticEvents {
    private var node: SyntheticNode
    private var timeNs: UInt64 = 86_400_000_000_000
    private var sequences: [UInt64]
    private var nextPid: UInt32 = 100_000
    private var cookie: UInt64 = 900_000
    private var open: [(process: Int, service: Int, port: UInt16, cookie: UInt64, sinceNs: UInt64, isInbound: Bool)] =
        []
    private var born: [(process: Int, pid: UInt32, sinceNs: UInt64)] = []
    private var buffer: [UInt8] = []

    init(seed: UInt64, cpus: Int = 2) {
        node = SyntheticNode(seed: seed)
        sequences = [UInt64](repeating: 0, count: cpus)
    }

    /// Fills an empty batch.
    mutating func fill(_ batch: RowBatch) {
        batch.enrichment = node.enrichment
        while appendOne(to: batch) {}
    }

    private mutating func appendOne(to batch: RowBatch) -> Bool {
        // 420,000 events a second.
        timeNs += 1 + UInt64(node.random.below(4_760))
        let container: Int
        switch node.random.below(1000) {
        case 0..<150: container = connect(isInbound: false)
        case 150..<300: container = connect(isInbound: true)
        case 300..<450: container = close()
        case 450..<580: container = exec()
        case 580..<715: container = fork()
        case 715..<850: container = exit()
        case 850..<930: container = trouble(TAPIO_KIND_TCP_RETRANSMIT)
        case 930..<965: container = trouble(TAPIO_KIND_TCP_RESET)
        default: container = trouble(TAPIO_KIND_TCP_FAILED)
        }
        return unsafe batch.append(buffer.span.bytes, enrichmentID: UInt32(container) + 1)
    }

    // MARK: - TCP

    private mutating func connect(isInbound: Bool) -> Int {
        let process = node.random.busy(SyntheticNode.processCount)
        let service = node.processes[process].services[node.random.busy(4)]
        cookie += 1 + UInt64(node.random.below(3))
        let port = UInt16(32_768 + node.random.below(28_000))
        if open.count < 20_000 { open.append((process, service, port, cookie, timeNs, isInbound)) }
        var record = tcp(
            isInbound ? TAPIO_KIND_TCP_ACCEPT : TAPIO_KIND_TCP_CONNECT,
            process,
            service,
            port,
            cookie,
            isInbound
        )
        record.state = isInbound ? 1 : 2
        record.latency_ns =
            isInbound
            ? 20_000 + node.random.skewed(1 << 20)
            : UInt64(node.services[service].roundTripUs) * 1_000 + node.random.skewed(1 << 18)
        record.srtt_us = isInbound ? .max : node.services[service].roundTripUs + UInt32(node.random.below(64))
        record.retransmits = isInbound ? .max : 0
        store(record)
        return node.processes[process].container
    }

    private mutating func close() -> Int {
        guard !open.isEmpty else { return connect(isInbound: false) }
        let index = node.random.below(open.count)
        let (process, service, port, cookie, since, isInbound) = open[index]
        open.swapAt(index, open.count - 1)
        open.removeLast()
        var record = tcp(TAPIO_KIND_TCP_CLOSE, process, service, port, cookie, isInbound)
        record.state = 1
        record.duration_ns = timeNs - since
        record.bytes_sent = 200 + node.random.skewed(1 << 22)
        record.bytes_received = 150 + node.random.skewed(1 << 24)
        record.srtt_us = node.services[service].roundTripUs + UInt32(node.random.below(64))
        record.retransmits = UInt32(node.random.below(20) / 18)
        store(record)
        return node.processes[process].container
    }

    private mutating func trouble(_ kind: Int) -> Int {
        guard !open.isEmpty else { return connect(isInbound: false) }
        let (process, service, port, cookie, since, isInbound) = open[node.random.below(open.count)]
        var record = tcp(kind, process, service, port, cookie, isInbound)
        record.retransmits = UInt32(1 + node.random.below(3))
        record.srtt_us = node.services[service].roundTripUs + UInt32(node.random.below(64))
        switch kind {
        case TAPIO_KIND_TCP_RESET: record.reset_sent = UInt8(node.random.below(2))
        case TAPIO_KIND_TCP_FAILED:
            record.error = node.random.below(4) == 0 ? 110 : 111
            record.state = 2
            record.latency_ns = min(timeNs - since, 100_000 + node.random.skewed(1 << 22))
        default: record.state = 1
        }
        store(record)
        return node.processes[process].container
    }

    private mutating func tcp(
        _ kind: Int,
        _ process: Int,
        _ service: Int,
        _ port: UInt16,
        _ cookie: UInt64,
        _ isInbound: Bool
    ) -> tapio_tcp {
        var record = tapio_tcp()
        let known = node.processes[process]
        let container = node.containers[known.container]
        record.header = header(kind, known.pid, process, kind == TAPIO_KIND_TCP_FAILED ? .high : .normal)
        let other = node.services[service]
        SyntheticEvents.put(container.address, in: &record.src_addr)
        SyntheticEvents.put(other.address, in: &record.dst_addr)
        record.src_port = isInbound ? other.port : port
        record.dst_port = isInbound ? port : other.port
        record.direction = UInt8(isInbound ? TAPIO_DIRECTION_INBOUND : TAPIO_DIRECTION_OUTBOUND)
        record.ip_version = 4
        record.netns = container.netns
        record.error = .max
        record.socket_cookie = cookie
        record.latency_ns = .max
        record.duration_ns = .max
        record.bytes_sent = .max
        record.bytes_received = .max
        record.srtt_us = .max
        record.retransmits = .max
        return record
    }

    // MARK: - Processes

    private mutating func fork() -> Int {
        let process = node.random.busy(SyntheticNode.processCount)
        var record = tapio_process_fork()
        record.header = header(TAPIO_KIND_PROCESS_FORK, node.processes[process].pid, process, .normal)
        nextPid = nextPid >= 4_190_000 ? 100_000 : nextPid + 1
        record.child_pid = nextPid
        record.child_start_ns = timeNs
        if born.count < 2_000 { born.append((process, nextPid, timeNs)) }
        store(record)
        return node.processes[process].container
    }

    private mutating func exec() -> Int {
        guard let (process, pid, since) = born.last else { return fork() }
        let program = node.programs[(node.processes[process].program + node.random.below(3)) % node.programs.count]
        var record = tapio_process_exec()
        record.header = header(TAPIO_KIND_PROCESS_EXEC, pid, process, .high)
        record.start_ns = since
        record.exe_inode = program.inode
        record.argc = UInt32(program.arguments.count)
        let fixed = MemoryLayout<tapio_process_exec>.size
        var arguments: [UInt8] = []
        for word in program.arguments {
            for byte in word {
                if byte == UInt8(ascii: "#") {
                    arguments += Array(String(node.random.below(250)).utf8)
                } else {
                    arguments.append(byte)
                }
            }
            arguments.append(0)
        }
        record.args_total_bytes = UInt32(arguments.count)
        record.exe = tapio_string(offset: UInt16(fixed), length: UInt16(program.path.count))
        record.args = tapio_string(offset: UInt16(fixed + program.path.count), length: UInt16(arguments.count))
        store(record)
        buffer += program.path
        buffer += arguments
        return node.processes[process].container
    }

    private mutating func exit() -> Int {
        guard !born.isEmpty else { return fork() }
        let index = node.random.below(born.count)
        let (process, pid, since) = born[index]
        born.swapAt(index, born.count - 1)
        born.removeLast()
        var record = tapio_process_exit()
        record.header = header(TAPIO_KIND_PROCESS_EXIT, pid, process, .high)
        record.start_ns = since
        record.duration_ns = timeNs - since
        record.exit_code = node.random.below(20) == 0 ? 1 : 0
        store(record)
        return node.processes[process].container
    }

    // MARK: - Parts

    private mutating func header(_ kind: Int, _ pid: UInt32, _ process: Int, _ priority: Priority) -> tapio_header {
        let known = node.processes[process]
        let cpu = node.random.below(sequences.count)
        var header = tapio_header()
        header.time_ns = timeNs
        header.sequence = sequences[cpu]
        sequences[cpu] += 1
        header.cgroup_id = node.containers[known.container].cgroup
        header.pid = pid
        header.tid = pid
        header.ppid = pid == known.pid ? known.parent : known.pid
        header.uid = node.containers[known.container].uid
        header.keep = UInt32(TAPIO_KEEP_ALL)
        header.cpu = UInt16(cpu)
        header.kind = UInt8(kind)
        header.priority = priority.rawValue
        let comm = node.programs[known.program].comm
        unsafe withUnsafeMutableBytes(of: &header.comm) { unsafe $0.copyBytes(from: comm) }
        return header
    }

    private static func put<Address>(_ ipv4: UInt32, in address: inout Address) {
        unsafe withUnsafeMutableBytes(of: &address) { bytes in
            unsafe bytes[10] = 0xff
            unsafe bytes[11] = 0xff
            for index in 0..<4 { unsafe bytes[12 + index] = UInt8(truncatingIfNeeded: ipv4 >> UInt32(24 - 8 * index)) }
        }
    }

    /// Makes the bytes of `record` the event's.
    private mutating func store<Record>(_ record: Record) {
        buffer.removeAll(keepingCapacity: true)
        unsafe withUnsafeBytes(of: record) { unsafe buffer.append(contentsOf: $0) }
    }
}
