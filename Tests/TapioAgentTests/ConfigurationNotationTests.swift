import Testing

@testable import TapioAgent

@Suite("Sizes, durations and text")
struct ConfigurationNotationTests {
    @Test(
        "sizes are read as people write them",
        arguments: [
            ("256MiB", 268_435_456), ("1GB", 1_000_000_000), ("4096", 4096), ("1.5GiB", 1_610_612_736), ("0", 0),
            ("64 KiB", 65536), ("1kB", 1000), ("7B", 7), ("2TiB", 2_199_023_255_552),
        ]
    )
    func sizes(text: String, bytes: Int) {
        #expect(SizeNotation.parse(text) == bytes)
    }

    @Test(
        "what is no size is refused",
        arguments: [
            "", "MiB", "-1", "1.B", "0.3B", "1gib", "1 Mi B", "99999999999999999999", "9999999TiB", "1e3", "0x10",
            "٣KiB",
        ]
    )
    func noSizes(text: String) {
        #expect(SizeNotation.parse(text) == nil)
    }

    @Test(
        "durations are read as people write them",
        arguments: [
            ("5s", 5_000_000_000), ("500ms", 500_000_000), ("1m30s", 90_000_000_000), ("1.5h", 5_400_000_000_000),
            ("100us", 100_000), ("100µs", 100_000), ("7ns", 7), ("0", 0), ("2d", 172_800_000_000_000),
        ] as [(String, UInt64)]
    )
    func durations(text: String, ns: UInt64) {
        #expect(DurationNotation.parse(text) == ns)
    }

    @Test(
        "what is no duration is refused",
        arguments: ["", "5", "s", "5 x", "30s1m", "1s1s", "-5s", "0.5ns", "99999999999d", "5s,", "1.1.1s"]
    )
    func noDurations(text: String) {
        #expect(DurationNotation.parse(text) == nil)
    }

    @Test("a size and a duration print as what parses back to them")
    func roundTrip() {
        var random = SystemRandomNumberGenerator()
        for _ in 0..<2000 {
            let bytes = Int.random(in: 0...(1 << Int.random(in: 1...62)), using: &random)
            #expect(SizeNotation.parse(SizeNotation.text(bytes)) == bytes)
            let ns = UInt64.random(in: 0...(1 << UInt64.random(in: 1...62)), using: &random)
            #expect(DurationNotation.parse(DurationNotation.text(ns)) == ns)
        }
    }

    @Test("text that YAML would read as something else is quoted")
    func quoting() {
        #expect(QuotedText.text("/var/lib/tapio") == "/var/lib/tapio")
        #expect(QuotedText.text("no") == "\"no\"")
        #expect(QuotedText.text("a b\"c\\") == "\"a b\\\"c\\\\\"")
        #expect(QuotedText.text("\u{1B}[2J") == "\"\\u001b[2J\"")
    }

    @Test("the distance of words counts a swap of neighbours once")
    func distance() {
        #expect(EditDistance.between(Array("batch".utf8), Array("bacth".utf8)) == 1)
        #expect(EditDistance.between(Array("".utf8), Array("abc".utf8)) == 3)
        #expect(EditDistance.between(Array("rings".utf8), Array("ring".utf8)) == 1)
    }
}
