/// Numbers as people write and read them.
public enum HumanUnits {
    /// A duration with two or three significant digits and its unit: `850ns`, `1.2ms`, `3.4s`, `2m05s`, `3h12m`, `4d06h`.
    public static func duration(ns: Int64) -> String {
        if ns < 0 { return ns == .min ? "-" + duration(ns: .max) : "-" + duration(ns: -ns) }
        switch ns {
        case 0..<1000: return "\(ns)ns"
        case 1000..<999_950: return tenths(ns, unit: 1000) + "us"
        case 999_950..<999_950_000: return tenths(ns, unit: 1_000_000) + "ms"
        case 999_950_000..<59_950_000_000: return tenths(ns, unit: 1_000_000_000) + "s"
        default: break
        }
        let seconds = ns / 1_000_000_000 + (ns % 1_000_000_000 >= 500_000_000 ? 1 : 0)
        if seconds < 3600 { return "\(seconds / 60)m\(twoDigits(seconds % 60))s" }
        if seconds < 86400 { return "\(seconds / 3600)h\(twoDigits(seconds / 60 % 60))m" }
        return "\(seconds / 86400)d\(twoDigits(seconds / 3600 % 24))h"
    }

    /// Bytes in binary units: `512B`, `3.4MiB`.
    public static func bytes(_ count: Int64) -> String {
        if count < 0 { return count == .min ? "-8EiB" : "-" + bytes(-count) }
        if count < 1024 { return "\(count)B" }
        var scaled = Double(count)
        var unit = -1
        while scaled >= 1023.95 && unit < 5 {
            scaled /= 1024
            unit += 1
        }
        return oneDecimal(scaled) + ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"][max(unit, 0)]
    }

    /// A count with its thousands apart: `1,234,567`.
    public static func count(_ count: Int64) -> String {
        let digits = String(count.magnitude)
        var text = count < 0 ? "-" : ""
        for (index, digit) in digits.enumerated() {
            if index > 0 && (digits.count - index) % 3 == 0 { text += "," }
            text.append(digit)
        }
        return text
    }

    /// A fraction with at most `decimals` digits after the point, without trailing zeros.
    public static func decimal(_ value: Double, decimals: Int = 3) -> String {
        guard value.isFinite, value.magnitude < 1e15 else { return value.description }
        var scale = 1.0
        for _ in 0..<decimals { scale *= 10 }
        let scaled = (value.magnitude * scale).rounded()
        let whole = (scaled / scale).rounded(.down)
        var digits = String(Int64(scaled - whole * scale))
        digits = String(repeating: "0", count: max(0, decimals - digits.count)) + digits
        while digits.last == "0" { digits.removeLast() }
        let sign = value < 0 && scaled > 0 ? "-" : ""
        return sign + String(Int64(whole)) + (digits.isEmpty ? "" : "." + digits)
    }

    /// What a number with a unit measures.
    public enum Dimension: Sendable, Hashable {
        /// No unit, or `k`.
        case plain
        /// In nanoseconds.
        case time
        /// In bytes.
        case bytes
    }

