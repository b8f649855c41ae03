/// An option that a collector understands.
public struct CollectorOption: Sendable, Equatable {
    /// Its name in the configuration; carries the unit.
    public let name: String
    /// What it may be set to.
    public let range: ClosedRange<Int>
    /// What it is where nothing is said.
    public let defaultValue: Int
    /// One line of documentation.
    public let summary: String

    /// Declares an option.
    public init(_ name: String, _ range: ClosedRange<Int>, default defaultValue: Int, _ summary: String) {
        precondition(range.contains(defaultValue))
        self.name = name
        self.range = range
        self.defaultValue = defaultValue
        self.summary = summary
    }
}

/// The options that were set for one collector, by name.
public struct CollectorOptions: Sendable, Equatable {
    private var values: [String: Int] = [:]

    /// All defaults.
    public init() {}

    /// The value in force: what was set, brought into the option's range, or its default.
    public subscript(option: CollectorOption) -> Int {
        get {
            let value = values[option.name] ?? option.defaultValue
            return min(max(value, option.range.lowerBound), option.range.upperBound)
        }
        set { values[option.name] = newValue }
    }
}
