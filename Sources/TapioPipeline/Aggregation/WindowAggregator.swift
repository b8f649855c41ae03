import Glibc
import TapioBPF
import TapioEvents

/// Merges events that are alike: the first of a group in a window is left to be a row of its own, later ones are merged, and
/// told in one summary row when the window ends. No count is ever lost.
///
/// A summary is due earlier where its group has to make way for another, and where an event was kept with another probability
/// than those merged so far, so that all events of a summary have one weight. Where a summary finds no room, the event that
/// made it due is left to be a row of its own.
///
/// One reader's thread owns it. It knows no clock and takes no lock; for an event it allocates nothing. Memory is allocated at the
/// start and touched as groups come to be.
///
/// Invariants of the unsafe code: groups 0 ..< `state.count` are set, have a key of `keyStride` bytes in `keys` and
/// ``MeasureClass/count`` counters in `histograms`, and are in `index`; counters outside the classes of smallest and greatest are
/// 0, and so are all of other groups. `probe` has room for the words of any kind's key.
@safe
final class WindowAggregator {
    /// The most memory of a group, bytes.
    static let bytesOfGroup =
        MemoryLayout<EventGroup>.stride + 4 * MeasureClass.count + longestKey + 4 * MemoryLayout<UInt32>.stride
    /// Bytes of the longest fixed part that a kind to be aggregated may have.
    private static let longestKey = 256
    /// Most groups that the eviction spares because something was merged lately.
    private static let mostSpared = 8
    /// As many as a counter of the histogram can count.
    private static let mostMerged = UInt64(UInt32.max)

    private struct State {
        var count = 0
        /// Where the eviction looks next.
        var hand = 0
        /// When the first group of the window came to be.
        var startedNs: UInt64 = 0
        var isActive = false
        var statistics = AggregationStatistics()
    }

    /// The most groups.
    let capacity: Int
    private let keyStride: Int
    private let seed: UInt64
    private let index: GroupIndex
    private let groups: UnsafeMutablePointer<EventGroup>
    private let keys: UnsafeMutableRawPointer
    private let histograms: UnsafeMutablePointer<UInt32>
    private let shapes: UnsafeMutablePointer<GroupShape>
    private let words: UnsafeMutablePointer<AggregationKey.Word>
    private let probe: UnsafeMutablePointer<UInt64>
    private let writer: SummaryWriter
    /// By kind: whether it is aggregated, and events merged that nobody has asked for yet.
    private let active: UnsafeMutablePointer<Bool>
    private let fresh: UnsafeMutablePointer<UInt64>
    // Behind a pointer: as properties of a class each access would be checked for exclusivity at run time.
    private let state: UnsafeMutablePointer<State>

    /// An aggregator without groups, which aggregates no kind yet.
    ///
    /// - Parameters:
    ///   - capacity: The most groups, 1…65,536.
    ///   - seed: Makes hashes that whoever names processes can't foresee.
    init(_ registry: SchemaRegistry, capacity: Int, seed: UInt64 = .random(in: 0 ... .max)) {
        precondition(capacity >= 1 && capacity <= 65_536)
        self.capacity = capacity
        self.seed = seed
        let (shapes, words) = GroupShape.all(registry)
        keyStride = shapes.reduce(8) { max($0, Int($1.fixedBytes)) }
        precondition(keyStride <= Self.longestKey)
        index = GroupIndex(groups: capacity)
        unsafe groups = .allocate(capacity: capacity)
        unsafe keys = .allocate(byteCount: capacity * keyStride, alignment: 8)
        // Zero without being touched.
        guard let zeroed = unsafe calloc(capacity * MeasureClass.count, MemoryLayout<UInt32>.stride) else {
            fatalError("no memory for \(capacity) groups of events")
        }
        unsafe histograms = zeroed.bindMemory(to: UInt32.self, capacity: capacity * MeasureClass.count)
        unsafe self.shapes = .allocate(capacity: EventKind.limit)
        unsafe self.words = .allocate(capacity: max(1, words.count))
        unsafe probe = .allocate(capacity: max(1, words.count))
        writer = SummaryWriter(longestKey: keyStride)
        unsafe active = .allocate(capacity: EventKind.limit)
        unsafe active.initialize(repeating: false, count: EventKind.limit)
        unsafe fresh = .allocate(capacity: EventKind.limit)
        unsafe fresh.initialize(repeating: 0, count: EventKind.limit)
        unsafe state = .allocate(capacity: 1)
        unsafe state.initialize(to: State())
        for (place, shape) in shapes.enumerated() { unsafe (self.shapes + place).initialize(to: shape) }
        for (place, word) in words.enumerated() { unsafe (self.words + place).initialize(to: word) }
    }

