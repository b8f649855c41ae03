import Synchronization
import TapioAgent
import TapioRings

/// Readings of the agent, asked for by a thread of its own, which asks again where the agent went away.
final class TopFeed: Sendable {
    /// What happened since the last look.
    struct News: Sendable {
        /// In their order; the oldest go where nobody looks.
        var readings: [TopReading] = []
        /// Why there is no connection; nil while there is one.
        var trouble: String?
    }

    private static let mostUnread = 16
    /// Time between two attempts to reach the agent, nanoseconds.
    private static let retryNs: UInt64 = 1_000_000_000

    private let news = Mutex(News())
    private let isOver = Atomic<Bool>(false)

    /// Asks `client` until ``stop()``, and calls `onNews` on its thread whenever there is something to ``take()``.
    init(_ client: ControlClient, _ request: ControlRequest.Top, onNews: @escaping @Sendable () -> Void) throws {
        _ = try PinnedThread(name: "tapio-top") { [self] in
            while !isOver.load(ordering: .relaxed) {
                var trouble = "the agent has stopped"
                do {
                    try client.readings(request) { reading in
                        news.withLock { news in
                            news.trouble = nil
                            if news.readings.count >= Self.mostUnread { news.readings.removeFirst() }
                            news.readings.append(reading)
                        }
                        onNews()
                        return !isOver.load(ordering: .relaxed)
                    }
                } catch {
                    trouble = "\(error)"
                }
                news.withLock { $0.trouble = trouble }
                onNews()
                MonotonicClock.sleep(nanoseconds: Self.retryNs)
            }
        }
    }

    /// What is new.
    func take() -> News {
        news.withLock { news in
            defer { news.readings = [] }
            return news
        }
    }

    /// Ends it with its next reading.
    func stop() { isOver.store(true, ordering: .relaxed) }
}
