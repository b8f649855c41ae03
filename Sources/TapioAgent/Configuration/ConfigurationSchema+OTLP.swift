// The keys of the exporters to a receiver of OTLP.

private let second: UInt64 = 1_000_000_000
private let longestPath = 3072

extension ConfigurationSchema {
    static let otlpKeys: [ConfigurationKey] = [
        .text(
            "export.otlp.endpoint",
            \.export.otlp.endpoint,
            maxBytes: 2048,
            or: ConfigurationKey.off,
            .live,
            "URL of the receiver, as https://host:4318; /v1/logs and /v1/metrics are put behind it; off sends nothing there."
        ),
        exportFlag(
            "export.otlp.logs",
            \.export.otlp.sendsLogs,
            "Whether the archive's rows, the ledger's too, are sent as log records."
        ),
        .duration(
            "export.otlp.metrics_interval",
            \.export.otlp.metricsIntervalNs,
            second...(86_400 * second),
            or: ConfigurationKey.off,
            .live,
            "Time between two reports of the agent's metrics; off sends none."
        ),
        .choice(
            "export.otlp.compression",
            \.export.otlp.compression,
            .live,
            "How requests are compressed: gzip is known to every receiver, zstd costs less CPU and is smaller."
        ),
        .text(
            "export.otlp.headers_file",
            \.export.otlp.headersFile,
            maxBytes: longestPath,
            or: ConfigurationKey.off,
            .live,
            "File with headers for each request, as Authorization: Bearer …, a line each; read for each request."
        ),
        .text(
            "export.otlp.headers_env",
            \.export.otlp.headersVariable,
            maxBytes: 256,
            or: ConfigurationKey.off,
            .live,
            "Name of the environment variable with headers, as name=value,name=value with percent-encoded values."
        ),
        .text(
            "export.otlp.ca_file",
            \.export.otlp.caFile,
            maxBytes: longestPath,
            or: ConfigurationKey.auto,
            .live,
            "PEM file of the authorities that sign its certificate; auto is the system's."
        ),
        .text(
            "export.otlp.client_cert",
            \.export.otlp.clientCertificate,
            maxBytes: longestPath,
            or: ConfigurationKey.off,
            .live,
            "PEM file of the certificate by which the receiver knows the agent."
        ),
        .text(
            "export.otlp.client_key",
            \.export.otlp.clientKey,
            maxBytes: longestPath,
            or: ConfigurationKey.off,
            .live,
            "PEM file of that certificate's key."
        ),
        .duration(
            "export.otlp.timeout",
            \.export.otlp.stallNs,
            second...(3600 * second),
            .live,
            "How long a request may go without a byte sent or received; 20 times that for all of it."
        ),
        .integer(
            "export.otlp.batch_rows",
            \.export.otlp.batchRows,
            1...100_000,
            unit: "rows",
            .live,
            "The most log records in a request."
        ),
        .size(
            "export.otlp.batch_bytes",
            \.export.otlp.batchBytes,
            .size((64 << 10)...(64 << 20)),
            .live,
            "The most bytes of a request before compression; receivers have limits too, the OpenTelemetry Collector's is 20MiB."
        ),
    ]
}
