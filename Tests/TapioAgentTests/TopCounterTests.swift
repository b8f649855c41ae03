import TapioBPF
import TapioCollectors
import TapioEvents
import Testing

@testable import TapioAgent

@Suite("Counting for top")
struct TopCounterTests {
    private let registry = CollectorRegistry.schemas
    private let batch = RowBatch(limits: RowBatch.Limits(rows: 1024, bytes: 1 << 20))

    private func header(
        _ kind: Int32,
        pid: UInt32,
        _ command: String,
        cgroup: UInt64 = 5,
        keep: UInt32 = TAPIO_KEEP_ALL
    )
        -> tapio_header
    {
        var header = tapio_header()
        header.kind = UInt8(kind)
        header.pid = pid
        header.cgroup_id = cgroup
        header.keep = keep
        withUnsafeMutableBytes(of: &header.comm) { $0.copyBytes(from: command.utf8.prefix(16)) }
        return header
    }

    private func append<Record>(_ record: Record, _ id: EnrichmentID = .none) {
        let bytes = withUnsafeBytes(of: record) { Array($0) }
        let isAppended = batch.append(bytes.span.bytes, enrichmentID: id)
        #expect(isAppended)
    }

    /// A connection to 192.0.2.1.
    private func connection(_ kind: Int32, pid: UInt32, port: UInt16, direction: Int32) -> [UInt8] {
        let schema = registry.schema(of: EventKind(rawValue: UInt8(kind)))!
        var bytes = [UInt8](repeating: 0, count: schema.fixedSize)
        withUnsafeBytes(of: header(kind, pid: pid, "curl")) { bytes.replaceSubrange(0..<$0.count, with: $0) }
        let remote = schema.remote!
        bytes.replaceSubrange(remote.address + 10..<remote.address + 16, with: [255, 255, 192, 0, 2, 1])
        bytes.replaceSubrange(remote.port..<remote.port + 2, with: withUnsafeBytes(of: port) { Array($0) })
        if let at = remote.direction { bytes[at] = UInt8(direction) }
        return bytes
    }

    private var table: EnrichmentTable {
        var pod = Belonging()
        pod.pod = "web-1"
        pod.namespace = "shop"
        var unit = Belonging()
        unit.unit = "ssh.service"
        var names = TextTable()
        names.set(TextTable.firstText, Array("example.org".utf8))
        let owners = EnrichmentTable(all: [Belonging(), Belonging(), Belonging(), pod, unit].map(\.entry))
        return EnrichmentTable(owners, names: names, services: TextTable())
    }

    @Test("processes are told apart by number and name, and each event counts with its weight")
    func processes() {
        var fork = tapio_process_fork()
        for (pid, command, keep) in [
            (UInt32(1), "a", TAPIO_KEEP_ALL), (1, "b", TAPIO_KEEP_ALL / 4), (2, "a", TAPIO_KEEP_ALL),
        ] {
            fork.header = header(Int32(TAPIO_KIND_PROCESS_FORK), pid: pid, command, keep: keep)
            append(fork, EnrichmentID(owner: 4))
        }
        let counter = TopCounter(registry)
        counter.count(batch)
        let counts = counter.take()
        #expect(counts.records == 3 && counts.events == 6)
        let rankings = TopRankings(table: table, limit: 10)
        let processes = rankings.processes(counts.processes)
        #expect(processes.entries.map(\.events) == [4, 1, 1])
        #expect(processes.entries[0].name == "b" && processes.entries[0].pid == 1)
        #expect(processes.entries.allSatisfy { $0.detail == "ssh.service" })
        #expect(processes.unseen == 0)
        #expect(rankings.commands(counts.commands).entries.map { "\($0.name) \($0.events)" } == ["b 4.0", "a 2.0"])
        #expect(counter.take().records == 0, "what was taken is not counted again")
    }

    @Test("cgroups of a pod are added up; what is known later is not forgotten; nobody has a name of its own")
    func owners() {
        var fork = tapio_process_fork()
        for (cgroup, owner) in [(UInt64(10), UInt16(1)), (10, 3), (10, 1), (11, 3), (12, 4), (13, 1)] {
            fork.header = header(Int32(TAPIO_KIND_PROCESS_FORK), pid: 1, "a", cgroup: cgroup)
            append(fork, EnrichmentID(owner: owner))
        }
        let counter = TopCounter(registry)
        counter.count(batch)
        let owners = TopRankings(table: table, limit: 10).owners(counter.take().owners)
        #expect(owners.entries.map(\.name) == ["shop/web-1", "cgroup 13", "ssh.service"])
        #expect(owners.entries.map(\.events) == [4, 1, 1])
        let one = TopRankings(table: table, limit: 1)
        counter.count(batch)
        let short = one.owners(counter.take().owners)
        #expect(short.entries.count == 1 && short.unseen == 1, "who is left out has no more than this")
    }

    @Test("other ends have address and port; clients no port; a DNS name where it is known")
    func peers() {
        let known = EnrichmentID(owner: 0, name: TextTable.firstText)
        for (kind, port, direction) in [
            (Int32(TAPIO_KIND_TCP_CONNECT), UInt16(443), Int32(TAPIO_DIRECTION_OUTBOUND)),
            (Int32(TAPIO_KIND_TCP_CONNECT), 443, Int32(TAPIO_DIRECTION_OUTBOUND)),
            (Int32(TAPIO_KIND_TCP_CLOSE), 40_000, Int32(TAPIO_DIRECTION_INBOUND)),
            // Nobody knows who connected.
            (Int32(TAPIO_KIND_TCP_RESET), 50_000, 255),
        ] {
            let bytes = connection(kind, pid: 1, port: port, direction: direction)
            let isAppended = batch.append(bytes.span.bytes, enrichmentID: known)
            #expect(isAppended)
        }
        let counter = TopCounter(registry)
        counter.count(batch)
        let peers = TopRankings(table: table, limit: 10).peers(counter.take().peers)
        #expect(peers.entries.map(\.name) == ["192.0.2.1", "192.0.2.1:443"])
        #expect(peers.entries.map(\.events) == [2, 2])
        #expect(peers.entries[0].detail == "example.org")
    }

    @Test("a summary counts for all events that were merged into it")
    func summaries() throws {
        let schema = try #require(registry.schemas.first { $0.aggregation != nil })
        var bytes = [UInt8](repeating: 0, count: schema.summaryOffset)
        let head = header(Int32(schema.kind.rawValue), pid: 9, "many", keep: TAPIO_KEEP_SUMMARY)
        withUnsafeBytes(of: head) { bytes.replaceSubrange(0..<$0.count, with: $0) }
        var summary = tapio_summary()
        summary.count = 1000
        summary.keep = TAPIO_KEEP_ALL / 2
        bytes += withUnsafeBytes(of: summary) { Array($0) }
        let isAppended = batch.append(bytes.span.bytes)
        #expect(isAppended)
        let counter = TopCounter(registry)
        counter.count(batch)
        let counts = counter.take()
        #expect(counts.records == 1 && counts.events == 2000)
    }
}
