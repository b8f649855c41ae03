import TapioBPF
import TapioEvents

/// Writes the events of a ``SyntheticNode`` into batches, as a reader would.
///
/// What lives, a connection or a process, has its end planned when it begins, so that each end has a beginning and lifetimes are
/// those that were drawn. Numbers that the kernel hands out are handed out as it does: pids, ports and cookies are not noise.
struct SyntheticEvents {
    private struct Connection {
        var process: Int
        var peer: Int
        /// The port of the end that connected.
        var port: UInt16
        var cookie: UInt64
        var sinceNs: UInt64
        var isInbound: Bool
    }
    private struct Child {
        var parent: Int
        var pid: UInt32
        var program: Int
        var sinceNs: UInt64
        var runsProgram: Bool
    }

    /// Most connections and children at a time: many more than there are, about 14,000 and 1,000.
    private static let mostOpen = 100_000
    /// Sockets get cookies in blocks of a CPU (COOKIE_LOCAL_BATCH, include/linux/cookie.h).
    private static let cookieBlock: UInt64 = 4_096

    private var node: SyntheticNode
    private var timeNs: UInt64 = 86_400_000_000_000
    private var cpu = 0
    private var sequences: [UInt64]
    private var cookies: [UInt64]
    private var nextCookieBlock: UInt64 = 225 * cookieBlock
    private var nextPid: UInt32 = 100_000
    /// The next port for each pair of ends.
    private var ports: [UInt64: UInt16] = [:]
    private var connections = SyntheticSchedule<Connection>()
    private var children = SyntheticSchedule<Child>()
    private var buffer: [UInt8] = []

