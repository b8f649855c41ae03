import TapioRings

/// Knows which sealed batches are not settled yet (written, failed or shed), and lets tasks wait for them.
final class BatchTracker: Sendable {
    private struct State {
        var next: UInt64 = 0
        var outstanding: Set<UInt64> = []
        var waiters: [(below: UInt64, continuation: CheckedContinuation<Void, Never>)] = []
    }

    // Held for some hundred ns, twice for each batch.
    private let state = Guarded(State())

    /// The sequence number for a batch that is sealed now; it is outstanding until ``settle(_:)``.
    func seal() -> UInt64 {
        state.withLock { state in
            let sequence = state.next
            state.next += 1
            state.outstanding.insert(sequence)
            return sequence
        }
    }

    /// Says that nothing more happens to a batch.
    func settle(_ sequence: UInt64) {
        let ready = state.withLock { state in
            state.outstanding.remove(sequence)
            let oldest = state.outstanding.min() ?? .max
            let ready = state.waiters.filter { $0.below <= oldest }
            state.waiters.removeAll { $0.below <= oldest }
            return ready
        }
        for waiter in ready { waiter.continuation.resume() }
    }

    /// Returns when all batches that were sealed before the call are settled.
    func waitForSealed() async {
        await withCheckedContinuation { continuation in
            let isReady = state.withLock { state in
                let below = state.next
                if state.outstanding.isEmpty { return true }
                state.waiters.append((below, continuation))
                return false
            }
            if isReady { continuation.resume() }
        }
    }

    /// Batches sealed so far.
    var sealed: UInt64 { state.withLock { $0.next } }

    /// Batches that are sealed and not settled.
    var outstanding: Int { state.withLock { $0.outstanding.count } }
}