    /// An empty aggregator of another size that goes on counting where an empty one ends.
    convenience init(replacing other: WindowAggregator, _ registry: SchemaRegistry, capacity: Int) {
        precondition(other.isEmpty)
        self.init(registry, capacity: capacity)
        unsafe state.pointee.statistics = other.statistics
    }

    deinit {
        index.deallocate()
        unsafe groups.deallocate()
        unsafe keys.deallocate()
        unsafe free(histograms)
        unsafe shapes.deallocate()
        unsafe words.deallocate()
        unsafe probe.deallocate()
        writer.deallocate()
        unsafe active.deallocate()
        unsafe fresh.deallocate()
        unsafe state.deallocate()
    }

    // MARK: - What is asked of it

    /// Whether there is no group, and so nothing to tell.
    var isEmpty: Bool { unsafe state.pointee.count == 0 }

    /// What it did; counts are never reset.
    var statistics: AggregationStatistics {
        var result = unsafe state.pointee.statistics
        result.groups = UInt64(unsafe state.pointee.count)
        return result
    }

    /// Whether the window that is open has lasted long enough.
    func isDue(nowNs: UInt64, windowNs: UInt64) -> Bool {
        let started = unsafe state.pointee.startedNs
        return !isEmpty && nowNs >= started && nowNs - started >= windowNs
    }

    /// Says which kinds are aggregated from now on.
    ///
    /// - Returns: Whether one no longer is: then the window ends now.
    func follow(_ isOn: (EventKind) -> Bool) -> Bool {
        var hasLeft = false
        for kind in 0..<EventKind.limit {
            let isOn = unsafe shapes[kind].fixedBytes > 0 && isOn(EventKind(rawValue: UInt8(kind)))
            if unsafe active[kind] && !isOn { hasLeft = true }
            unsafe active[kind] = isOn
        }
        unsafe state.pointee.isActive = (0..<EventKind.limit).contains { unsafe active[$0] }
        return hasLeft
    }

    /// Whether any kind is aggregated.
    var isActive: Bool { unsafe state.pointee.isActive }

    /// Hands over how many events of each kind were merged since the last call.
    func takeMerged(_ body: (EventKind, UInt64) -> Void) {
        for kind in 0..<EventKind.limit where unsafe fresh[kind] > 0 {
            body(EventKind(rawValue: UInt8(kind)), unsafe fresh[kind])
            unsafe fresh[kind] = 0
        }
    }

    // MARK: - Events

    /// Takes an event that ``RecordCheck`` has passed. O(1).
    ///
    /// - Parameters:
    ///   - batch: Where a summary goes that it makes due, within `room`.
    /// - Returns: Whether it is merged; else it is to be a row of its own.
    @inline(__always)
    func merges(
        _ record: RawSpan,
        enrichmentID: EnrichmentID,
        nowNs: UInt64,
        into batch: RowBatch,
        room: inout SummaryRoom
    ) -> Bool {
        let kind = Int(record.uint8(at: RecordCheck.kindOffset))
        guard unsafe active[kind] else { return false }
        return unsafe record.withUnsafeBytes { bytes in
            unsafe merges(bytes.baseAddress!, kind, enrichmentID, nowNs, batch, &room)
        }
    }

    /// Ends the window: puts all summaries into `batch`; false where it is full, and the rest is for the next one.
    func flush(into batch: RowBatch) -> Bool {
        var room = SummaryRoom.unlimited
        while unsafe state.pointee.count > 0 {
            let last = unsafe state.pointee.count - 1
            guard tell(last, batch, &room) else { return false }
            removeFromIndex(last)
            unsafe state.pointee.count = last
        }
        unsafe state.pointee.hand = 0
        return true
    }

