import TapioEvents

/// Whose events of a cgroup are: what the enrichment's columns say.
struct Belonging: Hashable {
    /// Whether a value was known when it was asked for.
    enum Status: String {
        /// It was.
        case hit
        /// Not yet: whoever finds out was asked to.
        case late
        /// There is none to know.
        case absent
        /// It could not be found out any more: the cgroup was gone.
        case expired
        /// Nobody asks.
        case disabled
    }

    var containerID = ""
    var runtime = ""
    var unit = ""
    var podUID = ""
    var pod = ""
    var namespace = ""
    var container = ""
    var workload = ""
    var service = ""
    var containerStatus: Status?
    var podStatus: Status?

    /// In the order of the enrichment's columns.
    var entry: EnrichmentTable.Entry {
        EnrichmentColumn.allCases.map { column in
            let text =
                switch column {
                case .containerID: containerID
                case .pod: pod
                case .namespace: namespace
                case .service: service
                case .containerRuntime: runtime
                case .container: container
                case .podUID: podUID
                case .workload: workload
                case .unit: unit
                case .containerStatus: containerStatus?.rawValue ?? ""
                case .podStatus: podStatus?.rawValue ?? ""
                }
            return Array(text.utf8)
        }
    }
}
