import TapioArchive
import TapioRings

/// What the exporter shows to others, who must not wait for the disk as it does.
struct ExportStatus {
    /// Why the archive cannot be written; nil while it can.
    var trouble: ArchiveWriteError.Reason?
    /// The last failure, in one line.
    var lastError: String?
    /// Batches that wait to be tried again, and their bytes.
    var keptBatches = 0
    var keptBytes = 0
    /// The most bytes that ever waited.
    var keptBytesHighWater = 0
    /// The most bytes that may wait.
    let maxKeptBytes: Int
    /// Batches that were given up since the start.
    var lostBatches: UInt64 = 0

    init(maxKeptBytes: Int) {
        self.maxKeptBytes = maxKeptBytes
    }
}

/// The exporter's time; tests turn it by hand.
struct ExportClock: Sendable {
    /// Nanoseconds that never go back.
    var monotonicNs: @Sendable () -> Int64
    /// Waits that many nanoseconds.
    var sleep: @Sendable (UInt64) -> Void
}

extension ExportClock {
    /// The machine's.
    static let system = ExportClock(
        monotonicNs: { Int64(clamping: MonotonicClock.monotonicNs) },
        sleep: { MonotonicClock.sleep(nanoseconds: $0) }
    )
}
