import TapioRings
import Testing

@Suite("Guarded values")
struct GuardedTests {
    private struct Refusal: Error, Equatable {}

    @Test("no increment of several threads is lost")
    func exclusive() throws {
        let counter = Guarded(0)
        let threads = try (0..<4).map { number in
            try PinnedThread(name: "guarded-\(number)") {
                for _ in 0..<20_000 { counter.withLock { $0 += 1 } }
            }
        }
        for thread in threads { thread.join() }
        #expect(counter.withLock { $0 } == 80_000)
    }

    @Test("a body that throws leaves the lock free and its change in place")
    func throwing() {
        let value = Guarded(1)
        #expect(throws: Refusal.self) {
            try value.withLock { (value: inout Int) throws(Refusal) in
                value = 2
                throw Refusal()
            }
        }
        #expect(value.withLock { $0 } == 2)
    }
}