    init(seed: UInt64, cpus: Int = 2) {
        node = SyntheticNode(seed: seed)
        sequences = [UInt64](repeating: 0, count: cpus)
        cookies = [UInt64](repeating: 0, count: cpus)
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
        case 0..<450: container = connectOrClose()
        case 450..<850: container = forkOrEnd()
        case 850..<930: container = trouble(TAPIO_KIND_TCP_RETRANSMIT)
        case 930..<965: container = trouble(TAPIO_KIND_TCP_RESET)
        default: container = fail()
        }
        return unsafe batch.append(buffer.span.bytes, enrichmentID: EnrichmentID(owner: UInt16(container) + 1))
    }

    /// Something happens to a process: nine times of ten on the CPU where it ran before.
    private mutating func wake(_ process: Int) {
        cpu = node.random.below(10) == 0 ? node.random.below(sequences.count) : process % sequences.count
    }

    // MARK: - TCP

    private mutating func connectOrClose() -> Int {
        if let connection = connections.removeFirst(dueBy: timeNs) { return close(connection) }
        let connection = open(isInbound: node.random.below(2) == 0)
        // Most serve one request, some are kept: a median of 20 ms, a mean of 150 ms.
        let lifeNs = node.random.logNormal(median: 20_000_000, sigma: 2)
        if connections.count < Self.mostOpen { connections.insert(connection, dueNs: timeNs + lifeNs) }
        let isInbound = connection.isInbound
        var record = tcp(isInbound ? TAPIO_KIND_TCP_ACCEPT : TAPIO_KIND_TCP_CONNECT, connection)
        record.state = isInbound ? 1 : 2
        record.latency_ns =
            isInbound
            ? 20_000 + node.random.skewed(1 << 20)
            : UInt64(node.services[connection.peer].roundTripUs) * 1_000 + node.random.skewed(1 << 18)
        record.srtt_us = isInbound ? .max : roundTrip(connection)
        record.retransmits = isInbound ? .max : 0
        store(record)
        return node.processes[connection.process].container
    }

    private mutating func close(_ connection: Connection) -> Int {
        wake(connection.process)
        var record = tcp(TAPIO_KIND_TCP_CLOSE, connection)
        record.state = 1
        record.duration_ns = timeNs - connection.sinceNs
        record.bytes_sent = 200 + node.random.skewed(1 << 22)
        record.bytes_received = 150 + node.random.skewed(1 << 24)
        record.srtt_us = roundTrip(connection)
        record.retransmits = UInt32(node.random.below(20) / 18)
        store(record)
        return node.processes[connection.process].container
    }

    private mutating func trouble(_ kind: Int) -> Int {
        guard connections.count > 0 else { return connectOrClose() }
        let connection = connections[node.random.below(connections.count)]
        wake(connection.process)
        var record = tcp(kind, connection)
        record.retransmits = UInt32(1 + node.random.below(3))
        record.srtt_us = roundTrip(connection)
        record.state = 1
        if kind == TAPIO_KIND_TCP_RESET { record.reset_sent = UInt8(node.random.below(2)) }
        store(record)
        return node.processes[connection.process].container
    }

    /// A connection that never came to be.
    private mutating func fail() -> Int {
        let connection = open(isInbound: false)
        var record = tcp(TAPIO_KIND_TCP_FAILED, connection)
        let isTimeout = node.random.below(4) == 0
        record.error = isTimeout ? 110 : 111
        record.state = 2
        record.retransmits = isTimeout ? UInt32(1 + node.random.below(3)) : 0
        record.latency_ns =
            isTimeout
            ? 1_000_000_000 + node.random.skewed(1 << 32)
            : UInt64(node.services[connection.peer].roundTripUs) * 1_000 + node.random.skewed(1 << 18)
        store(record)
        return node.processes[connection.process].container
    }

    private mutating func roundTrip(_ connection: Connection) -> UInt32 {
        node.services[connection.peer].roundTripUs + UInt32(node.random.below(64))
    }

    private mutating func open(isInbound: Bool) -> Connection {
        let process = node.busyProcess()
        let known = node.processes[process]
        wake(process)
        let peer = isInbound ? known.clients[node.random.busy(4)] : known.services[node.random.busy(4)]
        return Connection(
            process: process,
            peer: peer,
            port: nextPort(container: known.container, peer: peer, isInbound: isInbound),
            cookie: nextCookie(),
            sinceNs: timeNs,
            isInbound: isInbound
        )
    }

    /// As Linux chooses: for each pair of ends a starting point, from there on by 2 and up to 7 times 2 more, to be less
    /// predictable; even ports of 32768...60999 (__inet_hash_connect, net/ipv4/inet_hashtables.c, since 5.18).
    private mutating func nextPort(container: Int, peer: Int, isInbound: Bool) -> UInt16 {
        let ends = UInt64(container) << 32 | UInt64(peer) << 1 | (isInbound ? 1 : 0)
        let offset = ports[ends] ?? UInt16(node.random.below(14_116) * 2)
        ports[ends] = (offset + 2 + UInt16(node.random.below(8)) * 2) % 28_232
        return 32_768 + offset
    }

    private mutating func nextCookie() -> UInt64 {
        // Other sockets take some.
        let step = 1 + UInt64(node.random.below(3))
        if cookies[cpu] % Self.cookieBlock + step >= Self.cookieBlock || cookies[cpu] == 0 {
            cookies[cpu] = nextCookieBlock
            nextCookieBlock += Self.cookieBlock
        }
        cookies[cpu] += step
        return cookies[cpu]
    }

    private mutating func tcp(_ kind: Int, _ connection: Connection) -> tapio_tcp {
        var record = tapio_tcp()
        let known = node.processes[connection.process]
        let container = node.containers[known.container]
        let isInbound = connection.isInbound
        let priority = kind == TAPIO_KIND_TCP_FAILED ? Priority.high : .normal
        record.header = header(kind, connection.process, priority)
        let threads = node.programs[known.program].threadCount
        if threads > 1 { record.header.tid += 1 + UInt32(node.random.below(threads)) }
        let peer = node.services[connection.peer]
        SyntheticEvents.put(container.address, in: &record.src_addr)
        SyntheticEvents.put(peer.address, in: &record.dst_addr)
        record.src_port = isInbound ? container.port : connection.port
        record.dst_port = isInbound ? connection.port : peer.port
        record.direction = UInt8(isInbound ? TAPIO_DIRECTION_INBOUND : TAPIO_DIRECTION_OUTBOUND)
        record.ip_version = 4
        record.netns = container.netns
        record.error = .max
        record.socket_cookie = connection.cookie
        record.latency_ns = .max
        record.duration_ns = .max
        record.bytes_sent = .max
        record.bytes_received = .max
        record.srtt_us = .max
        record.retransmits = .max
        return record
    }

    // MARK: - Processes

    private mutating func forkOrEnd() -> Int {
        if let child = children.removeFirst(dueBy: timeNs) {
            wake(child.parent)
            return child.runsProgram ? exit(child) : exec(child)
        }
        let process = node.busyProcess()
        wake(process)
        var record = tapio_process_fork()
        record.header = header(TAPIO_KIND_PROCESS_FORK, process, .normal)
        nextPid = nextPid >= 4_190_000 ? 100_000 : nextPid + 1
        record.child_pid = nextPid
        record.child_start_ns = timeNs
        if children.count < Self.mostOpen {
            let program = (node.processes[process].program + node.random.below(3)) % node.programs.count
            // One in 25 does its work without running a program.
            let isWorker = node.random.below(25) == 0
            let child = Child(
                parent: process,
                pid: nextPid,
                program: isWorker ? node.processes[process].program : program,
                sinceNs: timeNs,
                runsProgram: isWorker
            )
            children.insert(
                child,
                dueNs: timeNs + (isWorker ? lifeNs() : node.random.logNormal(median: 300_000, sigma: 0.5))
            )
        }
        store(record)
        return node.processes[process].container
    }

    /// Programs that scripts and probes run: a median of 5 ms, a mean of 15 ms.
    private mutating func lifeNs() -> UInt64 { node.random.logNormal(median: 5_000_000, sigma: 1.5) }

    private mutating func exec(_ child: Child) -> Int {
        var running = child
        running.runsProgram = true
        children.insert(running, dueNs: timeNs + lifeNs())
        let program = node.programs[child.program]
        var record = tapio_process_exec()
        record.header = header(TAPIO_KIND_PROCESS_EXEC, child, .high)
        record.start_ns = child.sinceNs
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
        return node.processes[child.parent].container
    }

    private mutating func exit(_ child: Child) -> Int {
        var record = tapio_process_exit()
        record.header = header(TAPIO_KIND_PROCESS_EXIT, child, .high)
        record.start_ns = child.sinceNs
        record.duration_ns = timeNs - child.sinceNs
        record.exit_code = node.random.below(20) == 0 ? 1 : 0
        record.peak_rss_bytes = node.random.logNormal(median: 900, sigma: 0.3) << 12
        record.cpu_ns = min(record.duration_ns, node.random.logNormal(median: 700_000, sigma: 0.8))
        store(record)
        return node.processes[child.parent].container
    }

    // MARK: - Parts

    private mutating func header(_ kind: Int, _ child: Child, _ priority: Priority) -> tapio_header {
        var header = header(kind, child.parent, priority)
        header.ppid = header.pid
        header.pid = child.pid
        header.tid = child.pid
        setComm(&header, child.program)
        return header
    }

    private mutating func header(_ kind: Int, _ process: Int, _ priority: Priority) -> tapio_header {
        let known = node.processes[process]
        var header = tapio_header()
        header.time_ns = timeNs
        header.sequence = sequences[cpu]
        sequences[cpu] += 1
        header.cgroup_id = node.containers[known.container].cgroup
        header.pid = known.pid
        header.tid = known.pid
        header.ppid = known.parent
        header.uid = node.containers[known.container].uid
        header.keep = UInt32(TAPIO_KEEP_ALL)
        header.cpu = UInt16(cpu)
        header.kind = UInt8(kind)
        header.priority = priority.rawValue
        setComm(&header, known.program)
        return header
    }

    private func setComm(_ header: inout tapio_header, _ program: Int) {
        let comm = node.programs[program].comm
        unsafe withUnsafeMutableBytes(of: &header.comm) { bytes in
            unsafe bytes.initializeMemory(as: UInt8.self, repeating: 0)
            unsafe bytes.copyBytes(from: comm)
        }
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
