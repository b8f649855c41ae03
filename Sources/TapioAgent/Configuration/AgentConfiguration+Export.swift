public import TapioExport

extension AgentConfiguration {
    /// Where sealed segments are sent, beside the archive. Secrets are never here: only where they are.
    public struct Export: Sendable, Hashable {
        /// The most nanoseconds between two attempts while a place cannot be reached.
        public var maxRetryNs: UInt64 = 60_000_000_000
        /// A bucket of an S3 store.
        public var s3 = S3()
        /// A table of ClickHouse.
        public var clickHouse = ClickHouse()
        /// A receiver of OTLP.
        public var otlp = OTLP()

        /// The defaults: none.
        public init() {}
    }

    /// A bucket of an S3 store.
    public struct S3: Sendable, Hashable {
        /// The bucket; nil: nothing is sent there.
        public var bucket: String?
        /// The store's URL; nil: AWS's own.
        public var endpoint: String?
        /// nil: as the environment says.
        public var region: String?
        /// What stands before all keys; nil: nothing.
        public var prefix: String?
        /// How the bucket is named in a request.
        public var addressing = S3Settings.Addressing.auto
        /// Bytes up to which a file is sent in one request, and of the parts of larger ones.
        public var partBytes = 16 << 20
        /// PEM file of the authorities that count; nil: those of the system.
        public var caFile: String?
        /// Whether the instance's metadata service is asked for credentials.
        public var usesInstanceCredentials = false
        /// Nanoseconds that a request may go without a byte moving.
        public var stallNs: UInt64 = 30_000_000_000

        /// The defaults.
        public init() {}
    }

    /// A table of ClickHouse.
    public struct ClickHouse: Sendable, Hashable {
        /// The URL of its HTTP interface; nil: nothing is sent there.
        public var url: String?
        /// nil: `default`.
        public var database: String?
        /// nil: `tapio_events`.
        public var table: String?
        /// nil: the server's default user.
        public var user: String?
        /// File with the user's password; nil: none.
        public var passwordFile: String?
        /// Environment variable with the user's password; nil: none.
        public var passwordVariable: String?
        /// Whether the table is made, and columns are added.
        public var createsTable = true
        /// The engine of a table that is made.
        public var engine = ClickHouseSettings.Engine.mergeTree
        /// PEM file of the authorities that count; nil: those of the system.
        public var caFile: String?
        /// Nanoseconds that a request may go without a byte moving.
        public var stallNs: UInt64 = 120_000_000_000

        /// The defaults.
        public init() {}
    }

    /// The same as the exporters take it.
    var exportSettings: ExportSettings {
        var settings = ExportSettings()
        settings.pace = SegmentExporter.Pace(longestRetry: .nanoseconds(Int64(clamping: export.maxRetryNs)))
        settings.s3 = export.s3.settings
        settings.clickHouse = export.clickHouse.settings
        settings.otlp = export.otlp.settings
        return settings
    }
}

extension AgentConfiguration.S3 {
    fileprivate var settings: S3Settings? {
        guard let bucket else { return nil }
        var settings = S3Settings(bucket: bucket)
        settings.endpoint = endpoint
        settings.region = region
        settings.prefix = prefix ?? ""
        settings.addressing = addressing
        settings.partBytes = Int64(partBytes)
        settings.caFile = caFile
        settings.usesInstanceCredentials = usesInstanceCredentials
        settings.stallMs = Int(clamping: stallNs / 1_000_000)
        return settings
    }
}

extension AgentConfiguration.ClickHouse {
    fileprivate var settings: ClickHouseSettings? {
        guard let url else { return nil }
        var settings = ClickHouseSettings(url: url)
        settings.database = database ?? settings.database
        settings.table = table ?? settings.table
        settings.user = user
        settings.passwordFile = passwordFile
        settings.passwordVariable = passwordVariable
        settings.createsTable = createsTable
        settings.engine = engine
        settings.caFile = caFile
        settings.stallMs = Int(clamping: stallNs / 1_000_000)
        return settings
    }
}
