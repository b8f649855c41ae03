import Glibc

/// Points in time as text, RFC 3339, without a library. Proleptic Gregorian calendar, no leap seconds, as the kernel counts.
public enum HumanTime {
    /// `2026-03-04T05:06:07.123456Z`.
    public static func rfc3339(microseconds: Int64) -> String {
        let (second, fraction) = split(microseconds, by: 1_000_000)
        return date(second) + "T" + clock(second) + "." + padded(fraction, 6) + "Z"
    }

    /// The same with nine digits.
    public static func rfc3339(microseconds: Int64, subMicrosecondNs: Int) -> String {
        let (second, fraction) = split(microseconds, by: 1_000_000)
        return date(second) + "T" + clock(second) + "." + padded(fraction, 6) + padded(Int64(subMicrosecondNs), 3) + "Z"
    }

    /// `2026-03-04T05:06:07Z`: whole seconds, rounded down.
    public static func rfc3339(seconds: Int64) -> String { date(seconds) + "T" + clock(seconds) + "Z" }

    /// `05:06:07.123456`, in the zone that is `utcOffset` seconds ahead of UTC.
    public static func timeOfDay(microseconds: Int64, utcOffset: Int = 0) -> String {
        let (second, fraction) = split(microseconds &+ Int64(utcOffset) * 1_000_000, by: 1_000_000)
        return clock(second) + "." + padded(fraction, 6)
    }

    /// `2026-03-04`, in UTC.
    public static func date(_ seconds: Int64) -> String {
        let (year, month, day) = civil(days: split(seconds, by: 86400).0)
        let sign = year < 0 ? "-" : ""
        return sign + padded(Int64(abs(year)), 4) + "-" + padded(Int64(month), 2) + "-" + padded(Int64(day), 2)
    }

    /// Seconds that local time is ahead of UTC at that time.
    public static func localOffset(seconds: Int64) -> Int {
        var time = time_t(seconds)
        var parts = unsafe tm()
        return unsafe localtime_r(&time, &parts) == nil ? 0 : Int(parts.tm_gmtoff)
    }

