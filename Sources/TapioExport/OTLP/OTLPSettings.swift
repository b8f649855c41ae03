/// A receiver of OTLP over HTTP, and what is sent to it.
public struct OTLPSettings: Sendable, Hashable {
    /// `http(s)://host[:port][/path]`; `/v1/logs` and `/v1/metrics` are put behind it.
    public var endpoint: String
    /// Whether the archive's rows are sent as log records.
    public var sendsLogs = true
    /// Nanoseconds between two reports of metrics; nil: none are sent.
    public var metricsIntervalNs: UInt64? = 60_000_000_000
    /// How bodies are compressed.
    public var compression = BodyCompression.gzip
    /// File with lines `Name: value`, read for each request; nil: none.
    public var headersFile: String?
    /// The environment variable with headers as `name=value,name=value`; nil: none.
    public var headersVariable: String?
    /// PEM file of the authorities that count; nil: those of the system.
    public var caFile: String?
    /// PEM file of the certificate that is shown to the server; nil: none is.
    public var clientCertificate: String?
    /// PEM file of its key.
    public var clientKey: String?
    /// How long a request may go without a byte moving, milliseconds.
    public var stallMs = 30_000
    /// The most rows of a request.
    public var batchRows = 8192
    /// The most bytes of a request before compression, unless one row has more.
    public var batchBytes = 8 << 20

    /// The defaults for a receiver.
    public init(endpoint: String) {
        self.endpoint = endpoint
    }

    /// What is wrong with it as far as that shows without asking anybody, a line each with the part that it is about.
    public var flaws: [(part: String, message: String)] {
        var flaws: [(String, String)] = []
        if let flaw = ServerURL.complaint(endpoint) { flaws.append(("endpoint", flaw)) }
        for path in [Self.logsPath, Self.metricsPath] where ServerURL.trimmed(endpoint).hasSuffix(path) {
            flaws.append(("endpoint", "ends with \(path), which is put behind it: give what stands before"))
        }
        if headersFile != nil, headersVariable != nil {
            flaws.append(("headers_file", "is given together with export.otlp.headers_env: give one of them"))
        }
        if (clientCertificate == nil) != (clientKey == nil) {
            let (there, missing) =
                clientCertificate == nil ? ("client_key", "client_cert") : ("client_cert", "client_key")
            flaws.append((there, "is given without export.otlp.\(missing): one is of no use without the other"))
        }
        if clientCertificate != nil, endpoint.hasPrefix("http://") {
            flaws.append(("client_cert", "is given for an endpoint of http://, which asks for none"))
        }
        if !sendsLogs, metricsIntervalNs == nil {
            flaws.append(("logs", "is false and export.otlp.metrics_interval is off: nothing would be sent"))
        }
        return flaws
    }

    /// What is wrong with the headers that the file or the environment give now, in a line without their values; nil:
    /// nothing.
    ///
    /// - Parameter environment: That of the agent; nil where it is not known: a variable is not looked at then.
    public func headerFlaw(_ environment: [String: String]?) -> (part: String, message: String)? {
        if environment == nil, headersVariable != nil { return nil }
        do throws(ExportFailure) {
            _ = try OTLPHeaders.read(self, environment ?? [:])
            return nil
        } catch {
            return (headersFile == nil ? "headers_env" : "headers_file", error.message)
        }
    }

    static let logsPath = "/v1/logs"
    static let metricsPath = "/v1/metrics"
}
