/// The middle of some figures.
public enum Median {
    /// The median; the mean of the two in the middle where their number is even; 0 for none.
    public static func of(_ figures: [Double]) -> Double {
        guard !figures.isEmpty else { return 0 }
        let sorted = figures.sorted()
        return (sorted[(sorted.count - 1) / 2] + sorted[sorted.count / 2]) / 2
    }
}
