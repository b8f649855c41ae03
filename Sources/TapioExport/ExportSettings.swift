/// Where sealed segments are sent: nowhere, unless an operator says so.
public struct ExportSettings: Sendable, Hashable {
    /// A bucket of an S3 store.
    public var s3: S3Settings?
    /// A table of ClickHouse.
    public var clickHouse: ClickHouseSettings?
    /// A receiver of OTLP over HTTP.
    public var otlp: OTLPSettings?
    /// How often exporters look and try.
    public var pace = SegmentExporter.Pace()

    /// None.
    public init() {}
}

extension SegmentExporter.Pace {
    /// Bounds of the time after failures.
    public init(longestRetry: Duration) {
        self.init()
        retry = RetryDelay(first: min(.seconds(1), longestRetry), longest: longestRetry)
    }
}

/// A place to which segments are sent.
public enum ExportPlace: Sendable, Hashable {
    /// A bucket of an S3 store.
    case s3(S3Settings)
    /// A table of ClickHouse.
    case clickHouse(ClickHouseSettings)
    /// A receiver of OTLP, for log records.
    case otlp(OTLPSettings)

    /// What its exporter is called.
    public var name: String {
        switch self {
        case .s3: "s3"
        case .clickHouse: "clickhouse"
        case .otlp: "otlp"
        }
    }

    fileprivate func target(_ environment: [String: String], _ connection: ExportConnection) -> any ExportTarget {
        switch self {
        case .s3(let settings): S3Target(settings, environment: environment, connection: connection)
        case .clickHouse(let settings): ClickHouseTarget(settings, environment: environment, connection: connection)
        case .otlp(let settings): OTLPLogTarget(settings, environment: environment, connection: connection)
        }
    }
}

extension ExportSettings {
    /// Each place to which segments are sent.
    public var places: [ExportPlace] {
        [s3.map { .s3($0) }, clickHouse.map { .clickHouse($0) }, otlp.flatMap { $0.sendsLogs ? .otlp($0) : nil }]
            .compactMap(\.self)
    }
}

extension SegmentExporter {
    /// An exporter to a place.
    ///
    /// - Parameter environment: Where credentials are looked for.
    public init(
        _ place: ExportPlace,
        pace: Pace,
        source: ExportSource,
        environment: [String: String],
        tell: @escaping @Sendable (ExportNews) -> Void
    ) {
        self.init(name: place.name, source: source, pace: pace, tell: tell) { connection in
            place.target(environment, connection)
        }
    }
}