    @unsafe
    private func merges(
        _ event: UnsafeRawPointer,
        _ kind: Int,
        _ enrichmentID: EnrichmentID,
        _ nowNs: UInt64,
        _ batch: RowBatch,
        _ room: inout SummaryRoom
    ) -> Bool {
        let shape = unsafe shapes[kind]
        let isExceptional =
            unsafe shape.discriminatorOffset >= 0
            && event.load(fromByteOffset: Int(shape.discriminatorOffset), as: UInt8.self) == shape.discriminatorValue
        let key = isExceptional ? shape.exceptionalWords : shape.words
        let hash = unsafe makeProbe(event, key)
        let found = index.find(hash) { group in
            unsafe groups[group].hash == hash && matches(group, key)
        }
        let keep = unsafe event.load(fromByteOffset: Self.keepAt, as: UInt32.self)
        guard let found else {
            unsafe begin(key, hash, keep, nowNs, batch, &room)
            return false
        }
        let group = unsafe groups + found
        if unsafe group.pointee.keep != keep || group.pointee.merged == Self.mostMerged {
            guard tell(found, batch, &room) else {
                unsafe state.pointee.statistics.refused += 1
                return false
            }
            unsafe group.pointee.restart(keep: keep)
        }
        unsafe merge(event, shape, enrichmentID, into: found)
        unsafe fresh[kind] += 1
        return true
    }

    /// Puts the key's words into `probe`; returns their hash.
    @inline(__always)
    @unsafe
    private func makeProbe(_ event: UnsafeRawPointer, _ key: Range<Int32>) -> UInt64 {
        var hash = seed
        var place = 0
        for word in Int(key.lowerBound)..<Int(key.upperBound) {
            let known = unsafe words[word]
            let value = unsafe event.loadUnaligned(fromByteOffset: known.offset, as: UInt64.self) & known.mask
            unsafe probe[place] = value
            place += 1
            let product = (hash ^ value ^ Self.mixer).multipliedFullWidth(by: Self.multiplier)
            hash = product.high ^ product.low
        }
        return hash
    }

    @inline(__always)
    private func matches(_ group: Int, _ key: Range<Int32>) -> Bool {
        let stored = unsafe UnsafeRawPointer(keys) + group * keyStride
        var place = 0
        for word in Int(key.lowerBound)..<Int(key.upperBound) {
            let value = unsafe stored.load(fromByteOffset: words[word].offset, as: UInt64.self)
            if unsafe value != probe[place] { return false }
            place += 1
        }
        return true
    }

    /// Makes a group of the key in `probe`, where there is room for it.
    @unsafe
    private func begin(
        _ key: Range<Int32>,
        _ hash: UInt64,
        _ keep: UInt32,
        _ nowNs: UInt64,
        _ batch: RowBatch,
        _ room: inout SummaryRoom
    ) {
        var group = unsafe state.pointee.count
        if group == capacity {
            guard let evicted = evict(batch, &room) else {
                unsafe state.pointee.statistics.refused += 1
                return
            }
            group = evicted
        } else {
            if group == 0 { unsafe state.pointee.startedNs = nowNs }
            unsafe state.pointee.count += 1
            let most = max(unsafe state.pointee.statistics.mostGroups, UInt64(group + 1))
            unsafe state.pointee.statistics.mostGroups = most
        }
        unsafe (groups + group).initialize(to: EventGroup(hash: hash, keep: keep))
        let stored = unsafe keys + group * keyStride
        unsafe stored.initializeMemory(as: UInt8.self, repeating: 0, count: keyStride)
        var place = 0
        for word in Int(key.lowerBound)..<Int(key.upperBound) {
            unsafe stored.storeBytes(of: probe[place], toByteOffset: words[word].offset, as: UInt64.self)
            place += 1
        }
        index.insert(group, hash: hash)
    }

