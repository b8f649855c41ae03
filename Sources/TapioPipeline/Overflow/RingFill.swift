import Synchronization

/// How full a reader found its rings: the last time, and the most since somebody asked. The reader alone writes, one other
/// asks.
final class RingFill: Sendable {
    // Relaxed: each is a figure of its own. A peak that is noted while the other takes it is told now or the next time.
    private let peak = Atomic<UInt64>(0)
    private let latest = Atomic<UInt64>(0)

    private static let whole: UInt64 = 1 << 16

    /// `bytes` of `capacity` as a number for ``noteAsOnlyWriter(_:)``.
    @inline(__always)
    static func fill(_ bytes: Int, of capacity: Int) -> UInt64 {
        UInt64(clamping: bytes) * whole / UInt64(clamping: max(1, capacity))
    }

    /// Notes what a pass found.
    @inline(__always)
    func noteAsOnlyWriter(_ fill: UInt64) {
        latest.store(fill, ordering: .relaxed)
        if fill > peak.load(ordering: .relaxed) { peak.store(fill, ordering: .relaxed) }
    }

    /// The most since the last call, and the latest; 0…1.
    func take() -> (peak: Double, latest: Double) {
        let most = peak.exchange(0, ordering: .relaxed)
        return (Self.part(most), Self.part(latest.load(ordering: .relaxed)))
    }

    private static func part(_ fill: UInt64) -> Double { min(1, Double(fill) / Double(whole)) }
}
