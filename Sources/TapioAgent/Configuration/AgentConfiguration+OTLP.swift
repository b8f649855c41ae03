public import TapioExport

extension AgentConfiguration {
    /// A receiver of OTLP over HTTP.
    public struct OTLP: Sendable, Hashable {
        /// Its URL, without /v1/…; nil: nothing is sent there.
        public var endpoint: String?
        /// Whether the archive's rows are sent as log records.
        public var sendsLogs = true
        /// Nanoseconds between two reports of metrics; nil: none are sent.
        public var metricsIntervalNs: UInt64? = 60_000_000_000
        /// How bodies are compressed.
        public var compression = BodyCompression.gzip
        /// File with headers; nil: none.
        public var headersFile: String?
        /// Environment variable with headers; nil: none.
        public var headersVariable: String?
        /// PEM file of the authorities that count; nil: those of the system.
        public var caFile: String?
        /// PEM file of the client's certificate; nil: none.
        public var clientCertificate: String?
        /// PEM file of its key; nil: none.
        public var clientKey: String?
        /// Nanoseconds that a request may go without a byte moving.
        public var stallNs: UInt64 = 30_000_000_000
        /// The most rows of a request.
        public var batchRows = 8192
        /// The most bytes of a request before compression.
        public var batchBytes = 8 << 20

        /// The defaults.
        public init() {}

        /// The same as the exporters take it.
        var settings: OTLPSettings? {
            guard let endpoint else { return nil }
            var settings = OTLPSettings(endpoint: endpoint)
            settings.sendsLogs = sendsLogs
            settings.metricsIntervalNs = metricsIntervalNs
            settings.compression = compression
            settings.headersFile = headersFile
            settings.headersVariable = headersVariable
            settings.caFile = caFile
            settings.clientCertificate = clientCertificate
            settings.clientKey = clientKey
            settings.stallMs = Int(clamping: stallNs / 1_000_000)
            settings.batchRows = batchRows
            settings.batchBytes = batchBytes
            return settings
        }
    }
}
