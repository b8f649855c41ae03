/// Lets many ask and the work be done once: what was found is good for a while, and who comes while it is being found waits
/// for the same.
actor SharedAnswer<Value: Sendable> {
    private let life: Duration
    private let doubtLife: Duration
    private let isGood: @Sendable (Value) -> Bool
    private let make: @Sendable () async -> Value
    private var running: Task<Value, Never>?
    private var last: (value: Value, at: ContinuousClock.Instant)?

    /// An answer that is made by `make` and good for `life`, or for `doubtLife` where it is not as one would like it.
    init(
        goodFor life: Duration,
        or doubtLife: Duration? = nil,
        _ make: @escaping @Sendable () async -> Value,
        isGood: @escaping @Sendable (Value) -> Bool = { _ in true }
    ) {
        self.life = life
        self.doubtLife = doubtLife ?? life
        self.isGood = isGood
        self.make = make
    }

    /// The answer, at most so old.
    var value: Value {
        get async {
            if let running { return await running.value }
            if let last, ContinuousClock.now - last.at < (isGood(last.value) ? life : doubtLife) { return last.value }
            let task = Task { [make] in await make() }
            running = task
            let value = await task.value
            running = nil
            last = (value, .now)
            return value
        }
    }
}

/// Waits for something no longer than a while.
enum Patience {
    /// What `body` gives; nil where that takes longer. It goes on then, unheard.
    static func value<Value: Sendable>(
        within limit: Duration,
        _ body: @escaping @Sendable () async -> Value
    ) async -> Value? {
        let (stream, continuation) = AsyncStream<Value?>.makeStream(bufferingPolicy: .bufferingOldest(1))
        let work = Task { continuation.yield(await body()) }
        let clock = Task {
            if (try? await Task.sleep(for: limit)) != nil { continuation.yield(nil) }
        }
        defer {
            work.cancel()
            clock.cancel()
        }
        for await value in stream { return value }
        return nil
    }
}
