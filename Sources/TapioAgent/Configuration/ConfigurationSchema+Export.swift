// The keys of what is sent elsewhere. All may change while the agent runs: only the exporter that they are about starts anew.

private let second: UInt64 = 1_000_000_000
private let longestPath = 3072

extension ConfigurationSchema {
    static let exportSections: [String: String] = [
        "export":
            "Where sealed segments are sent beside the archive; see docs/export.md. Nowhere, unless a place is named.",
        "export.s3": "A bucket of an S3 store: each segment an object, in the archive's own layout.",
        "export.clickhouse": "A table of ClickHouse: each segment one INSERT, kept once however often it is sent.",
        "export.otlp": "A receiver of OTLP over HTTP: rows as log records, and the agent's metrics.",
    ]

    static let exportKeys: [ConfigurationKey] =
        [
            .duration(
                "export.max_retry",
                \.export.maxRetryNs,
                second...(3600 * second),
                .live,
                "The most between two attempts while a place cannot be reached; it may ask for longer, up to an hour."
            )
        ] + s3Keys + clickHouseKeys + otlpKeys

    private static let s3Keys: [ConfigurationKey] = [
        .text(
            "export.s3.bucket",
            \.export.s3.bucket,
            maxBytes: 255,
            or: ConfigurationKey.off,
            .live,
            "Name of the bucket; off sends nothing there."
        ),
        .text(
            "export.s3.endpoint",
            \.export.s3.endpoint,
            maxBytes: 2048,
            or: ConfigurationKey.auto,
            .live,
            "URL of the store; auto is AWS's own for the region."
        ),
        .text(
            "export.s3.region",
            \.export.s3.region,
            maxBytes: 64,
            or: ConfigurationKey.auto,
            .live,
            "Region that requests are signed for; auto is AWS_REGION or AWS_DEFAULT_REGION, else us-east-1."
        ),
        .text(
            "export.s3.prefix",
            \.export.s3.prefix,
            maxBytes: 512,
            or: ConfigurationKey.off,
            .live,
            "What stands before node=…/date=…/hour=… in all keys."
        ),
        .choice(
            "export.s3.addressing",
            \.export.s3.addressing,
            .live,
            "Where a request names the bucket: in the path or in the host; auto is the path where an endpoint is given."
        ),
        .size(
            "export.s3.part_bytes",
            \.export.s3.partBytes,
            .size((5 << 20)...(1 << 30)),
            .live,
            "Files up to this size go in one request, larger ones in parts of it."
        ),
        .text(
            "export.s3.ca_file",
            \.export.s3.caFile,
            maxBytes: longestPath,
            or: ConfigurationKey.auto,
            .live,
            "PEM file of the authorities that sign its certificate; auto is the system's."
        ),
        exportFlag(
            "export.s3.instance_credentials",
            \.export.s3.usesInstanceCredentials,
            "Whether the machine's metadata service is asked where neither environment, files nor container give credentials."
        ),
        .duration(
            "export.s3.timeout",
            \.export.s3.stallNs,
            second...(3600 * second),
            .live,
            "How long a request may go without a byte sent or received."
        ),
    ]

    private static let clickHouseKeys: [ConfigurationKey] = [
        .text(
            "export.clickhouse.url",
            \.export.clickHouse.url,
            maxBytes: 2048,
            or: ConfigurationKey.off,
            .live,
            "URL of the HTTP interface, as https://host:8443; off sends nothing there."
        ),
        .text(
            "export.clickhouse.database",
            \.export.clickHouse.database,
            maxBytes: 200,
            or: ConfigurationKey.auto,
            .live,
            "The database; auto is default."
        ),
        .text(
            "export.clickhouse.table",
            \.export.clickHouse.table,
            maxBytes: 200,
            or: ConfigurationKey.auto,
            .live,
            "The table; auto is tapio_events."
        ),
        .text(
            "export.clickhouse.user",
            \.export.clickHouse.user,
            maxBytes: 256,
            or: ConfigurationKey.auto,
            .live,
            "The user; auto is the server's default one."
        ),
        .text(
            "export.clickhouse.password_file",
            \.export.clickHouse.passwordFile,
            maxBytes: longestPath,
            or: ConfigurationKey.off,
            .live,
            "File with the user's password, read for each request."
        ),
        .text(
            "export.clickhouse.password_env",
            \.export.clickHouse.passwordVariable,
            maxBytes: 256,
            or: ConfigurationKey.off,
            .live,
            "Name of the environment variable with the user's password."
        ),
        exportFlag(
            "export.clickhouse.create_table",
            \.export.clickHouse.createsTable,
            "Whether the table is made where it is missing, and columns that it lacks are added."
        ),
        .choice(
            "export.clickhouse.engine",
            \.export.clickHouse.engine,
            .live,
            "The engine of a table that is made; merge_tree also where the database or service makes it a replicated one."
        ),
        .text(
            "export.clickhouse.ca_file",
            \.export.clickHouse.caFile,
            maxBytes: longestPath,
            or: ConfigurationKey.auto,
            .live,
            "PEM file of the authorities that sign its certificate; auto is the system's."
        ),
        .duration(
            "export.clickhouse.timeout",
            \.export.clickHouse.stallNs,
            second...(3600 * second),
            .live,
            "How long a request may go without a byte sent or received: an INSERT is answered when it is done."
        ),
    ]

    static func exportFlag(
        _ path: String,
        _ storage: ConfigurationStorage<Bool>,
        _ summary: String
    ) -> ConfigurationKey {
        ConfigurationKey(
            path: path,
            type: .flag,
            word: nil,
            defaultValue: .flag(AgentConfiguration()[keyPath: storage]),
            summary: summary,
            reload: .live,
            isOneOfMany: false,
            read: { .flag($0[keyPath: storage]) },
            write: { configuration, value in
                if case .flag(let flag) = value { configuration[keyPath: storage] = flag }
            }
        )
    }
}
