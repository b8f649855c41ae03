import Synchronization

/// Counts how many tokens were made and released.
final class LifeCounter: Sendable {
    let made = Atomic<Int>(0)
    let released = Atomic<Int>(0)

    var madeCount: Int { made.load(ordering: .relaxed) }

    var alive: Int { made.load(ordering: .relaxed) - released.load(ordering: .relaxed) }
}

/// An element that is a reference.
final class Token: Sendable {
    let number: Int
    private let life: LifeCounter

    init(_ number: Int = 0, _ life: LifeCounter) {
        self.number = number
        self.life = life
        life.made.add(1, ordering: .relaxed)
    }

    deinit {
        life.released.add(1, ordering: .relaxed)
    }
}

/// An element that cannot be copied.
struct UniqueToken: ~Copyable, Sendable {
    let token: Token

    init(_ number: Int = 0, _ life: LifeCounter) {
        token = Token(number, life)
    }

    deinit {}
}
