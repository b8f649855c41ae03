/// All keys that this build of the agent knows, in the order of its documentation.
public struct ConfigurationSchema: Sendable {
    /// The keys, each once.
    public let keys: [ConfigurationKey]
    /// One line about each section (`archive.segment`), by its path.
    let sections: [String: String]
    private let indexByPath: [String: Int]

    /// The agent's own keys, those of `collectors`, `sampling.<kind>` and `sampling_mode.<kind>` for each of `kinds`, and
    /// `aggregation.<kind>` for each of `groupedKinds`.
    ///
    /// Two collectors or kinds of one name, and an option whose default is out of its own range, are programming errors.
    public init(collectors: [CollectorOptionDeclaration] = [], kinds: [String] = [], groupedKinds: [String] = []) {
        let keys =
            Self.agentKeys + kinds.map(Self.samplingKey) + kinds.map(Self.samplingModeKey)
            + groupedKinds.map(Self.aggregationKey) + collectors.flatMap(\.keys)
        var sections = Self.agentSections
        for collector in collectors {
            sections["collectors.\(collector.collector)"] = collector.summary
        }
        var index: [String: Int] = [:]
        for (position, key) in keys.enumerated() {
            precondition(index.updateValue(position, forKey: key.path) == nil, "\(key.path) is declared twice")
        }
        self.keys = keys
        self.sections = sections
        self.indexByPath = index
    }

    /// The key at a path.
    public func key(_ path: String) -> ConfigurationKey? {
        indexByPath[path].map { keys[$0] }
    }

    /// Whether a path is a mapping that holds keys.
    func isSection(_ path: String) -> Bool { sections[path] != nil }

    /// The configuration when nobody says anything: every collector has its entry, with every option.
    public var defaults: AgentConfiguration {
        var configuration = AgentConfiguration()
        for key in keys { key.write(&configuration, key.defaultValue) }
        return configuration
    }

    /// The valid key or section that `path` was probably meant to be.
    func nearest(to path: String) -> String? {
        guard path.utf8.count <= 128 else { return nil }
        let parts = path.split(separator: ".")
        guard let name = parts.last else { return nil }
        let parent = parts.dropLast().joined(separator: ".")
        let known = keys.map(\.path) + sections.keys.sorted()
        let siblings = known.filter { Self.parent(of: $0) == parent }
        // A short name is not "nearly" every other short name.
        let limit = max(1, min(3, name.utf8.count / 2))
        if let sibling = EditDistance.nearest(to: path, among: siblings, atMost: limit) {
            return sibling
        }
        // The right name in the wrong section.
        if let elsewhere = known.first(where: { $0 != path && $0.split(separator: ".").last == name }) {
            return elsewhere
        }
        return EditDistance.nearest(to: path, among: known, atMost: limit)
    }

    private static func parent(of path: String) -> String {
        path.split(separator: ".").dropLast().joined(separator: ".")
    }

    private static func aggregationKey(kind: String) -> ConfigurationKey {
        let policies = AgentConfiguration.AggregationPolicy.allCases.map(\.rawValue)
        return ConfigurationKey(
            path: "aggregation.\(kind)",
            type: .choice(policies),
            word: nil,
            defaultValue: .word(AgentConfiguration.AggregationPolicy.overload.rawValue),
            summary: "When \(kind) events are merged into summaries.",
            reload: .live,
            isOneOfMany: true,
            read: { .word(($0.aggregation.kinds[kind] ?? .overload).rawValue) },
            write: { configuration, value in
                guard case .word(let text) = value,
                    let policy = AgentConfiguration.AggregationPolicy(rawValue: text)
                else { return }
                // The default is the same as absent: equal configurations must compare equal.
                configuration.aggregation.kinds[kind] = policy == .overload ? nil : policy
            }
        )
    }

    private static func samplingModeKey(kind: String) -> ConfigurationKey {
        ConfigurationKey(
            path: "sampling_mode.\(kind)",
            type: .choice(AgentConfiguration.SamplingMode.allCases.map(\.rawValue)),
            word: nil,
            defaultValue: .word(AgentConfiguration.SamplingMode.independent.rawValue),
            summary: "Who draws the lot for \(kind) events.",
            reload: .live,
            isOneOfMany: true,
            read: { .word(($0.samplingModes[kind] ?? .independent).rawValue) },
            write: { configuration, value in
                guard case .word(let text) = value, let mode = AgentConfiguration.SamplingMode(rawValue: text) else {
                    return
                }
                // The default is the same as absent: equal configurations must compare equal.
                configuration.samplingModes[kind] = mode == .independent ? nil : mode
            }
        )
    }

    private static func samplingKey(kind: String) -> ConfigurationKey {
        ConfigurationKey(
            path: "sampling.\(kind)",
            type: .probability,
            word: nil,
            defaultValue: .fraction(1),
            summary: "Keep probability of \(kind) events.",
            reload: .live,
            isOneOfMany: true,
            read: { .fraction($0.sampling[kind] ?? 1) },
            write: { configuration, value in
                guard case .fraction(let keep) = value else { return }
                // Kept whole is the same as absent: equal configurations must compare equal.
                configuration.sampling[kind] = keep == 1 ? nil : keep
            }
        )
    }
}
