import Synchronization
import TapioBPF
import TapioEnrichment
import TapioEvents
import TapioRings

/// Tells readers the DNS name and the service of the other end of a record: look-ups without lock or allocation.
///
/// Names are learned from the answers that the records themselves show, by network namespace, so that nobody's answers name the
/// connections of others. Readers hand the few answers over, and a resolver learns from them behind. Services are all that
/// there are: what is not in their table is none.
final class RemoteLookup: Sendable {
    /// What readers know of a kind.
    private struct Shape {
        var remote: RemoteEnd?
        var answer: NameAnswer?
    }

    /// Answers that can wait to be learned from; what comes beyond is counted. Half a megabyte.
    static let mostAnswers = 1024
    /// Addresses that can wait to be looked for; more of them are asked for again by their next event.
    static let mostWaiting = 4096
    /// For how long it is remembered that an address has no name. An answer that gives it one ends that at once.
    private static let namelessLife = Duration.seconds(60)

    /// Names by network namespace and address.
    let names: LookupCache
    /// Since when a name counts, in units of ``sinceUnitNs``, by the same key.
    let since: LookupCache
    /// Addresses that no answer named.
    let nameless: NegativeCache
    /// Services by address, port and protocol.
    let services: PublishedTable
    /// Makes a key of an address and what belongs to it.
    private let hash = SecretHash()
    private let shapes: [Shape]
    /// Kinds of which readers know nothing here, in a few cache lines.
    private let isPlain: [Bool]
    private let bell = ResolverBell()
    private let answers = BoundedMPMCRing<SeenAnswer>(capacity: mostAnswers)
    private let waiting = BoundedMPMCRing<UInt64>(capacity: mostWaiting)
    private let seen = Atomic<UInt64>(0)
    private let learned = Atomic<UInt64>(0)
    private let dropped = Atomic<UInt64>(0)
    private let refused = Atomic<UInt64>(0)
    private let isLearning = Atomic<Bool>(true)
    private let noService: Atomic<UInt16>
    private let hasAnyPort = Atomic<Bool>(false)

    /// A look-up that knows nothing yet.
    ///
    /// - Parameters:
    ///   - registry: The kinds whose records say who the other end is, or hold answers.
    ///   - capacity: Addresses whose name is remembered, 7 to 2^23.
    ///   - readers: Threads that ask.
    ///   - hasCluster: Whether services will be published.
    init(registry: SchemaRegistry, capacity: Int, readers: Int, hasCluster: Bool) {
        // Each name says itself for how long it counts. Half empty, hardly any has to make room for another.
        names = LookupCache(capacity: 2 * capacity, timeToLive: .seconds(1), readers: readers)
        since = LookupCache(capacity: 2 * capacity, timeToLive: .seconds(1), readers: readers)
        nameless = NegativeCache(capacity: capacity, timeToLive: Self.namelessLife, readers: readers)
        services = PublishedTable(readers: readers)
        noService = Atomic(hasCluster ? TextTable.late : TextTable.disabled)
        shapes = (0..<EventKind.limit).map { kind in
            let schema = registry.schema(of: EventKind(rawValue: UInt8(kind)))
            return Shape(remote: schema?.remote, answer: schema?.names)
        }
        isPlain = shapes.map { $0.remote == nil && $0.answer == nil }
    }

    // MARK: - The readers' side

    /// What is known of a record whose owner is known.
    @inline(__always)
    func id(owner: UInt16, _ record: RawSpan, reader: Int, nowNs: UInt64) -> EnrichmentID {
        let kind = Int(record.uint8(at: RecordCheck.kindOffset))
        if isPlain[kind] { return EnrichmentID(owner: owner) }
        return id(owner: owner, record, shapes[kind], reader, nowNs)
    }

    @inline(never)
    private func id(owner: UInt16, _ record: RawSpan, _ shape: Shape, _ reader: Int, _ nowNs: UInt64) -> EnrichmentID {
        if let answer = shape.answer, isLearning.load(ordering: .relaxed) { hand(over: record, answer) }
        guard let remote = shape.remote else { return EnrichmentID(owner: owner) }
        let address = AddressBytes(record, at: remote.address)
        if address.isUnspecified { return EnrichmentID(owner: owner) }
        return EnrichmentID(
            owner: owner,
            name: name(address, record.uint32(at: remote.networkNamespace), reader, nowNs),
            service: service(address, record, remote, reader)
        )
    }

    /// The number of a name, or of why there is none.
    private func name(_ address: AddressBytes, _ namespace: UInt32, _ reader: Int, _ nowNs: UInt64) -> UInt16 {
        if namespace == 0 { return TextTable.none }
        guard isLearning.load(ordering: .relaxed) else { return TextTable.disabled }
        let key = key(address, of: namespace)
        switch names.find(key, reader: reader, nowNs: nowNs) {
        case .found(let number): return UInt16(truncatingIfNeeded: number)
        case .expired: return TextTable.expired
        case .unknown:
            if nameless.contains(key, reader: reader, nowNs: nowNs) { return TextTable.absent }
            ask(for: key)
            return TextTable.late
        }
    }

