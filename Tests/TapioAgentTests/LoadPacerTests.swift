import Testing

@testable import TapioAgent

@Suite("Benchmarks: pacing a generator")
struct LoadPacerTests {
    @Test("on time it owes exactly its rate", arguments: [1_000, 45_000, 420_000, 2_000_000])
    func onTime(rate: Int) {
        var pacer = LoadPacer(perSecond: rate, startNs: 5_000)
        var caused = 0
        var now: UInt64 = 5_000
        var most = 0
        while now < 5_000 + 1_000_000_000 {
            now = pacer.nextNs(after: now)
            let owed = pacer.owed(nowNs: now)
            most = max(most, owed)
            caused += owed
        }
        #expect(caused == rate)
        #expect(most <= max(1, rate / 1000))
        #expect(pacer.skippedNs == 0)
    }

    @Test("what it missed while it was held up is not made up for, but said")
    func heldUp() {
        var pacer = LoadPacer(perSecond: 1_000_000, startNs: 0)
        #expect(pacer.owed(nowNs: 200_000) == 200)
        // 50 ms later 50,000 would be owed: a millisecond's worth is.
        #expect(pacer.owed(nowNs: 50_200_000) == 1_000)
        #expect(pacer.skippedNs == 49_000_000)
        // Then it goes on at its rate.
        #expect(pacer.owed(nowNs: 50_400_000) == 200)
        #expect(pacer.skippedNs == 49_000_000)
    }

    @Test("a delay of less than a millisecond is made up for")
    func shortDelay() {
        var pacer = LoadPacer(perSecond: 100_000, startNs: 0)
        #expect(pacer.owed(nowNs: 900_000) == 90)
        #expect(pacer.owed(nowNs: 1_000_000) == 10)
        #expect(pacer.skippedNs == 0)
    }

    @Test("a clock that stands, or stands before the start, owes nothing")
    func noTime() {
        var pacer = LoadPacer(perSecond: 1_000_000, startNs: 1_000)
        #expect(pacer.owed(nowNs: 500) == 0)
        #expect(pacer.nextNs(after: 500) == 1_000)
        #expect(pacer.owed(nowNs: 201_000) == 200)
        #expect(pacer.owed(nowNs: 201_000) == 0)
        #expect(pacer.nextNs(after: 201_000) == 401_000)
    }
}
