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

extension SegmentExporter {
    /// An exporter to an S3 bucket.
    public init(
        _ settings: S3Settings,
        pace: Pace,
        source: ExportSource,
        environment: [String: String],
        tell: @escaping @Sendable (ExportNews) -> Void
    ) {
        self.init(name: "s3", source: source, pace: pace, tell: tell) { connection in
            S3Target(settings, environment: environment, connection: connection)
        }
    }

    /// An exporter to a table of ClickHouse.
    public init(
        _ settings: ClickHouseSettings,
        pace: Pace,
        source: ExportSource,
        environment: [String: String],
        tell: @escaping @Sendable (ExportNews) -> Void
    ) {
        self.init(name: "clickhouse", source: source, pace: pace, tell: tell) { connection in
            ClickHouseTarget(settings, environment: environment, connection: connection)
        }
    }

    /// An exporter of log records to a receiver of OTLP.
    public init(
        _ settings: OTLPSettings,
        pace: Pace,
        source: ExportSource,
        environment: [String: String],
        tell: @escaping @Sendable (ExportNews) -> Void
    ) {
        self.init(name: "otlp", source: source, pace: pace, tell: tell) { connection in
            OTLPLogTarget(settings, environment: environment, connection: connection)
        }
    }
}
