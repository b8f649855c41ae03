import Synchronization

/// How far a thread has come, shared between it and its handle.
///
/// Built on our own atomics instead of `Mutex`, whose lock lies in the runtime where a thread sanitizer cannot see it.
final class ThreadProgress: Sendable {
    private let outcome = HandoffQueue<Result<Int32, ThreadError>>(capacity: 1)
    private let finished = Atomic<Bool>(false)
    private let joinClaimed = Atomic<Bool>(false)
    private let joined = Atomic<Bool>(false)
    private let joinedBell = Doorbell()

    /// The thread: it is set up and has this id, or why it is not as it should be. Once.
    func report(_ result: Result<Int32, ThreadError>) {
        let isPushed = outcome.push(result).isPushed
        precondition(isPushed, "a thread reports its start once")
    }

    /// The starter: waits for the report. Once.
    func awaitReport() -> Result<Int32, ThreadError> {
        while true {
            if case .item(let result) = outcome.pop(waitingUpTo: .seconds(3600)) { return result }
        }
    }

    /// The thread: its body has returned. Release: pairs with the acquire in `isFinished`.
    func finish() {
        finished.store(true, ordering: .releasing)
    }

    /// Whether the body has returned; what it wrote is then visible. Acquire: pairs with the release in `finish`.
    var isFinished: Bool { finished.load(ordering: .acquiring) }

    /// Runs `join` in the first of all callers; every caller returns after it is done.
    func joinOnce(_ join: () -> Void) {
        // Relaxed: decides who, and hands over nothing.
        if !joinClaimed.exchange(true, ordering: .relaxed) {
            join()
            // Release: what the thread wrote, to the other callers' acquire below.
            joined.store(true, ordering: .releasing)
            joinedBell.ringAll()
        }
        while joinedBell.wait(upTo: .seconds(3600), for: { joined.load(ordering: .acquiring) ? true : nil }) == nil {}
    }

    /// Whether nobody has begun to join. Relaxed: asked when the last handle goes, after which nobody can.
    var isUnclaimed: Bool { !joinClaimed.load(ordering: .relaxed) }
}
