import CTapioSystem
import Glibc
import Synchronization

/// What a thread that is being started and the one that starts it share: the wishes, and what became of them.
///
/// The new thread sets itself up, since only it can set its own nice value and blocked signals, and reports before it
/// runs the body.
final class ThreadStart: Sendable {
    private let name: String
    private let cpus: [Int]?
    private let priority: ThreadPriority
    private let body: Mutex<(@Sendable () -> Void)?>
    private let outcome = Mutex<Result<Int32, ThreadError>?>(nil)
    private let reported = Doorbell()
    private let finished = Atomic<Bool>(false)

    init(name: String, cpus: [Int]?, priority: ThreadPriority, body: @escaping @Sendable () -> Void) {
        self.name = name
        self.cpus = cpus
        self.priority = priority
        self.body = Mutex(body)
    }

    /// Whether the body has returned. Acquire: pairs with the release in `run`.
    var isFinished: Bool { finished.load(ordering: .acquiring) }

    /// The new thread's id, or why it is not as it should be.
    func awaitOutcome() -> Result<Int32, ThreadError> {
        while true {
            let found = reported.wait(upTo: .seconds(3600)) { outcome.withLock { $0 } }
            if let found { return found }
        }
    }

    /// The new thread's whole life.
    func run() {
        do throws(ThreadError) {
            try setUp()
            report(.success(tapio_gettid()))
        } catch {
            report(.failure(error))
            return
        }
        // Taken out, so that what the body captured is released when it returns, not when the last handle goes.
        body.withLock { body in
            let taken = body
            body = nil
            return taken
        }?()
        finished.store(true, ordering: .releasing)
    }

    private func report(_ result: Result<Int32, ThreadError>) {
        outcome.withLock { $0 = result }
        reported.ringAll()
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
