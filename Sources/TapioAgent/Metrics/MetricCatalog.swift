/// All metrics, in the order in which they are told. docs/metrics.md is made from them.
enum MetricCatalog {
    /// A part of the list, with its heading.
    struct Section: Sendable {
        let title: String
        let metrics: [Metric]
    }

    static let sections: [Section] = [
        Section(title: "Events", metrics: events),
        Section(title: "Latency", metrics: latency),
        Section(title: "What the agent uses", metrics: process),
        Section(title: "Rings, queues and threads", metrics: pipeline),
        Section(title: "Archive and export", metrics: export + compaction),
        Section(title: "Collectors", metrics: collectors),
        Section(title: "Caches", metrics: caches),
        Section(title: "Health and configuration", metrics: health),
        Section(title: "The endpoint itself", metrics: endpoint),
    ]

    static let all: [Metric] = sections.flatMap(\.metrics)
}
