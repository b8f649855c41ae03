import Synchronization
import TapioBPF
import TapioEvents
import TapioRings

/// Hands what readers see of processes over to who keeps the table of processes. A reader never waits: what finds no place
/// is counted, and then that process is missing in the table, but not in the archive.
final class ProcessFeed: Sendable {
    /// Records that can wait. Two megabytes.
    static let mostWaiting = 2048

    private let bell = ResolverBell()
    private let waiting = BoundedMPMCRing<SeenProcess>(capacity: mostWaiting)
    private let dropped = Atomic<UInt64>(0)

    /// Whether a kind tells of processes.
    @inline(__always)
    static func concerns(_ kind: UInt8) -> Bool {
        let kind = Int(kind)
        return kind == TAPIO_KIND_PROCESS_EXEC || kind == TAPIO_KIND_PROCESS_FORK || kind == TAPIO_KIND_PROCESS_EXIT
            || kind == TAPIO_KIND_PROCESS_EXISTING
    }

    /// Readers' side: copies a record of such a kind.
    @inline(never)
    func see(_ record: RawSpan) {
        if RecordCheck.isMerged(record) { return }
        guard waiting.push(SeenProcess(record)).isPushed else {
            dropped.add(1, ordering: .relaxed)
            return
        }
        bell.ring()
    }

    /// Records that found no place.
    var droppedRecords: UInt64 { dropped.load(ordering: .relaxed) }

    // MARK: - The other side

    /// Rings where something waits.
    var wanted: AsyncStream<Void> { bell.rings }

    /// Hands out what waits, in portions: readers may be as quick as who takes.
    ///
    /// - Returns: How many records there were, `most` at most.
    func takeWaiting(upTo most: Int, _ body: (SeenProcess) -> Void) -> Int {
        bell.lower()
        var count = 0
        while count < most, case .item(let seen) = waiting.pop() {
            body(seen)
            count += 1
        }
        return count
    }

    /// Ends ``wanted``.
    func finish() { bell.finish() }
}