    /// The name that the address had when the event happened, as far as is known by now: the answer may have been read after
    /// the event, but must not be younger.
    func laterID(_ id: EnrichmentID, for record: RawSpan, reader: Int, nowNs: UInt64) -> EnrichmentID {
        guard let remote = shapes[Int(record.uint8(at: RecordCheck.kindOffset))].remote else { return id }
        // Before the look: what was handed over before is found there. Acquire: with the release in ``finished(_:)``.
        let isBehind = learned.load(ordering: .acquiring) != seen.load(ordering: .relaxed)
        let key = key(AddressBytes(record, at: remote.address), of: record.uint32(at: remote.networkNamespace))
        let eventNs = record.int64(at: 0)
        let ageNs = UInt64(clamping: Int64(clamping: MonotonicClock.bootTimeNs) - eventNs)
        var result = id
        switch names.find(key, reader: reader, nowNs: nowNs - min(nowNs, ageNs)) {
        case .found(let number):
            let from = since.lookUp(key, reader: reader, nowNs: 0)
            let isOlder = from.map { Int32(bitPattern: Self.sinceTick(eventNs) &- $0) >= 0 } ?? true
            result.name = isOlder ? UInt16(truncatingIfNeeded: number) : TextTable.absent
        case .expired: result.name = isBehind ? TextTable.late : TextTable.expired
        case .unknown: result.name = isBehind ? TextTable.late : TextTable.absent
        }
        return result
    }

    /// The number of a service, or of why there is none. A client's port is no service's.
    private func service(_ address: AddressBytes, _ record: RawSpan, _ remote: RemoteEnd, _ reader: Int) -> UInt16 {
        if let at = remote.direction, record.uint8(at: at) == UInt8(TAPIO_DIRECTION_INBOUND) { return TextTable.none }
        let missing = noService.load(ordering: .relaxed)
        if missing == TextTable.disabled { return missing }
        let transport =
            switch remote.transport {
            case .always(let number): number
            case .byte(let at): record.uint8(at: at)
            }
        let port = record.uint16(at: remote.port)
        if let number = services.lookUp(key(address, port: port, transport), reader: reader) {
            return UInt16(truncatingIfNeeded: number)
        }
        if hasAnyPort.load(ordering: .relaxed),
            let number = services.lookUp(key(address, port: 0, transport), reader: reader)
        {
            return UInt16(truncatingIfNeeded: number)
        }
        return missing
    }

    @inline(never)
    private func hand(over record: RawSpan, _ answer: NameAnswer) {
        // Before the push, so that who learns is never ahead.
        seen.add(1, ordering: .relaxed)
        guard answers.push(SeenAnswer(record, answer)).isPushed else {
            learned.add(1, ordering: .relaxed)
            dropped.add(1, ordering: .relaxed)
            return
        }
        bell.ring()
    }

    @inline(never)
    private func ask(for key: UInt64) {
        guard waiting.push(key).isPushed else {
            refused.add(1, ordering: .relaxed)
            return
        }
        bell.ring()
    }

    // MARK: - Keys

    /// Of an address's name.
    func key(_ address: AddressBytes, of namespace: UInt32) -> UInt64 {
        hash(address.first, address.second, UInt64(namespace))
    }

    /// Of a service; port 0 stands for all.
    func key(_ address: AddressBytes, port: UInt16, _ transport: UInt8) -> UInt64 {
        hash(address.first, address.second, UInt64(port) << 8 | UInt64(transport))
    }

    /// A time in the units of ``since``, which are 17 ms: 2^31 of them are a year.
    static func sinceTick(_ bootNs: Int64) -> UInt32 { UInt32(truncatingIfNeeded: bootNs >> 24) }

    // MARK: - The resolver's side

    /// Rings where a resolver has something to do.
    var wanted: AsyncStream<Void> { bell.rings }

    /// Answers and addresses that wait, the addresses each once.
    func takeWaiting() -> (answers: [SeenAnswer], keys: Set<UInt64>) {
        bell.lower()
        // Addresses first: what was asked for before an answer came is not to be looked for after it was taken.
        var keys: Set<UInt64> = []
        while case .item(let key) = waiting.pop() { keys.insert(key) }
        var found: [SeenAnswer] = []
        while found.count < Self.mostAnswers, case .item(let answer) = answers.pop() { found.append(answer) }
        return (found, keys)
    }

    /// Says that so many answers have been learned from.
    func finished(_ answers: Int) { learned.add(UInt64(answers), ordering: .releasing) }

    /// Whether answers are seen at all, so that a name that nobody knows is one that nobody gave.
    func setLearning(_ isOn: Bool) { isLearning.store(isOn, ordering: .relaxed) }

    /// Publishes the services, after their names.
    ///
    /// - Parameters:
    ///   - isComplete: Whether all have come, so that what is not there is none.
    ///   - hasAnyPort: Whether some are there with port 0.
    func publish(_ table: LookupTable, isComplete: Bool, hasAnyPort: Bool) {
        services.publish(table)
        self.hasAnyPort.store(hasAnyPort, ordering: .relaxed)
        noService.store(isComplete ? TextTable.absent : TextTable.late, ordering: .relaxed)
    }

    /// Ends ``wanted``.
    func finish() { bell.finish() }

    /// Answers that found no place.
    var droppedAnswers: UInt64 { dropped.load(ordering: .relaxed) }
    /// Questions that found no place; their addresses' next events ask again.
    var refusedQuestions: UInt64 { refused.load(ordering: .relaxed) }
}

extension AddressBytes {
    /// The address in a record that was checked.
    @inline(__always)
    init(_ record: RawSpan, at offset: Int) {
        self.init(first: record.uint64(at: offset), second: record.uint64(at: offset + 8))
    }
}
