/// Shares an amount fairly among demands: nobody gets more than it demands, and what one leaves goes to the others, so that
/// who demands little gets all of it, however much another demands (max-min fairness).
enum WaterFill {
    /// The most that anyone gets; infinite where all demands are met. O(n log n) for n demands.
    static func level(_ amount: Double, among demands: [Double]) -> Double {
        var rest = max(0, amount)
        var waiting = demands.count
        for demand in demands.sorted() {
            let share = rest / Double(waiting)
            if demand > share { return share }
            rest -= demand
            waiting -= 1
        }
        return .infinity
    }
}