    @inline(__always)
    @unsafe
    private func merge(_ event: UnsafeRawPointer, _ shape: GroupShape, _ enrichmentID: EnrichmentID, into number: Int) {
        let group = unsafe groups + number
        let timeNs = unsafe event.load(as: Int64.self)
        if unsafe group.pointee.merged == 0 {
            unsafe group.pointee.sequence = unsafe event.load(fromByteOffset: Self.sequenceAt, as: UInt64.self)
            unsafe group.pointee.cpu = unsafe event.load(fromByteOffset: Self.cpuAt, as: UInt16.self)
            unsafe group.pointee.enrichmentID = enrichmentID
        }
        unsafe group.pointee.merged += 1
        unsafe group.pointee.isReferenced = true
        if unsafe timeNs < group.pointee.firstNs { unsafe group.pointee.firstNs = timeNs }
        if unsafe timeNs > group.pointee.lastNs { unsafe group.pointee.lastNs = timeNs }
        guard shape.measureOffset >= 0 else { return }
        let measured = unsafe event.loadUnaligned(fromByteOffset: Int(shape.measureOffset), as: UInt64.self)
        if measured == .max && shape.measureMayBeAbsent { return }
        let value = min(measured, Self.mostMeasure)
        if unsafe value < group.pointee.smallest { unsafe group.pointee.smallest = value }
        if unsafe value > group.pointee.greatest { unsafe group.pointee.greatest = value }
        // Neither is above 2^63 - 1, so this doesn't wrap.
        unsafe group.pointee.sum = min(group.pointee.sum &+ value, Self.mostMeasure)
        unsafe histograms[number * MeasureClass.count + MeasureClass.number(of: value)] += 1
    }

    // MARK: - Summaries

    /// Makes a group's place free: one to which nothing was merged lately, as far as one is found soon.
    ///
    /// - Returns: nil where its summary finds no room.
    private func evict(_ batch: RowBatch, _ room: inout SummaryRoom) -> Int? {
        var hand = unsafe state.pointee.hand
        for _ in 0..<Self.mostSpared where unsafe groups[hand].isReferenced {
            unsafe groups[hand].isReferenced = false
            hand = hand + 1 == capacity ? 0 : hand + 1
        }
        unsafe state.pointee.hand = hand
        guard tell(hand, batch, &room) else { return nil }
        removeFromIndex(hand)
        unsafe state.pointee.hand = hand + 1 == capacity ? 0 : hand + 1
        unsafe state.pointee.statistics.evictions += 1
        return hand
    }

    private func removeFromIndex(_ group: Int) {
        index.remove(group, hash: unsafe groups[group].hash) { unsafe groups[$0].hash }
    }

    /// Puts the summary of what was merged into `batch`, if anything was; false where there is no room, and then nothing
    /// changed. Otherwise the group has nothing merged.
    private func tell(_ number: Int, _ batch: RowBatch, _ room: inout SummaryRoom) -> Bool {
        let group = unsafe groups[number]
        if group.merged == 0 { return true }
        guard room.rows >= 1 else { return false }
        let key = unsafe UnsafeRawPointer(keys) + number * keyStride
        let kind = unsafe Int(key.load(fromByteOffset: RecordCheck.kindOffset, as: UInt8.self))
        let counters = unsafe histograms + number * MeasureClass.count
        let record = unsafe writer.write(
            group,
            key: key,
            keyBytes: Int(shapes[kind].fixedBytes),
            counters: UnsafePointer(counters)
        )
        let size = (record.count + 7) & ~7
        guard room.bytes >= size else { return false }
        let isTaken = unsafe batch.append(
            summary: record.bytes,
            merged: group.merged,
            lastNs: group.lastNs,
            enrichmentID: group.enrichmentID
        )
        guard isTaken else { return false }
        room.rows -= 1
        room.bytes -= size
        unsafe state.pointee.statistics.summaries += 1
        if group.hasMeasure {
            let first = MeasureClass.number(of: group.smallest)
            let last = MeasureClass.number(of: group.greatest)
            unsafe (counters + first).update(repeating: 0, count: last - first + 1)
        }
        unsafe groups[number].restart(keep: group.keep)
        return true
    }

    private static let keepAt = RecordCheck.keepOffset
    private static let sequenceAt = MemoryLayout<tapio_header>.offset(of: \.sequence)!
    private static let cpuAt = MemoryLayout<tapio_header>.offset(of: \.cpu)!
    private static let mostMeasure = UInt64(Int64.max)
    private static let mixer: UInt64 = 0x9E37_79B9_7F4A_7C15
    private static let multiplier: UInt64 = 0xBF58_476D_1CE4_E5B9
}
