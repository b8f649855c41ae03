/// How long to wait before something that failed is tried again.
public struct RetryDelay: Sendable, Hashable {
    /// After the first failure.
    public var first: Duration
    /// The most, unless the server asks for more.
    public var longest: Duration
    /// The most that a server may ask for: one that says "in a year" is asked again before.
    static let longestAskedFor = Duration.seconds(3600)

    /// Bounds.
    public init(first: Duration = .seconds(1), longest: Duration = .seconds(60)) {
        self.first = first
        self.longest = longest
    }

    /// Doubles with each failure in a row up to the bound, and takes by chance between half of that and all of it, so that a
    /// fleet does not come back in step. Not less than what the server asks for, and then by chance up to a tenth more.
    ///
    /// - Parameters:
    ///   - failures: In a row, 1 or more.
    ///   - chance: From 0 up to 1.
    func delay(failures: Int, chance: Double, retryAfterSeconds: Int) -> Duration {
        let full = min(longest, first * (1 << min(max(failures, 1) - 1, 20)))
        let own = full * (0.5 + 0.5 * chance)
        guard retryAfterSeconds > 0 else { return own }
        let asked = min(.seconds(retryAfterSeconds), Self.longestAskedFor)
        return max(own, asked * (1 + 0.1 * chance))
    }
}
