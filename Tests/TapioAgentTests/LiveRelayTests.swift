import TapioEvents
import Testing

@testable import TapioAgent
@testable import TapioPipeline

@Suite("The relay of live events to a client")
struct LiveRelayTests {
    private func events(_ count: Int) -> LiveEvents {
        LiveEvents(events: [DecodedEvent](repeating: DecodedEvent(values: []), count: count), skipped: UInt64(count))
    }

    @Test("a client gets what the stream has, with what was left out, and then its end")
    func all() {
        let (stream, continuation) = AsyncStream.makeStream(of: LiveEvents.self)
        let relay = LiveRelay(stream)
        for count in 1...3 { continuation.yield(events(count)) }
        continuation.finish()
        for count in 1...3 {
            let live = relay.next()
            #expect(live?.events.count == count)
            #expect(live?.skipped == UInt64(count))
        }
        #expect(relay.next() == nil)
    }

    @Test("a client that goes before it took what waits takes nobody with it", arguments: 0..<20)
    func gone(round: Int) async throws {
        let (stream, continuation) = AsyncStream.makeStream(of: LiveEvents.self)
        weak var last: LiveRelay?
        do {
            let relay = LiveRelay(stream)
            last = relay
            for count in 1...3 { continuation.yield(events(count)) }
            // Something is on its way, or waits already.
            if round % 2 == 0 { _ = relay.next() }
            try await Task.sleep(for: .milliseconds(round))
            relay.cancel()
        }
        // It is taken apart when its task has ended: that must be survived.
        var looks = 0
        while last != nil && looks < 2000 {
            looks += 1
            try await Task.sleep(for: .milliseconds(1))
        }
        #expect(last == nil)
        continuation.finish()
    }
}
