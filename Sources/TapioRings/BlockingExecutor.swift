import Dispatch

/// Runs an actor on a serial dispatch queue of its own, so that waiting for the disk or the network does not hold a thread
/// of Swift's cooperative pool.
public final class BlockingExecutor: SerialExecutor {
    private let queue: DispatchQueue

    /// An executor whose queue has that label.
    public init(label: String) {
        queue = DispatchQueue(label: label)
    }

    /// Runs the job when those before it have ended.
    public func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        queue.async { unsafe job.runSynchronously(on: self.asUnownedSerialExecutor()) }
    }
}
