import Synchronization
import TapioArchive
import TapioRings

/// The thread that waits for the disk, so that the exporter need not: syncs the archive when its policy says so.
final class ArchiveSyncer: Sendable {
    private let archive: Archive
    private let isStopping = Atomic<Bool>(false)
    private let thread = Mutex<PinnedThread?>(nil)

    /// How long a stop may take that finds the thread asleep.
    private static let longestSleep = Duration.milliseconds(250)

    init(_ archive: Archive) {
        self.archive = archive
    }

    func start() throws(ThreadError) {
        let started = try PinnedThread(name: "tapio-sync") { [self] in
            // Pairs with the store in `stop`; nothing else is shared.
            while !isStopping.load(ordering: .relaxed) {
                if archive.waitUntilSyncIsDue(upTo: Self.longestSleep) { archive.syncIfDue() }
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
