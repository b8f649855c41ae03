import Synchronization
import TapioArchive
import TapioRings

/// The thread that waits for the disk, so that the exporter need not: syncs the archive when its policy says so.
final class ArchiveSyncer: Sendable {
    private let archive: Archive
    private let isStopping = Atomic<Bool>(false)
    private let thread = Mutex<PinnedThread?>(nil)

    /// A few looks in each interval of the policy, which is a second.
    private static let periodNs: UInt64 = 250_000_000

    init(_ archive: Archive) {
        self.archive = archive
    }

    func start() throws(ThreadError) {
        let started = try PinnedThread(name: "tapio-sync") { [self] in
            // Pairs with the store in `stop`; nothing else is shared.
            while !isStopping.load(ordering: .relaxed) {
                archive.syncIfDue()
                MonotonicClock.sleep(nanoseconds: Self.periodNs)
            }
        }
        thread.withLock { $0 = started }
    }

    /// Returns when the thread has ended.
    func stop() {
        isStopping.store(true, ordering: .relaxed)
        thread.withLock { $0 }?.join()
    }
}
