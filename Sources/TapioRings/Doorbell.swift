import CTapioSystem
import Glibc
import Synchronization

/// Where threads sleep until there may be work, without a lost wake-up and without using CPU.
///
/// Any number of threads wait and ring. Whoever waits says how to look for work; whoever makes work makes it visible
/// first and rings then. It holds no state that could be missed: a ring wakes those who wait now, and those who are just
/// about to wait look again.
@safe
public final class Doorbell: @unchecked Sendable {
    // Unchecked for the pointer alone: it never changes, and all it points to is atomic.
    //
    // Why no wake-up is lost: a waiter (W1) adds itself to `waiters`, (W2) reads `rings`, (W3) looks for work, (W4)
    // sleeps unless `rings` has changed since W2, which the kernel checks in one step with going to sleep. A ringer has
    // made work visible, (R1) changes `rings`, (R2) reads `waiters`. If R1 comes before W2, then W3 sees the work; if
    // between W2 and W4, then W4 does not sleep; if after W4, then R2 comes after W1, sees the waiter and wakes it. The
    // last step needs one order of W1, W2, R1 and R2 that all threads agree on: those four are sequentially consistent.
    private struct State: ~Copyable {
        /// How often it rang, modulo 2^32. The futex word.
        let rings = Atomic<UInt32>(0)
        /// Threads between W1 and their return.
        let waiters = Atomic<Int>(0)
        /// How often a thread went to sleep.
        let sleeps = Atomic<UInt64>(0)
    }

    private let state: UnsafeMutablePointer<State>

    /// Makes a doorbell that nobody waits at.
    public init() {
        // On the heap because the kernel needs the word's address; on lines of its own because it is written often.
        let raw = UnsafeMutableRawPointer.allocate(byteCount: CacheLine.bytes, alignment: CacheLine.bytes)
        unsafe state = raw.bindMemory(to: State.self, capacity: 1)
        unsafe state.initialize(to: State())
    }

    deinit {
        unsafe state.deinitialize(count: 1)
        unsafe state.deallocate()
    }

    /// Wakes up to `count` waiting threads; the others stay asleep. Call it after the work is visible, once per batch:
    /// it costs one atomic add, and a system call (about 1 µs) only if somebody waits.
    public func ring(waking count: Int = 1) {
        // R1 and R2, see above. R1 also releases the work to W2's acquire.
        unsafe state.pointee.rings.wrappingAdd(1, ordering: .sequentiallyConsistent)
        guard unsafe state.pointee.waiters.load(ordering: .sequentiallyConsistent) > 0 else { return }
        _ = unsafe tapio_futex_wake(state, Int32(clamping: count))
    }

    /// Wakes all waiting threads.
    public func ringAll() {
        ring(waking: .max)
    }

    /// Looks for work, and while there is none sleeps until somebody rings, for at most `limit`.
    ///
    /// - Parameters:
    ///   - limit: Zero or less looks once and returns. Longer than 292 years means for ever.
    ///   - look: Returns what was found, or nil. It runs at least once, after every wake-up, and a last time after the
    ///     limit has passed, so that a ring just before it is not lost.
    /// - Returns: What `look` found, or nil after the limit.
    public func wait<Found: ~Copyable>(upTo limit: Duration, for look: () -> Found?) -> Found? {
        if let found = look() { return found }
        guard limit > .zero else { return nil }
        let deadline = MonotonicClock.deadline(after: limit.wholeNanoseconds)
        // W1, see above.
        unsafe state.pointee.waiters.add(1, ordering: .sequentiallyConsistent)
        // Relaxed: a late count costs a ringer a system call, nothing else.
        defer { unsafe state.pointee.waiters.subtract(1, ordering: .relaxed) }
        while true {
            // W2 (also acquires what the ringer released), W3, W4.
            let seen = unsafe state.pointee.rings.load(ordering: .sequentiallyConsistent)
            if let found = look() { return found }
            unsafe state.pointee.sleeps.add(1, ordering: .relaxed)
            if unsafe tapio_futex_wait(state, seen, deadline) == -ETIMEDOUT { return look() }
        }
    }

    /// Threads that wait at this moment; approximate.
    public var waiters: Int {
        unsafe state.pointee.waiters.load(ordering: .relaxed)
    }

    /// How often a thread went to sleep; never reset.
    public var sleeps: UInt64 {
        unsafe state.pointee.sleeps.load(ordering: .relaxed)
    }
}

extension Duration {
    /// The duration in nanoseconds, rounded up, within 0…UInt64.max.
    var wholeNanoseconds: UInt64 {
        guard self > .zero else { return 0 }
        let (seconds, attoseconds) = components
        let (whole, overflow) = UInt64(seconds).multipliedReportingOverflow(by: 1_000_000_000)
        guard !overflow else { return .max }
        let (sum, carried) = whole.addingReportingOverflow(UInt64((attoseconds + 999_999_999) / 1_000_000_000))
        return carried ? .max : sum
    }
}
