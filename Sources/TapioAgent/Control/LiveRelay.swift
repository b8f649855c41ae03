import Dispatch
import Synchronization
import TapioPipeline

/// Lets a thread wait for the elements of a stream.
final class LiveRelay: Sendable {
    private let ready = DispatchSemaphore(value: 0)
    // Begins at 0 and is signalled once: Dispatch ends the process where a semaphore goes away below the value that it began
    // with, as it would when a client goes before it took what waits.
    private let free = DispatchSemaphore(value: 0)
    private let slot = Mutex<LiveEvents?>(nil)
    private let task = Mutex<Task<Void, Never>?>(nil)

    init(_ stream: AsyncStream<LiveEvents>) {
        free.signal()
        let relaying = Task { [self] in
            for await live in stream {
                // One element at a time: what the client is too slow for, the stream drops and counts.
                while free.wait(timeout: .now()) == .timedOut {
                    if (try? await Task.sleep(for: .milliseconds(5))) == nil { break }
                }
                slot.withLock { $0 = live }
                ready.signal()
            }
            // What waits is still taken; behind it there is nothing.
            ready.signal()
        }
        task.withLock { $0 = relaying }
    }

    /// The next events; nil at the end.
    func next() -> LiveEvents? {
        ready.wait()
        let live = slot.withLock { slot in
            defer { slot = nil }
            return slot
        }
        free.signal()
        return live
    }

    func cancel() { task.withLock { $0?.cancel() } }
}
