import CTapioSystem
import Glibc

/// A kernel thread of our own: named, optionally bound to CPUs and given a priority, with signals left to others.
///
/// For work that runs to completion beside Swift's cooperative pool. It blocks all signals but faults, so that they
/// reach the thread that waits for them.
public final class PinnedThread: Sendable {
    /// The most bytes of a thread's name.
    public static let longestName = 15

    /// The thread's name, as in `/proc/<pid>/task/<tid>/comm`.
    public let name: String
    /// The kernel's thread id.
    public let tid: Int32
    private let handle: pthread_t
    private let progress: ThreadProgress

    /// Starts a thread and returns once it is set up and about to run `body`.
    ///
    /// - Parameters:
    ///   - name: 1 to 15 bytes.
    ///   - cpus: The CPUs it may run on; nil: those of the thread that starts it.
    ///   - priority: Its scheduling priority.
    ///   - body: Runs once on the thread. It keeps what it captures alive until it returns.
    /// - Throws: If the thread cannot be exactly as asked for; then `body` does not run.
    public init(
        name: String,
        cpus: [Int]? = nil,
        priority: ThreadPriority = .inherited,
        body: @escaping @Sendable () -> Void
    ) throws(ThreadError) {
        guard (1...Self.longestName).contains(name.utf8.count) && !name.utf8.contains(0) else {
            throw ThreadError(thread: name, step: .name, errno: ERANGE)
        }
        let progress = ThreadProgress()
        var created = pthread_t()
        let argument = unsafe Unmanaged.passRetained(
            ThreadStart(name: name, cpus: cpus, priority: priority, progress: progress, body: body)
        )
        let status = unsafe pthread_create(
            &created,
            nil,
            { argument in
                guard let argument = unsafe argument else { return nil }
                unsafe Unmanaged<ThreadStart>.fromOpaque(argument).takeRetainedValue().run()
                return nil
            },
            argument.toOpaque()
        )
        guard status == 0 else {
            unsafe argument.release()
            throw ThreadError(thread: name, step: .create, errno: status)
        }
        switch progress.awaitReport() {
        case .success(let tid):
            self.name = name
            self.tid = tid
            self.progress = progress
            handle = created
        case .failure(let error):
            _ = pthread_join(created, nil)
            throw error
        }
    }

    deinit {
        // Nobody is left to join it: let the kernel take its stack when it ends.
        if progress.isUnclaimed { pthread_detach(handle) }
    }

    /// Waits until `body` has returned and the thread is gone; everything it wrote is then visible. Any thread but this
    /// one may call it, and more than once.
    public func join() {
        precondition(tapio_gettid() != tid, "thread '\(name)' waits for its own end")
        progress.joinOnce {
            let status = pthread_join(handle, nil)
            precondition(status == 0, "pthread_join of '\(name)' failed with \(status)")
        }
    }

    /// Whether `body` has returned.
    public var isFinished: Bool { progress.isFinished }

    /// The name of the calling thread.
    public static var currentName: String {
        // Cannot fail for the caller's own name and a buffer of 16 bytes.
        var buffer = [CChar](repeating: 0, count: longestName + 1)
        _ = unsafe tapio_get_thread_name(&buffer, buffer.count)
        return String(decoding: buffer.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
    }

    /// The kernel's id of the calling thread.
    public static var currentTid: Int32 { tapio_gettid() }

    /// The CPU that the calling thread runs on at this moment.
    public static var currentCPU: Int { Int(tapio_current_cpu()) }

    /// The CPUs that the calling thread may run on, ascending; empty if the kernel does not say.
    public static var currentCPUs: [Int] {
        (try? CPUMask.allowed(tid: 0).get().cpus) ?? []
    }
}
