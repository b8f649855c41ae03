import TapioEvents

/// An hour of UTC: the archive's partition.
public struct ArchiveHour: Sendable, Hashable, Comparable {
    /// Hours since 1970-01-01 00:00 UTC.
    public let number: Int64

    /// Nanoseconds of an hour.
    static let lengthNs: Int64 = 3_600_000_000_000

    /// The hour of a time in UTC nanoseconds since 1970.
    public init(timestampNs: Int64) {
        number = timestampNs / Self.lengthNs - (timestampNs % Self.lengthNs < 0 ? 1 : 0)
    }

    /// `date=YYYY-MM-DD/hour=HH`.
    public var path: String { "date=\(date)/hour=\(Self.padded(hourOfDay, 2))" }

    /// `YYYY-MM-DDTHH`: such names sort by time.
    var fileName: String { "\(date)T\(Self.padded(hourOfDay, 2))" }

    private var days: Int64 { number >= 0 ? number / 24 : (number - 23) / 24 }
    private var hourOfDay: Int64 { number - days * 24 }

    private var date: String {
        let date = HumanTime.civil(days: days)
        return [(date.year, 4), (date.month, 2), (date.day, 2)].map { Self.padded(Int64($0), $1) }.joined(
            separator: "-"
        )
    }

    private static func padded(_ value: Int64, _ width: Int) -> String {
        let digits = String(value)
        return String(repeating: "0", count: max(0, width - digits.count)) + digits
    }

    /// Earlier first.
    public static func < (left: Self, right: Self) -> Bool { left.number < right.number }
}
