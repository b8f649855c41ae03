/// What is counted of one kind.
struct KindFigures {
    let name: String
    let role: EventRole
    var rows = 0
    var events = 0.0
    var sampledRows = 0
    var summaryRows = 0
    var firstUs = Int64.max
    var lastUs = Int64.min
    /// Events by bucket.
    var rates: [Double]
    /// By bucket; empty until something is measured.
    var histograms: [WeightedHistogram] = []
    /// The column that is measured.
    var measure: String?
    /// The slowest.
    var slow = Greatest<ReportData.SlowRequest>(capacity: 25)

    init(_ name: String, buckets: Int) {
        self.name = name
        role = EventRole(kind: name)
        rates = [Double](repeating: 0, count: buckets)
    }

    /// Whether what takes long is a request or a wait: the life of a process or of a connection is neither.
    var hasSlowRequests: Bool {
        switch role {
        case .processStart, .processEnd, .signalDeath, .connection(.closed), .ledger: false
        default: measure == "latency_ns"
        }
    }

    /// For ``ReportData/kinds``.
    var data: ReportData.Kind {
        ReportData.Kind(
            name: name,
            rows: rows,
            events: events.thousandths,
            sampledRows: sampledRows,
            summaryRows: summaryRows,
            firstUs: firstUs,
            lastUs: lastUs
        )
    }
}

extension Double {
    /// Rounded: more digits only make the file longer.
    var thousandths: Double { magnitude < 1e15 ? (self * 1000).rounded() / 1000 : self }
}
