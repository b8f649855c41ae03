import Glibc

/// A value behind a pthread mutex.
///
/// Does what `Synchronization.Mutex` does, and ThreadSanitizer sees it: that one's lock lies in a runtime that is not
/// instrumented, so that what it guards is reported as a race.
@safe
public final class Guarded<Value: Sendable>: @unchecked Sendable {
    // Unchecked: `value` is touched only between lock and unlock, and nothing that refers to it leaves `withLock`.
    private var value: Value
    private let mutex: UnsafeMutablePointer<pthread_mutex_t>

    /// Guards `value`.
    public init(_ value: Value) {
        self.value = value
        unsafe mutex = .allocate(capacity: 1)
        unsafe mutex.initialize(to: pthread_mutex_t())
        let code = unsafe pthread_mutex_init(mutex, nil)
        precondition(code == 0, "pthread_mutex_init: errno \(code)")
    }

    deinit {
        unsafe pthread_mutex_destroy(mutex)
        unsafe mutex.deinitialize(count: 1)
        unsafe mutex.deallocate()
    }

    /// Runs `body` while nobody else can. Not recursive.
    public func withLock<Result, Failure: Error>(
        _ body: (inout Value) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        unsafe pthread_mutex_lock(mutex)
        defer { unsafe pthread_mutex_unlock(mutex) }
        return try body(&value)
    }
}
