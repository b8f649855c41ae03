public import Synchronization

/// Debug builds: catches two calls at once where only one thread may call at a time. Costs nothing in others.
@usableFromInline
struct SingleCaller: ~Copyable {
    @usableFromInline let isBusy = Atomic<Bool>(false)

    @usableFromInline
    init() {}

    // Relaxed, so that it orders nothing and hides no race from a sanitizer.
    @inlinable
    @inline(__always)
    func enter() {
        assert(!isBusy.exchange(true, ordering: .relaxed), "two calls at once where one thread may call at a time")
    }

    @inlinable
    @inline(__always)
    func leave() {
        assert(isBusy.exchange(false, ordering: .relaxed))
    }
}
