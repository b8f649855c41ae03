import TapioCollectors

extension AgentPlace {
    /// An agent with its defaults but for what the benchmark must have, which archives the benchmarks' kinds as well.
    func makeAgent(_ load: BenchmarkLoad, _ settings: [ConfigurationFlag]) throws(AgentError) -> Agent {
        let collectors = CollectorRegistry.all.map(\.name).map { name in
            let isWanted = load.collectors.contains(name)
            return ConfigurationFlag(key: "collectors.\(name).enabled", value: "\(isWanted)", spelling: "bench")
        }
        let sources = ConfigurationSources(file: .standard(path + "/none.yaml"), flags: collectors + settings)
        return try makeAgent(sources, registry: BenchmarkKinds.registry)
    }
}
