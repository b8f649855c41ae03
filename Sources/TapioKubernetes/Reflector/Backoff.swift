/// How long to wait before the next try.
struct Backoff {
    let first: Duration
    let longest: Duration

    /// Doubles with each failure in a row, up to the bound; then by chance between half of that and all of it.
    ///
    /// - Parameters:
    ///   - failures: In a row, 1 or more.
    ///   - chance: From 0 up to 1.
    func delay(failures: Int, chance: Double) -> Duration {
        let full = min(longest, first * (1 << min(max(failures, 1) - 1, 20)))
        return full * (0.5 + 0.5 * chance)
    }
}
