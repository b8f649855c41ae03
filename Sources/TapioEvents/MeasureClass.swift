/// The classes of the histograms in summaries: each power of two is split into four, values below 4 have a class each.
///
/// A class is at most a quarter as wide as the values in it. Histograms of the same or other windows, groups and nodes are
/// merged by adding the counts of equal classes.
public enum MeasureClass {
    /// How many classes there are: every UInt64 has one.
    public static let count = 252

    /// The class of a value. O(1).
    @inlinable
    public static func number(of value: UInt64) -> Int {
        if value < 4 { return Int(value) }
        let exponent = 63 - value.leadingZeroBitCount
        return 4 * (exponent - 1) + Int(truncatingIfNeeded: value >> UInt64(exponent - 2)) & 3
    }

    /// The smallest value of a class; the class ends where the next begins.
    ///
    /// - Precondition: `number` is in 0 ..< ``count``.
    public static func lowerBound(_ number: Int) -> UInt64 {
        precondition((0..<count).contains(number))
        return number < 4 ? UInt64(number) : (4 + UInt64(number & 3)) << UInt64(number / 4 - 1)
    }
}
