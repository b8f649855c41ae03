/// A text format for metrics, and its choice by what a client accepts.
enum MetricsFormat: Sendable {
    /// Prometheus' text format 0.0.4.
    case text
    /// OpenMetrics 1.0.
    case openMetrics

    var contentType: String {
        switch self {
        case .text: "text/plain; version=0.0.4; charset=utf-8"
        case .openMetrics: "application/openmetrics-text; version=1.0.0; charset=utf-8"
        }
    }

    /// What the client likes best. OpenMetrics where it names that with at least the weight of plain text; else plain text,
    /// also for a client that accepts neither: it sees at least what there is.
    init(accept: String) {
        var openMetrics = 0.0
        var text: Double?
        var textRank = 0
        for range in accept.split(separator: ",").prefix(32) {
            let parts = range.split(separator: ";").map { Self.trimmed($0).lowercased() }
            guard let type = parts.first else { continue }
            var weight = 1.0
            var version = ""
            for parameter in parts.dropFirst() {
                if let value = Self.value(of: "q", in: parameter) { weight = Self.weight(value) }
                if let value = Self.value(of: "version", in: parameter) { version = value }
            }
            switch type {
            case "application/openmetrics-text" where version.isEmpty || version == "1.0.0":
                openMetrics = max(openMetrics, weight)
            case "text/plain" where version.isEmpty || version == "0.0.4": Self.note(weight, 3, &text, &textRank)
            case "text/*": Self.note(weight, 2, &text, &textRank)
            case "*/*": Self.note(weight, 1, &text, &textRank)
            default: break
            }
        }
        self = openMetrics > 0 && openMetrics >= (text ?? 0) ? .openMetrics : .text
    }

    /// The more a range says, the more it counts.
    private static func note(_ weight: Double, _ rank: Int, _ text: inout Double?, _ textRank: inout Int) {
        guard rank > textRank else { return }
        (text, textRank) = (weight, rank)
    }

    private static func value(of name: String, in parameter: String) -> String? {
        guard parameter.hasPrefix(name + "=") else { return nil }
        return parameter.dropFirst(name.count + 1).filter { $0 != "\"" }
    }

    /// A weight that is none counts as none given.
    private static func weight(_ text: String) -> Double {
        guard let weight = Double(text), weight.isFinite else { return 1 }
        return min(max(weight, 0), 1)
    }

    private static func trimmed(_ text: Substring) -> String {
        String(text.drop { $0 == " " || $0 == "\t" }.reversed().drop { $0 == " " || $0 == "\t" }.reversed())
    }
}
