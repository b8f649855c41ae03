import Synchronization
import TapioEvents

/// The clock offset that is in force; what is encoded or shown from now on uses it.
final class CurrentClock: Sendable {
    private let value: Atomic<Int64>

    init(_ offset: ClockOffset) {
        value = Atomic(offset.utcMinusBootNs)
    }

    var offset: ClockOffset {
        get { ClockOffset(utcMinusBootNs: value.load(ordering: .relaxed)) }
        set { value.store(newValue.utcMinusBootNs, ordering: .relaxed) }
    }
}
