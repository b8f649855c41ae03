import Synchronization
import TapioArchive

/// The recording's time, for the archive that a replay writes.
final class ReplayClock: ArchiveClock {
    private let times = Mutex<(monotonic: Int64, utc: Int64)>((0, 0))

    func set(monotonicNs: Int64, utcNs: Int64) {
        times.withLock { times in
            // Neither goes back: what the recording tells may lag by a drain.
            times.monotonic = max(times.monotonic, monotonicNs)
            times.utc = max(times.utc, utcNs)
        }
    }

    func monotonicNs() -> Int64 { times.withLock { $0.monotonic } }
    func utcNs() -> Int64 { times.withLock { $0.utc } }
}
