import TapioArchive

/// Batches whose write failed and that are worth another try, in the order in which they came: bounded in bytes.
///
/// A pure value that decides who stays; the exporter writes. Where not all fit, batches without critical rows go first,
/// the oldest of them before the newer, and critical ones last: none goes while one without critical rows stays. None is
/// given up in vain: a batch that would not fit anyway takes no other with it. O(1) but for giving up, which is O(n).
struct RetryQueue {
    /// A batch, and what is to be said of it when it is given up.
    struct Entry {
        let batch: ArchiveBatch
        /// Whether it holds rows of critical kinds.
        let isCritical: Bool
        /// Boot time of its first and last event, by the clock that was in force when it was encoded.
        let fromNs: Int64
        let toNs: Int64

        /// What it takes in memory, bytes.
        var bytes: Int {
            batch.group.bytes.heldBytes + batch.group.columns.count * Entry.columnBytes + batch.kinds.count
                * Entry.kindBytes
        }

        /// A column's description with its bounds.
        private static let columnBytes = 256
        private static let kindBytes = 64
    }

    /// The most bytes of all entries together.
    let maxBytes: Int
    /// Bytes of all entries.
    private(set) var bytes = 0
    /// The most that ``bytes`` ever was.
    private(set) var highWaterBytes = 0
    /// Places before `head` are empty; they are dropped when they are the greater part.
    private var places: [Entry?] = []
    private var head = 0
    private var criticalBytes = 0

    /// An empty queue.
    init(maxBytes: Int) {
        self.maxBytes = maxBytes
    }

    /// Entries.
    var count: Int { places.count - head }
    /// Whether nothing waits.
    var isEmpty: Bool { count == 0 }
    /// The oldest entry, the next to be tried.
    var first: Entry? { isEmpty ? nil : places[head] }

    /// Keeps an entry as the newest.
    ///
    /// - Returns: What is given up for that, oldest first: others, or the entry itself.
    mutating func keep(_ entry: Entry) -> [Entry] {
        // What may not be given up for this one must leave room for it.
        let untouchable = entry.isCritical ? 0 : criticalBytes
        guard entry.bytes <= maxBytes - untouchable else { return [entry] }
        places.append(entry)
        bytes += entry.bytes
        if entry.isCritical { criticalBytes += entry.bytes }
        let givenUp = makeRoom()
        highWaterBytes = max(highWaterBytes, bytes)
        return givenUp
    }

    /// Takes the oldest entry.
    mutating func popFirst() -> Entry? {
        guard let entry = first else { return nil }
        places[head] = nil
        head += 1
        forget(entry)
        if head > places.count / 2 {
            places.removeFirst(head)
            head = 0
        }
        return entry
    }

    /// Takes entries from the middle until the rest fits.
    private mutating func makeRoom() -> [Entry] {
        var excess = bytes - maxBytes
        guard excess > 0 else { return [] }
        // The newest is what room is made for, and fits: it is never among them.
        let older = head..<(places.count - 1)
        let order = older.filter { places[$0]?.isCritical == false } + older.filter { places[$0]?.isCritical == true }
        var chosen: Set<Int> = []
        for place in order where excess > 0 {
            excess -= places[place]?.bytes ?? 0
            chosen.insert(place)
        }
        let givenUp = chosen.sorted().compactMap { places[$0] }
        places = places.indices.filter { $0 >= head && !chosen.contains($0) }.map { places[$0] }
        head = 0
        for entry in givenUp { forget(entry) }
        return givenUp
    }

    private mutating func forget(_ entry: Entry) {
        bytes -= entry.bytes
        if entry.isCritical { criticalBytes -= entry.bytes }
    }
}
