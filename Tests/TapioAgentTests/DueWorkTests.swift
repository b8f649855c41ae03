import Testing

@testable import TapioAgent

@Suite("What the agent's loop has to do")
struct DueWorkTests {
    @Test("a stop is not lost behind any number of ticks, and each sort of work waits once")
    func bounded() async {
        let due = DueWork()
        for _ in 0..<100_000 { due.add(.tick) }
        due.add(DueWork.Kinds(.reload))
        due.add(DueWork.Kinds(.stop))
        var calls = due.calls.makeAsyncIterator()
        #expect(await calls.next() != nil)
        #expect(due.take() == [.tick, .reload, .stop])
        #expect(due.take() == [])
    }

    @Test("whoever waits is called for each addition after the last look")
    func calls() async {
        let due = DueWork()
        let worker = Task {
            var ticks = 0
            for await _ in due.calls {
                let kinds = due.take()
                if kinds.contains(.tick) { ticks += 1 }
                if kinds.contains(.stop) { return ticks }
            }
            return -1
        }
        due.add(.tick)
        due.add(DueWork.Kinds(.stop))
        #expect((0...1).contains(await worker.value))
    }
}
