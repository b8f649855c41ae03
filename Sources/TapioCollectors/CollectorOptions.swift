/// An option that a collector understands.
public struct CollectorOption: Sendable, Equatable {
    /// How an operator writes it.
    public enum Form: Sendable, Equatable {
        /// A number of what the name ends in; of bytes with a unit.
        case number
        /// true or false: 1 or 0.
        case flag
        /// A time with a unit: nanoseconds.
        case duration
        /// A part of a whole, in percent.
        case percent
        /// One of these words: the value is its place among them.
        case choice([String])
        /// Several texts; the range is that of their number.
        case list(Item)
    }

    /// What the items of a list are.
    public enum Item: Sendable, Equatable {
        /// Absolute paths of files.
        case path
        /// Text on one line.
        case text
        /// Some of these words.
        case choice([String])
    }

    /// The most bytes of an item.
    public static let maxItemBytes = 255

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
    /// What a list is where nothing is said.
    public let defaultTexts: [String]

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
        defaultTexts = []
    }

    /// Declares an option that is a list of at most `most` items.
    public init(_ name: String, of item: Item, most: Int, default defaultTexts: [String], _ summary: String) {
        precondition(defaultTexts.count <= most)
        self.name = name
        range = 0...most
        defaultValue = defaultTexts.count
        form = .list(item)
        self.summary = summary
        self.defaultTexts = defaultTexts
    }

    /// How long programs merge what is alike before they tell of it, ns.
    public static let window = CollectorOption(
        "window",
        1_000_000_000...3_600_000_000_000,
        default: 10_000_000_000,
        form: .duration,
        "How long events that are alike are merged in the kernel until they are told of in one summary."
    )

    /// Declares an option that is one of `words`.
    ///
    /// - Precondition: `defaultWord` is one of them.
    public static func choice(
        _ name: String,
        _ words: [String],
        default defaultWord: String,
        _ summary: String
    ) -> Self {
        let place = words.firstIndex(of: defaultWord)
        precondition(place != nil)
        return Self(name, 0...words.count - 1, default: place!, form: .choice(words), summary)
    }

    /// Declares an option that is on or off.
    public static func flag(_ name: String, default isOn: Bool, _ summary: String) -> Self {
        Self(name, 0...1, default: isOn ? 1 : 0, form: .flag, summary)
    }
}

/// The options that were set for one collector, by name.
public struct CollectorOptions: Sendable, Equatable {
    private var values: [String: Int] = [:]
    private var texts: [String: [String]] = [:]

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

    /// The items of an option that is a list: what was set, as many as it may have, or its default.
    public func list(_ option: CollectorOption) -> [String] {
        Array((texts[option.name] ?? option.defaultTexts).prefix(option.range.upperBound))
    }

    /// Sets an option that is a list.
    public mutating func set(_ option: CollectorOption, _ items: [String]) { texts[option.name] = items }

    /// The word in force of an option that is a choice; empty for another.
    public func word(_ option: CollectorOption) -> String {
        guard case .choice(let words) = option.form else { return "" }
        return words[self[option]]
    }

    /// Whether an option that is a flag is on.
    public func isOn(_ option: CollectorOption) -> Bool { self[option] != 0 }
}
