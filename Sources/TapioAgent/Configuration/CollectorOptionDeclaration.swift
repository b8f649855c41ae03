/// What a collector lets an operator decide. The agent builds one from each collector of its registry, so that a new
/// collector's options need no edit here.
public struct CollectorOptionDeclaration: Sendable {
    /// The collector's name, its section below `collectors`.
    public var collector: String
    /// One line: what it watches.
    public var summary: String
    /// Whether it is started when nobody says.
    public var enabledByDefault: Bool
    /// Its options, in the order of the documentation.
    public var options: [Option]

    /// One option of a collector.
    public struct Option: Sendable {
        /// The key below `collectors.<collector>`, with its unit: `args_bytes`.
        public var name: String
        /// What its value may be.
        public var type: ConfigurationType
        /// The value when nobody gives one; of `type` and within its range.
        public var defaultValue: ConfigurationValue
        /// One line for the operator.
        public var summary: String
        /// When a change takes effect.
        public var reload: ConfigurationReload

        /// An option as given; ``ConfigurationSchema/init(collectors:kinds:)`` checks that the default is within the range.
        public init(
            name: String,
            type: ConfigurationType,
            defaultValue: ConfigurationValue,
            summary: String,
            reload: ConfigurationReload = .restart
        ) {
            self.name = name
            self.type = type
            self.defaultValue = defaultValue
            self.summary = summary
            self.reload = reload
        }
    }

    /// A collector and its options, as given.
    public init(collector: String, summary: String, enabledByDefault: Bool = true, options: [Option] = []) {
        self.collector = collector
        self.summary = summary
        self.enabledByDefault = enabledByDefault
        self.options = options
    }

    /// The keys below `collectors.<collector>`: `enabled`, and one for each option.
    var keys: [ConfigurationKey] {
        [enabledKey] + options.map(key)
    }

    private var enabledKey: ConfigurationKey {
        ConfigurationKey(
            path: "collectors.\(collector).enabled",
            type: .flag,
            word: nil,
            defaultValue: .flag(enabledByDefault),
            summary: "Whether the collector is started.",
            reload: .live,
            isOneOfMany: false,
            read: { [collector, enabledByDefault] in
                .flag($0.collectors[collector]?.enabled ?? enabledByDefault)
            },
            write: { [collector] configuration, value in
                guard case .flag(let enabled) = value else { return }
                configuration.collectors[collector, default: .init()].enabled = enabled
            }
        )
    }

    private func key(_ option: Option) -> ConfigurationKey {
        precondition(option.type.allows(option.defaultValue), "\(collector).\(option.name): default out of range")
        return ConfigurationKey(
            path: "collectors.\(collector).\(option.name)",
            type: option.type,
            word: nil,
            defaultValue: option.defaultValue,
            summary: option.summary,
            reload: option.reload,
            isOneOfMany: false,
            read: { [collector] in $0.collectors[collector]?.options[option.name] ?? option.defaultValue },
            write: { [collector, enabledByDefault] configuration, value in
                configuration.collectors[collector, default: .init(enabled: enabledByDefault)].options[option.name] =
                    value
            }
        )
    }
}
