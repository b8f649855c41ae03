extension AgentConfiguration {
    /// 64 bits that name this configuration in segments and logs. Equal configurations have equal ones, in every process
    /// and on every node: FNV-1a over the canonical rendering. It recognizes; it does not protect.
    public var fingerprint: UInt64 {
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        for byte in canonicalText.utf8 {
            hash = (hash ^ UInt64(byte)) &* 0x0000_0100_0000_01b3
        }
        return hash
    }

    /// A line `path=value` for each key, in an order that does not depend on the registry.
    var canonicalText: String {
        var lines = ConfigurationSchema.agentKeys.map { "\($0.path)=\($0.read(self))" }
        for (kind, keep) in sampling.sorted(by: { $0.key < $1.key }) {
            lines.append("sampling.\(kind)=\(ConfigurationValue.fraction(keep))")
        }
        for (kind, policy) in aggregation.kinds.sorted(by: { $0.key < $1.key }) {
            lines.append("aggregation.\(kind)=\(policy.rawValue)")
        }
        for (kind, mode) in samplingModes.sorted(by: { $0.key < $1.key }) {
            lines.append("sampling_mode.\(kind)=\(mode.rawValue)")
        }
        for (name, collector) in collectors.sorted(by: { $0.key < $1.key }) {
            lines.append("collectors.\(name).enabled=\(collector.enabled)")
            for (option, value) in collector.options.sorted(by: { $0.key < $1.key }) {
                lines.append("collectors.\(name).\(option)=\(value)")
            }
        }
        return lines.map { $0 + "\n" }.joined()
    }
}
