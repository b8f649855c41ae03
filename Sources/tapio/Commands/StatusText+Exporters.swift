import TapioAgent
import TapioEvents

extension StatusText {
    /// A line for each place where segments go, and one for what is wrong there.
    var exporters: [String] {
        var table = TextTable([.left("TO"), .left("STATE"), .right("SENT"), .right("WAITS"), .right("LOST"), .left("")])
        func count(_ number: UInt64) -> String { HumanUnits.count(Int64(clamping: number)) }
        for exporter in report.exporters {
            let isFailing = exporter.failuresInARow > 0
            // Metrics have no segments: what is not sent now, the next report has.
            let isMetrics = exporter.name == "otlp_metrics"
            let sent =
                "\(count(exporter.sentRows)) \(isMetrics ? "points" : "rows"), \(HumanUnits.bytes(Int64(clamping: exporter.sentBytes)))"
            var waits = isMetrics ? "-" : "\(exporter.waitingSegments) segments"
            if let oldest = exporter.oldestWaitingAt {
                let age = HumanUnits.duration(ns: max(0, report.takenAt &- oldest) &* 1000)
                waits = "\(exporter.waitingSegments) segments, \(HumanUnits.bytes(exporter.waitingBytes)), \(age)"
            }
            let lost = exporter.lostRows == 0 ? "-" : "\(count(exporter.lostRows)) rows"
            table.row([
                (exporter.name, .bold), (exporter.state, isFailing ? .red : .green), (sent, .plain),
                (waits, isFailing ? .yellow : .plain), (lost, exporter.lostRows == 0 ? .faint : .red),
                (TerminalText.escape(exporter.place), .plain),
            ])
            guard isFailing, let error = exporter.lastError else { continue }
            let times = "\(exporter.failuresInARow) failures in a row, last: "
            table.row([
                ("", .plain), ("", .plain), ("", .plain), ("", .plain), ("", .plain),
                (TerminalText.escape(times + error, limit: 600), .red),
            ])
        }
        return report.exporters.isEmpty ? [] : table.lines(paint, indent: "  ")
    }
}
