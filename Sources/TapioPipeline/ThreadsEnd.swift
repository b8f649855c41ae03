import TapioRings

/// Counts threads that have ended, and lets tasks wait for a number of them without blocking a thread of the pool.
final class ThreadsEnd: Sendable {
    private struct State {
        var ended = 0
        var waiters: [(count: Int, continuation: CheckedContinuation<Void, Never>)] = []
    }

    private let state = Guarded(State())

    /// One more has done its work.
    func signal() {
        let ready = state.withLock { state in
            state.ended += 1
            let ended = state.ended
            let ready = state.waiters.filter { $0.count <= ended }
            state.waiters.removeAll { $0.count <= ended }
            return ready
        }
        for waiter in ready { waiter.continuation.resume() }
    }

    /// Returns when `count` have ended.
    func wait(for count: Int) async {
        await withCheckedContinuation { continuation in
            let isReady = state.withLock { state in
                if state.ended >= count { return true }
                state.waiters.append((count, continuation))
                return false
            }
            if isReady { continuation.resume() }
        }
    }
}
