import TapioEvents
import Testing

@Suite("Numbers and times for people")
struct HumanUnitsTests {
    @Test(
        arguments: [
            (0, "0ns"), (999, "999ns"), (1200, "1.2us"), (1_200_000, "1.2ms"), (50_000_000, "50ms"),
            (3_400_000_000, "3.4s"), (999_960, "1ms"), (999_960_000, "1s"), (60_000_000_000, "1m00s"),
            (125_000_000_000, "2m05s"),
            (11_520_000_000_000, "3h12m"), (367_200_000_000_000, "4d06h"), (-1200, "-1.2us"),
            (Int64.min, "-106751d23h"),
        ] as [(Int64, String)]
    )
    func durationsHaveTheirUnit(_ ns: Int64, _ text: String) {
        #expect(HumanUnits.duration(ns: ns) == text)
    }

    @Test(
        arguments: [
            (0, "0B"), (1023, "1023B"), (1024, "1KiB"), (3_565_158, "3.4MiB"), (1_048_575, "1MiB"), (.max, "8EiB"),
            (.min, "-8EiB"), (-2048, "-2KiB"),
        ] as [(Int64, String)]
    )
    func bytesHaveBinaryUnits(_ count: Int64, _ text: String) {
        #expect(HumanUnits.bytes(count) == text)
    }

    @Test func countsHaveTheirThousandsApart() {
        #expect(HumanUnits.count(1_234_567) == "1,234,567")
        #expect(HumanUnits.count(-123) == "-123")
        #expect(HumanUnits.count(.min) == "-9,223,372,036,854,775,808")
        #expect(HumanUnits.decimal(12.3456) == "12.346")
        #expect(HumanUnits.decimal(-0.0001) == "0")
        #expect(HumanUnits.decimal(100) == "100")
    }

    @Test(
        arguments: [
            ("50ms", 50_000_000, .time), ("1.5s", 1_500_000_000, .time), ("1h30m", 5_400_000_000_000, .time),
            ("10m", 600_000_000_000, .time), ("1MB", 1_000_000, .bytes), ("1MiB", 1_048_576, .bytes),
            ("0.5GiB", 536_870_912, .bytes), ("1_000", 1000, .plain), ("0x1f", 31, .plain), ("-3", -3, .plain),
            ("9223372036854775807", .max, .plain), ("10k", 10000, .plain), ("7ns", 7, .time), ("3µs", 3000, .time),
        ] as [(String, Int64, HumanUnits.Dimension)]
    )
    func numbersWithUnitsAreExact(_ text: String, _ value: Int64, _ dimension: HumanUnits.Dimension) throws {
        let number = try #require(HumanUnits.number(text))
        #expect(number.exact == value)
        #expect(number.dimension == dimension)
    }

    @Test(arguments: ["", "ms", "5 ms", "5q", "1.2.3s", "1MBs", "1MB2KB", ".5s", "--1", "1e5", "5."])
    func whatIsNoNumberIsRefused(_ text: String) {
        #expect(HumanUnits.number(text) == nil)
    }

    @Test func numbersThatDoNotFitAreNotExact() throws {
        #expect(try #require(HumanUnits.number("9223372036854775808")).exact == nil)
        #expect(HumanUnits.durationNs("300000d") == nil)
        #expect(HumanUnits.durationNs("5") == nil)
        #expect(HumanUnits.byteCount("5s") == nil)
        #expect(HumanUnits.byteCount("64Mi") == 67_108_864)
    }

    @Test(
        arguments: [
            (0, "1970-01-01T00:00:00.000000Z"), (1_709_210_096_123_456, "2024-02-29T12:34:56.123456Z"),
            (-1, "1969-12-31T23:59:59.999999Z"), (4_102_444_799_999_999, "2099-12-31T23:59:59.999999Z"),
        ] as [(Int64, String)]
    )
    func timesAreRFC3339AndBack(_ us: Int64, _ text: String) {
        #expect(HumanTime.rfc3339(microseconds: us) == text)
        #expect(HumanTime.nanoseconds(rfc3339: text) == us * 1000)
    }

    @Test func timesRoundTripOnEveryDayOfFourCenturies() {
        for day in stride(from: Int64(-100_000), to: 100_000, by: 1) {
            let text = HumanTime.rfc3339(seconds: day * 86400 + 86399)
            #expect(HumanTime.nanoseconds(rfc3339: text) == (day * 86400 + 86399) * 1_000_000_000, "\(text)")
        }
    }

    @Test func offsetsAndShortFormsOfTimes() {
        let noon: Int64 = 1_772_625_600_000_000_000
        #expect(HumanTime.nanoseconds(rfc3339: "2026-03-04T12:00:00Z") == noon)
        #expect(HumanTime.nanoseconds(rfc3339: "2026-03-04T14:00:00+02:00") == noon)
        #expect(HumanTime.nanoseconds(rfc3339: "2026-03-04 12:00") == noon)
        #expect(HumanTime.nanoseconds(rfc3339: "2026-03-04T12:00:00.0000000019") == noon + 1)
        #expect(HumanTime.nanoseconds(rfc3339: "2026-03-04") == noon - 43_200_000_000_000)
        for wrong in [
            "", "2026-02-30", "2026-13-01", "2026-03-04T25:00", "2026-03-04T12:00:00Zx", "2026-3-4", "9999-01-01",
        ] {
            #expect(HumanTime.nanoseconds(rfc3339: wrong) == nil, "\(wrong)")
        }
        #expect(HumanTime.nanosecondsOfDay("14:05") == 50_700_000_000_000)
        #expect(HumanTime.nanosecondsOfDay("24:05") == nil)
        #expect(HumanTime.rfc3339(microseconds: 1, subMicrosecondNs: 7) == "1970-01-01T00:00:00.000001007Z")
    }
}
