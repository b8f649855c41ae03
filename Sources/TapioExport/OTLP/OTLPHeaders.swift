/// Headers that an operator gives, tokens among them. Their values are never shown.
enum OTLPHeaders {
    /// What the exporter itself sets.
    private static let own: Set<String> = [
        "content-type", "content-encoding", "content-length", "transfer-encoding", "connection", "host", "expect",
        "user-agent",
    ]
    /// More is no list of headers of ours.
    private static let most = 64

    /// The headers for the next request.
    static func read(
        _ settings: OTLPSettings,
        _ environment: [String: String]
    ) throws(ExportFailure) -> [(String, String)] {
        if let path = settings.headersFile {
            return try check(lines(try SecretFile.contents(path, "the headers' file")), in: path)
        }
        guard let name = settings.headersVariable else { return [] }
        guard let text = environment[name], !text.isEmpty else {
            throw ExportFailure(
                .credentials,
                "the environment variable \(name) has no headers for OTLP",
                remedy: "set it where the agent is started, as name=value,name=value"
            )
        }
        return try check(pairs(text), in: "the environment variable \(name)")
    }

    /// A header a line, as HTTP writes them; what begins with `#` is left out. nil: a line that is none.
    static func lines(_ text: String) -> [(String, String)?] {
        text.split(whereSeparator: \.isNewline).map(\.trimmingBlanks).filter { !$0.isEmpty && !$0.hasPrefix("#") }
            .map { line in
                guard let colon = line.firstIndex(of: ":") else { return nil }
                return (line[..<colon].trimmingBlanks, line[line.index(after: colon)...].trimmingBlanks)
            }
    }

    /// As in OTEL_EXPORTER_OTLP_HEADERS: values are percent-encoded.
    static func pairs(_ text: String) -> [(String, String)?] {
        text.split(separator: ",").map(\.trimmingBlanks).filter { !$0.isEmpty }
            .map { pair in
                guard let equals = pair.firstIndex(of: "="),
                    let value = PercentEncoding.decode(pair[pair.index(after: equals)...].trimmingBlanks)
                else { return nil }
                return (pair[..<equals].trimmingBlanks, value)
            }
    }

    private static func check(
        _ headers: [(String, String)?],
        in place: String
    ) throws(ExportFailure) -> [(String, String)] {
        func fail(_ what: String) -> ExportFailure {
            ExportFailure(.credentials, "\(place): \(what)", remedy: "check what was written there")
        }
        guard headers.count <= most else { throw fail("has more than \(most) headers") }
        guard !headers.isEmpty else { throw fail("has no header") }
        var checked: [(String, String)] = []
        for (index, header) in headers.enumerated() {
            guard let (name, value) = header, isToken(name) else { throw fail("header \(index + 1) has no valid name") }
            guard !own.contains(name.lowercased()) else { throw fail("\(name) is set by the exporter itself") }
            guard !value.isEmpty else { throw fail("\(name) has no value") }
            // A control character would end the header and begin another one.
            guard value.utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x7F || $0 == 0x09 }) else {
                throw fail("the value of \(name) has a control character")
            }
            checked.append((name, value))
        }
        return checked
    }

    /// `token` of RFC 9110.
    private static func isToken(_ text: String) -> Bool {
        !text.isEmpty && text.utf8.count <= 256
            && text.utf8.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                    UInt8(ascii: "0")...UInt8(ascii: "9"):
                    true
                default: "!#$%&'*+-.^_`|~".utf8.contains(byte)
                }
            }
    }
}