    /// Nanoseconds since 1970 of an RFC 3339 time; nil where it is none or lies outside 1678–2262.
    ///
    /// Accepts a space for the `T`, no seconds, no zone (then UTC) and a date alone (midnight). Digits beyond the ninth
    /// are dropped.
    public static func nanoseconds(rfc3339 text: some StringProtocol) -> Int64? {
        var scanner = Scanner(Array(text.utf8))
        guard let year = scanner.number(4), scanner.take("-"), let month = scanner.number(2), scanner.take("-"),
            let day = scanner.number(2), (1...12).contains(month),
            day >= 1, day <= daysInMonth(year: year, month: month)
        else { return nil }
        var seconds = Int64(days(year: year, month: month, day: day)) * 86400
        var fraction: Int64 = 0
        if !scanner.isAtEnd {
            guard scanner.take("T") || scanner.take("t") || scanner.take(" "), let time = scanner.timeOfDay()
            else { return nil }
            seconds += time.seconds
            fraction = time.fraction
            guard let zone = scanner.zone() else { return nil }
            seconds -= zone
        }
        guard scanner.isAtEnd else { return nil }
        let (product, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
        if overflow { return nil }
        let (sum, overflowed) = product.addingReportingOverflow(fraction)
        return overflowed ? nil : sum
    }

    /// Nanoseconds since midnight of `HH:MM`, `HH:MM:SS` or with a fraction; nil where it is none.
    public static func nanosecondsOfDay(_ text: some StringProtocol) -> Int64? {
        var scanner = Scanner(Array(text.utf8))
        guard let time = scanner.timeOfDay(), scanner.isAtEnd else { return nil }
        return time.seconds * 1_000_000_000 + time.fraction
    }

    // Days and dates: years begin in March, so that the leap day is the last; 400 years have 146,097 days.

    /// The Gregorian date, also before its time, of a day that is counted from 1970-01-01 (negative: before).
    public static func civil(days: Int64) -> (year: Int, month: Int, day: Int) {
        let shifted = days + 719_468
        let (era, dayOfEra) = split(shifted, by: 146_097)
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let marchMonth = (5 * dayOfYear + 2) / 153
        let month = marchMonth < 10 ? marchMonth + 3 : marchMonth - 9
        return (
            Int(yearOfEra + era * 400 + (month <= 2 ? 1 : 0)), Int(month),
            Int(dayOfYear - (153 * marchMonth + 2) / 5 + 1)
        )
    }

    static func days(year: Int, month: Int, day: Int) -> Int {
        let shifted = month <= 2 ? year - 1 : year
        let (era, yearOfEra) = split(Int64(shifted), by: 400)
        let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
        let dayOfEra = Int(yearOfEra) * 365 + Int(yearOfEra) / 4 - Int(yearOfEra) / 100 + dayOfYear
        return Int(era) * 146_097 + dayOfEra - 719_468
    }

    private static func daysInMonth(year: Int, month: Int) -> Int {
        let next = month == 12 ? days(year: year + 1, month: 1, day: 1) : days(year: year, month: month + 1, day: 1)
        return next - days(year: year, month: month, day: 1)
    }

    /// Quotient rounded down, remainder never negative.
    private static func split(_ value: Int64, by divisor: Int64) -> (Int64, Int64) {
        let (quotient, remainder) = value.quotientAndRemainder(dividingBy: divisor)
        return remainder < 0 ? (quotient - 1, remainder + divisor) : (quotient, remainder)
    }

    private static func clock(_ seconds: Int64) -> String {
        let second = split(seconds, by: 86400).1
        return padded(second / 3600, 2) + ":" + padded(second / 60 % 60, 2) + ":" + padded(second % 60, 2)
    }

    private static func padded(_ value: Int64, _ digits: Int) -> String {
        let text = String(value)
        return text.utf8.count >= digits ? text : String(repeating: "0", count: digits - text.utf8.count) + text
    }

    private struct Scanner {
        let bytes: [UInt8]
        var position = 0

        init(_ bytes: [UInt8]) { self.bytes = bytes }

        var isAtEnd: Bool { position == bytes.count }

        mutating func take(_ character: Unicode.Scalar) -> Bool {
            guard position < bytes.count, bytes[position] == UInt8(ascii: character) else { return false }
            position += 1
            return true
        }

        mutating func digit() -> Int? {
            guard position < bytes.count, bytes[position] >= UInt8(ascii: "0"), bytes[position] <= UInt8(ascii: "9")
            else { return nil }
            position += 1
            return Int(bytes[position - 1] - UInt8(ascii: "0"))
        }

        mutating func number(_ digits: Int) -> Int? {
            var value = 0
            for _ in 0..<digits {
                guard let digit = digit() else { return nil }
                value = value * 10 + digit
            }
            return value
        }

        mutating func timeOfDay() -> (seconds: Int64, fraction: Int64)? {
            guard let hour = number(2), hour < 24, take(":"), let minute = number(2), minute < 60 else { return nil }
            var seconds = Int64(hour * 3600 + minute * 60)
            guard take(":") else { return (seconds, 0) }
            guard let second = number(2), second <= 60 else { return nil }
            seconds += Int64(second)
            guard take(".") else { return (seconds, 0) }
            var fraction: Int64 = 0
            var place: Int64 = 100_000_000
            guard let first = digit() else { return nil }
            var next: Int? = first
            while let digit = next {
                fraction += Int64(digit) * place
                place /= 10
                next = self.digit()
            }
            return (seconds, fraction)
        }

        /// Seconds ahead of UTC.
        mutating func zone() -> Int64? {
            if isAtEnd || take("Z") || take("z") { return 0 }
            let isWest = take("-")
            guard isWest || take("+"), let hour = number(2), hour < 24 else { return nil }
            _ = take(":")
            guard let minute = number(2), minute < 60 else { return nil }
            let seconds = Int64(hour * 3600 + minute * 60)
            return isWest ? -seconds : seconds
        }
    }
}
