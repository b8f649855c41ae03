import CTapioSystem
import Glibc

/// What a thread needs to start: the wishes, and where to report. The thread alone keeps it once it runs, so that what
/// the body captured is released when the thread ends, not when the last handle goes.
///
/// The new thread sets itself up, since only it can set its own nice value and blocked signals, and reports before it
/// runs the body.
final class ThreadStart: Sendable {
    private let name: String
    private let cpus: [Int]?
    private let priority: ThreadPriority
    private let progress: ThreadProgress
    private let body: @Sendable () -> Void

    init(
        name: String,
        cpus: [Int]?,
        priority: ThreadPriority,
        progress: ThreadProgress,
        body: @escaping @Sendable () -> Void
    ) {
        self.name = name
        self.cpus = cpus
        self.priority = priority
        self.progress = progress
        self.body = body
    }

    /// The new thread's whole life.
    func run() {
        do throws(ThreadError) {
            try setUp()
        } catch {
            progress.report(.failure(error))
            return
        }
        progress.report(.success(tapio_gettid()))
        body()
        progress.finish()
    }

    private func setUp() throws(ThreadError) {
        try check(unsafe tapio_set_thread_name(name), .name)
        try check(tapio_block_signals(), .signals)
        if let cpus { try pin(to: cpus) }
        switch priority {
        case .inherited: break
        case .nice(let value): try check(tapio_set_thread_nice(Int32(clamping: value)), .priority(priority))
        case .realtime(let value): try check(tapio_set_thread_fifo(Int32(clamping: value)), .priority(priority))
        }
    }

    private func pin(to cpus: [Int]) throws(ThreadError) {
        guard let mask = CPUMask(cpus) else { throw ThreadError(thread: name, step: .pin(cpus: cpus), errno: EINVAL) }
        try check(-mask.applyToCallingThread(), .pin(cpus: cpus))
        // The kernel silently leaves out CPUs that are not there as long as one is: read back.
        guard case .success(mask) = CPUMask.allowed(tid: 0) else {
            throw ThreadError(thread: name, step: .pin(cpus: cpus), errno: EINVAL)
        }
    }

    private func check(_ status: Int32, _ step: ThreadError.Step) throws(ThreadError) {
        if status < 0 { throw ThreadError(thread: name, step: step, errno: -status) }
    }
}
