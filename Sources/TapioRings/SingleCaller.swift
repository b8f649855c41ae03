public import Synchronization

/// Debug builds: catches two calls at once where only one thread may call at a time. Costs nothing in others.
public struct SingleCaller: ~Copyable {
    @usableFromInline let isBusy = Atomic<Bool>(false)

    /// Nobody is calling.
    public init() {}

    // Relaxed, so that it orders nothing and hides no race from a sanitizer.

    /// A call begins. Debug builds trap where one is under way.
    @inlinable
    @inline(__always)
    public func enter() {
        assert(!isBusy.exchange(true, ordering: .relaxed), "two calls at once where one thread may call at a time")
    }

    /// The call ends.
    @inlinable
    @inline(__always)
    public func leave() {
        assert(isBusy.exchange(false, ordering: .relaxed))
    }
}
