import TapioRings

/// What the agent's loop has to do next. However long it was held up, each sort of work waits once: a stop is never lost
/// behind ticks, and ticks that were missed are not made up for.
final class DueWork: Sendable {
    /// Sorts of work.
    struct Kinds: OptionSet, Sendable {
        let rawValue: UInt8

        static let stop = Kinds(rawValue: 1)
        static let reload = Kinds(rawValue: 2)
        static let seal = Kinds(rawValue: 4)
        static let tick = Kinds(rawValue: 8)
    }

    /// An element for whatever was added since the last ``take()``.
    let calls: AsyncStream<Void>
    private let call: AsyncStream<Void>.Continuation
    private let due = Guarded<Kinds>([])

    init() {
        (calls, call) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
    }

    func add(_ kinds: Kinds) {
        due.withLock { $0.formUnion(kinds) }
        call.yield()
    }

    /// All that is due; nothing is then.
    func take() -> Kinds {
        due.withLock { due in
            defer { due = [] }
            return due
        }
    }
}

extension DueWork.Kinds {
    /// The work that a signal asks for.
    init(_ signal: AgentSignal) {
        switch signal {
        case .stop: self = .stop
        case .reload: self = .reload
        case .seal: self = .seal
        }
    }
}
