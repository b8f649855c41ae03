import Synchronization

/// Tells a resolver that readers have left something for it. Readers make that visible first, and ring then; the resolver lowers
/// the bell before it looks, so that what comes after its look rings again.
final class ResolverBell: Sendable {
    /// An element each time that it rings.
    let rings: AsyncStream<Void>
    private let continuation: AsyncStream<Void>.Continuation
    private let isRung = Atomic<Bool>(false)

    init() {
        (rings, continuation) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
    }

    /// Readers' side. To ring costs a lock, so it rings once until the resolver comes.
    func ring() {
        if !isRung.exchange(true, ordering: .acquiringAndReleasing) { continuation.yield() }
    }

    /// The resolver's side: before each look.
    func lower() { isRung.store(false, ordering: .sequentiallyConsistent) }

    /// Ends ``rings``.
    func finish() { continuation.finish() }
}
