/// An hour of UTC: the archive's partition.
public struct ArchiveHour: Sendable, Hashable, Comparable {
    /// Hours since 1970-01-01 00:00 UTC.
    public let number: Int64

    /// The hour of a time in UTC nanoseconds since 1970.
    public init(timestampNs: Int64) {
        let hourNs: Int64 = 3_600_000_000_000
        number = timestampNs / hourNs - (timestampNs % hourNs < 0 ? 1 : 0)
    }

    /// `date=YYYY-MM-DD/hour=HH`.
    public var path: String { "date=\(date)/hour=\(Self.padded(hourOfDay, 2))" }

    /// `YYYY-MM-DDTHH`: such names sort by time.
    var fileName: String { "\(date)T\(Self.padded(hourOfDay, 2))" }

    private var days: Int64 { number >= 0 ? number / 24 : (number - 23) / 24 }
    private var hourOfDay: Int64 { number - days * 24 }

    /// The Gregorian date: days are counted from 0000-03-01 in eras of 400 years, so that leap days come last.
    private var date: String {
        let shifted = days + 719_468
        let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
        let dayOfEra = shifted - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let monthFromMarch = (5 * dayOfYear + 2) / 153
        let day = dayOfYear - (153 * monthFromMarch + 2) / 5 + 1
        let month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9
        let year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
        return "\(Self.padded(year, 4))-\(Self.padded(month, 2))-\(Self.padded(day, 2))"
    }

    private static func padded(_ value: Int64, _ width: Int) -> String {
        let digits = String(value)
        return String(repeating: "0", count: max(0, width - digits.count)) + digits
    }

    /// Earlier first.
    public static func < (left: Self, right: Self) -> Bool { left.number < right.number }
}
