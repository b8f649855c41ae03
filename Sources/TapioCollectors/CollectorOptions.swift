/// An option that a collector understands.
public struct CollectorOption: Sendable, Equatable {
    /// How an operator writes it.
    public enum Form: Sendable {
        /// A number of what the name ends in; of bytes with a unit.
        case number
        /// true or false: 1 or 0.
        case flag
        /// A time with a unit: nanoseconds.
        case duration
    }

    /// Its name in the configuration; carries the unit.
    public let name: String
    /// What it may be set to.
    public let range: ClosedRange<Int>
    /// What it is where nothing is said.
    public let defaultValue: Int
    /// One line of documentation.
    public let summary: String
    /// How it is written.
    public let form: Form

    /// Declares an option.
    public init(
        _ name: String,
        _ range: ClosedRange<Int>,
        default defaultValue: Int,
        form: Form = .number,
        _ summary: String
    ) {
        precondition(range.contains(defaultValue))
        self.name = name
        self.range = range
        self.defaultValue = defaultValue
        self.form = form
        self.summary = summary
    }

    /// Declares an option that is on or off.
    public static func flag(_ name: String, default isOn: Bool, _ summary: String) -> Self {
        Self(name, 0...1, default: isOn ? 1 : 0, form: .flag, summary)
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

    /// Whether an option that is a flag is on.
    public func isOn(_ option: CollectorOption) -> Bool { self[option] != 0 }
}
