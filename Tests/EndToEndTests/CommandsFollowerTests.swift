import TapioEvents
import Testing

@testable import tapio

@Suite("Following an archive") struct CommandsFollowerTests {
    private func event(_ seconds: Int64, sequence: Int64) -> DecodedEvent {
        DecodedEvent(values: [
            (Column(1, "ts", .timestamp, ""), .timestamp(seconds * 1_000_000)),
            (Column(5, "seq", .int64, ""), .int(sequence)),
        ])
    }

    /// Whether each is new, in this order.
    private func pass(_ follower: inout ArchiveFollower, _ events: [DecodedEvent]) -> [Bool] {
        var isNew: [Bool] = []
        for event in events { isNew.append(follower.isNew(event)) }
        follower.endPass()
        return isNew
    }

    @Test("an event is shown once, also where a pass looks back and another lane's batch came late")
    func once() {
        var follower = ArchiveFollower(sinceNs: 0)
        let first = pass(&follower, [event(100, sequence: 1), event(100, sequence: 2)])
        #expect(first == [true, true])
        #expect(follower.sinceNs == 70_000_000_000)
        let second = pass(&follower, [event(90, sequence: 7), event(100, sequence: 1)])
        #expect(second == [true, false])
    }

    @Test("what is older than the look back is forgotten, and the start is never passed backwards")
    func forgets() {
        var follower = ArchiveFollower(sinceNs: 95_000_000_000)
        _ = pass(&follower, [event(100, sequence: 1)])
        #expect(follower.sinceNs == 95_000_000_000)
        _ = pass(&follower, [event(200, sequence: 2)])
        #expect(follower.sinceNs == 170_000_000_000)
        // The next pass does not ask for it, so that it need not be remembered.
        let forgotten = pass(&follower, [event(100, sequence: 1)])
        #expect(forgotten == [true])
    }
}