    /// A number as written in a query or a configuration: `50ms`, `1.5s`, `1h30m`, `1MB`, `1MiB`, `0x1f`, `-3`.
    ///
    /// - Returns: nanoseconds, bytes or the plain number; nil where it is no such thing or too great.
    public static func number(_ text: some StringProtocol) -> (value: Double, exact: Int64?, dimension: Dimension)? {
        var rest = Substring(text)
        var isNegative = false
        if rest.first == "-" || rest.first == "+" { isNegative = rest.removeFirst() == "-" }
        if rest.hasPrefix("0x"), let value = UInt64(rest.dropFirst(2), radix: 16), let exact = Int64(exactly: value) {
            return (Double(isNegative ? -exact : exact), isNegative ? -exact : exact, .plain)
        }
        var total = 0.0
        var exactTotal: Int64? = 0
        var dimension: Dimension?
        repeat {
            let digits = rest.prefix { ("0"..."9").contains($0) || $0 == "." || $0 == "_" }
            guard digits.first.map({ $0 != "." && $0 != "_" }) == true, digits.last != "." else { return nil }
            rest = rest.dropFirst(digits.count)
            let name = rest.prefix { $0.isASCII && $0.isLetter || $0 == "µ" || $0 == "μ" }
            rest = rest.dropFirst(name.count)
            guard let unit = units[String(name)], dimension == nil || (dimension == .time && unit.0 == .time) else {
                return nil
            }
            dimension = unit.0
            let plain = String(digits.filter { $0 != "_" })
            guard let value = Double(plain) else { return nil }
            total += value * Double(unit.1)
            exactTotal = exactTotal.flatMap { sum in
                exact(plain, times: unit.1).flatMap { part in
                    let (next, overflow) = sum.addingReportingOverflow(part)
                    return overflow ? nil : next
                }
            }
        } while !rest.isEmpty
        return (isNegative ? -total : total, exactTotal.map { isNegative ? -$0 : $0 }, dimension ?? .plain)
    }

    /// A duration in nanoseconds, zero or more; nil where `text` is none. A bare `0` is one, other numbers need a unit.
    public static func durationNs(_ text: some StringProtocol) -> Int64? {
        guard let number = number(text), let exact = number.exact, exact >= 0 else { return nil }
        return number.dimension == .time || exact == 0 ? exact : nil
    }

    /// A number of bytes, zero or more, with or without unit; nil where `text` is none.
    public static func byteCount(_ text: some StringProtocol) -> Int64? {
        guard let number = number(text), let exact = number.exact, exact >= 0 else { return nil }
        return number.dimension == .time ? nil : exact
    }

    private static let units: [String: (Dimension, Int64)] = {
        var units: [String: (Dimension, Int64)] = [
            "": (.plain, 1), "ns": (.time, 1), "us": (.time, 1000), "µs": (.time, 1000), "μs": (.time, 1000),
            "ms": (.time, 1_000_000), "s": (.time, 1_000_000_000), "m": (.time, 60_000_000_000),
            "h": (.time, 3_600_000_000_000), "d": (.time, 86_400_000_000_000), "B": (.bytes, 1), "k": (.plain, 1000),
        ]
        var decimal: Int64 = 1
        var binary: Int64 = 1
        for prefix in ["K", "M", "G", "T", "P"] {
            decimal *= 1000
            binary *= 1024
            units[prefix + "B"] = (.bytes, decimal)
            units[prefix + "iB"] = (.bytes, binary)
            units[prefix + "i"] = (.bytes, binary)
        }
        units["kB"] = (.bytes, 1000)
        return units
    }()

    /// The product where it is a whole number in range: no digit is lost on its way through a double.
    private static func exact(_ digits: String, times unit: Int64) -> Int64? {
        let parts = digits.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count <= 2, let whole = Int64(parts[0]) else { return nil }
        let (product, overflow) = whole.multipliedReportingOverflow(by: unit)
        if overflow { return nil }
        guard parts.count == 2 else { return product }
        let fraction = parts[1].reversed().drop { $0 == "0" }
        guard fraction.count <= 18, let numerator = Int64("0" + String(fraction.reversed())) else { return nil }
        let denominator = (0..<fraction.count).reduce(Int64(1)) { power, _ in power * 10 }
        let (part, remainder) = denominator.dividingFullWidth(numerator.multipliedFullWidth(by: unit))
        if remainder != 0 { return nil }
        let (sum, overflowed) = product.addingReportingOverflow(part)
        return overflowed ? nil : sum
    }

    private static func tenths(_ value: Int64, unit: Int64) -> String { oneDecimal(Double(value) / Double(unit)) }

    private static func oneDecimal(_ value: Double) -> String {
        let tenths = Int64((value * 10).rounded())
        return tenths % 10 == 0 ? "\(tenths / 10)" : "\(tenths / 10).\(tenths % 10)"
    }

    private static func twoDigits(_ value: Int64) -> String { value < 10 ? "0\(value)" : "\(value)" }
}
