import TapioBPF
import TapioEvents
import TapioRings

/// Counts records by who caused them and who was at the other end, for one client. The tap's thread counts, the client's takes.
final class TopCounter: Sendable {
    /// A process under a name: what it executes gives it another.
    struct ProcessKey: Hashable, Sendable {
        var pid: UInt32
        var command: CommandKey
    }

    /// The sixteen bytes of a thread's name.
    struct CommandKey: Hashable, Sendable {
        var first: UInt64
        var second: UInt64
    }

    /// Another end; port 0 for clients, whose ports mean nothing, and for who may be one.
    struct PeerKey: Hashable, Sendable {
        var address: AddressBytes
        var port: UInt16
    }

    /// What was counted since the last time.
    struct Counts: Sendable {
        /// Records.
        var records: UInt64 = 0
        /// Events that they stand for: what chance did not keep, and what was merged, included.
        var events = 0.0
        var processes = FrequentItems<ProcessKey>(capacity: TopCounter.capacity)
        var commands = FrequentItems<CommandKey>(capacity: TopCounter.capacity)
        /// By cgroup.
        var owners = FrequentItems<UInt64>(capacity: TopCounter.capacity)
        var peers = FrequentItems<PeerKey>(capacity: TopCounter.capacity)
    }

    /// Keys of each kind that are told apart in an interval.
    static let capacity = 1024

    /// Where nobody knows who connected, the port tells: Linux takes those of clients from here on (net.ipv4.ip_local_port_range).
    private static let firstClientPort: UInt16 = 32_768

    /// What a kind's records look like.
    private struct Shape {
        var summaryOffset = 0
        var remote: RemoteEnd?
    }

    private let shapes: [Shape]
    private let counts = Guarded(Counts())

    init(_ registry: SchemaRegistry) {
        precondition(MemoryLayout<tapio_header>.offset(of: \.comm) == Self.commandOffset)
        precondition(MemoryLayout<tapio_summary>.offset(of: \.keep) == Self.summaryKeepOffset)
        shapes = (0..<EventKind.limit).map { kind in
            let schema = registry.schema(of: EventKind(rawValue: UInt8(kind)))
            return Shape(summaryOffset: schema?.summaryOffset ?? 0, remote: schema?.remote)
        }
    }

    /// Counts the records of a chunk, all of which were checked.
    func count(_ batch: RowBatch) {
        counts.withLock { counts in
            for row in 0..<batch.rowCount {
                let id = batch.enrichmentID(at: row)
                batch.withRecord(at: row) { add($0, id, to: &counts) }
            }
        }
    }

    /// What was counted since the last time, and begins anew.
    func take() -> Counts {
        counts.withLock { counts in
            let taken = counts
            counts = Counts()
            return taken
        }
    }

    private func add(_ record: RawSpan, _ id: EnrichmentID, to counts: inout Counts) {
        let shape = shapes[Int(record.uint8(at: RecordCheck.kindOffset))]
        let weight = weight(of: record, shape)
        counts.records += 1
        counts.events += weight
        let command = CommandKey(
            first: record.uint64(at: Self.commandOffset),
            second: record.uint64(at: Self.commandOffset + 8)
        )
        let pid = record.uint32(at: Self.pidOffset)
        // Nobody is known where both are missing.
        if pid != 0 || command.first != 0 {
            let process = ProcessKey(pid: pid, command: command)
            counts.processes.add(process, weight, id, merging: Self.better)
            counts.commands.add(command, weight)
        }
        let cgroup = record.uint64(at: Self.cgroupOffset)
        if cgroup != 0 { counts.owners.add(cgroup, weight, id, merging: Self.better) }
        guard let remote = shape.remote else { return }
        let address = AddressBytes(record, at: remote.address)
        if address.isUnspecified { return }
        let port = record.uint16(at: remote.port)
        let isServer =
            switch remote.direction.map({ record.uint8(at: $0) }) {
            case UInt8(TAPIO_DIRECTION_OUTBOUND): true
            case UInt8(TAPIO_DIRECTION_INBOUND): false
            default: port < Self.firstClientPort
            }
        let peer = PeerKey(address: address, port: isServer ? port : 0)
        counts.peers.add(peer, weight, id, merging: Self.better)
    }

    private func weight(of record: RawSpan, _ shape: Shape) -> Double {
        let keep = record.uint32(at: RecordCheck.keepOffset)
        if keep != TAPIO_KEEP_SUMMARY { return RecordText.weight(keep: keep) }
        let each = RecordText.weight(keep: record.uint32(at: shape.summaryOffset + Self.summaryKeepOffset))
        return Double(record.uint64(at: shape.summaryOffset)) * each
    }

    /// What is known later is known better; what is not known says nothing.
    private static func better(_ old: EnrichmentID, _ new: EnrichmentID) -> EnrichmentID {
        let isKnown = new.owner > UInt16(Enricher.FixedID.gone.rawValue)
        return EnrichmentID(
            owner: isKnown ? new.owner : old.owner,
            name: new.name >= TextTable.firstText ? new.name : old.name,
            service: new.service >= TextTable.firstText ? new.service : old.service
        )
    }

    // Literals: see ``RecordCheck``.
    private static let cgroupOffset = 16
    private static let pidOffset = 24
    private static let commandOffset = 48
    private static let summaryKeepOffset = 40
}
