import Glibc
import TapioExport

extension ConfigurationConflict {
    /// What is wrong with the places where segments are sent, as far as that shows without asking them.
    static func exports(in configuration: AgentConfiguration) -> [Self] {
        let settings = configuration.exportSettings
        let flaws =
            (settings.s3?.flaws ?? []).map { ("export.s3.\($0.part)", $0.message) }
            + (settings.clickHouse?.flaws ?? []).map { ("export.clickhouse.\($0.part)", $0.message) }
            + (settings.otlp?.flaws ?? []).map { ("export.otlp.\($0.part)", $0.message) }
        return flaws.map { key, message in
            Self(
                key: key,
                other: key,
                message: message,
                remedy: "correct it, or take the place out of the configuration"
            )
        }
    }

    /// Files that they name and that cannot be read here.
    static func exportFiles(in configuration: AgentConfiguration) -> [Self] {
        let export = configuration.export
        var files: [(key: String, path: String?)] = []
        if export.s3.bucket != nil { files.append(("export.s3.ca_file", export.s3.caFile)) }
        if export.clickHouse.url != nil {
            files.append(("export.clickhouse.ca_file", export.clickHouse.caFile))
            files.append(("export.clickhouse.password_file", export.clickHouse.passwordFile))
        }
        if export.otlp.endpoint != nil {
            files.append(("export.otlp.ca_file", export.otlp.caFile))
            files.append(("export.otlp.client_cert", export.otlp.clientCertificate))
            files.append(("export.otlp.client_key", export.otlp.clientKey))
            files.append(("export.otlp.headers_file", export.otlp.headersFile))
        }
        let missing: [Self] = files.compactMap { key, path in
            guard let path, unsafe access(path, R_OK) != 0 else { return nil }
            // Static text, or a buffer of this thread (glibc 2.32 and later).
            let reason = unsafe strerror(errno).map { unsafe String(cString: $0) } ?? "errno \(errno)"
            return Self(
                key: key,
                other: key,
                message: "\(path): \(reason)",
                remedy: "check the path and its permissions"
            )
        }
        guard missing.isEmpty, let flaw = configuration.exportSettings.otlp?.headerFlaw(nil) else { return missing }
        let key = "export.otlp.\(flaw.part)"
        return [Self(key: key, other: key, message: flaw.message, remedy: "check what was written there")]
    }
}
