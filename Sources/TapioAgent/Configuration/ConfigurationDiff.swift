/// What a reload changes.
public struct ConfigurationDiff: Sendable, Hashable {
    /// One key whose value is another one.
    public struct Change: Sendable, Hashable, CustomStringConvertible {
        /// The key's path.
        public let path: String
        /// The value so far.
        public let old: ConfigurationValue
        /// The value from now on.
        public let new: ConfigurationValue
        /// When it takes effect.
        public let reload: ConfigurationReload

        /// `path: old -> new`.
        public var description: String { "\(path): \(old) -> \(new)" }
    }

    /// The changes, in the schema's order.
    public let changes: [Change]

    /// Compares by the schema's keys.
    public init(old: AgentConfiguration, new: AgentConfiguration, schema: ConfigurationSchema) {
        changes = schema.keys.compactMap { key in
            let (before, after) = (key.read(old), key.read(new))
            return before == after ? nil : Change(path: key.path, old: before, new: after, reload: key.reload)
        }
    }

    /// Those that take effect with the reload.
    public var live: [Change] { changes.filter { $0.reload == .live } }

    /// Those that wait for the next start.
    public var needingRestart: [Change] { changes.filter { $0.reload == .restart } }

    /// Whether nothing changes.
    public var isEmpty: Bool { changes.isEmpty }
}

extension ConfigurationSchema {
    /// The configuration that a running agent can go over to: `new`, with every key that needs a restart as in `running`.
    public func applyingLiveChanges(from new: AgentConfiguration, to running: AgentConfiguration) -> AgentConfiguration
    {
        var result = running
        for key in keys where key.reload == .live { key.write(&result, key.read(new)) }
        return result
    }
}
