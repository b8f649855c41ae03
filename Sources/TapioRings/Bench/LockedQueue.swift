/// What the rings are measured against: a bounded queue in an array, behind a pthread mutex.
final class LockedQueue: Sendable {
    private struct State: Sendable {
        var items: [BenchItem]
        var head = 0
        var count = 0
        var isClosed = false
    }

    private let state: Guarded<State>

    init(capacity: Int) {
        state = Guarded(State(items: Array(repeating: BenchItem(0), count: capacity)))
    }

    /// Takes as many items as there is room for; says how many.
    func push(contentsOf items: Span<BenchItem>) -> Int {
        state.withLock { state in
            let capacity = state.items.count
            let taken = min(items.count, capacity - state.count)
            var at = state.head + state.count
            if at >= capacity { at -= capacity }
            for index in 0..<taken {
                state.items[at] = items[index]
                at += 1
                if at == capacity { at = 0 }
            }
            state.count += taken
            return taken
        }
    }

    /// Hands out up to `limit` items; says how many, or nil at the end.
    func drain(upTo limit: Int, _ body: (BenchItem) -> Void) -> Int? {
        state.withLock { state in
            let capacity = state.items.count
            let given = min(limit, state.count)
            if given == 0 { return state.isClosed ? nil : 0 }
            for _ in 0..<given {
                body(state.items[state.head])
                state.head += 1
                if state.head == capacity { state.head = 0 }
            }
            state.count -= given
            return given
        }
    }

    func close() {
        state.withLock { $0.isClosed = true }
    }
}
