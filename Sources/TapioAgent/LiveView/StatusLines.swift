import TapioEvents

/// What views of an agent have in common. All that a monitored process, a file or a kernel said is escaped.
struct StatusLines {
    let report: StatusReport

    init(_ report: StatusReport) {
        self.report = report
    }

    /// Who it is, and whether it is well.
    var name: ViewLine {
        var line = ViewLine("tapio \(safe(report.version, 30))", .bold)
        line.append(" on \(safe(report.node, 60))  ")
        if report.health.isHealthy {
            line.append("● healthy", .green)
        } else {
            line.append("● not well", .red)
        }
        line.append("  up " + HumanUnits.duration(ns: (report.takenAt &- report.startedAt) &* 1000))
        return line
    }

    /// How many collectors run, of those that should.
    var collectors: String {
        let running = report.collectors.filter { $0.state == "running" }.count
        let wanted = report.collectors.filter { !["disabled", "unavailable"].contains($0.state) }.count
        return "collectors \(running) of \(wanted)"
    }

    /// How full the fullest ring is.
    var rings: ViewLine {
        let ring = report.pipeline.fullestRing
        let fill = ring.isFinite ? min(1, max(0, ring)) : 0
        let style: TerminalStyle = fill > 0.8 ? .red : fill > 0.5 ? .yellow : .green
        var line = ViewLine(ProgressBar(fraction: fill, columns: 14).text, style)
        line.append(" \(Int((fill * 100).rounded())) %")
        return line
    }

    /// What is wrong, at most so many lines.
    func problems(_ most: Int) -> [ViewLine] {
        let failed = report.collectors.filter { $0.state == "failed" }
            .map { "\($0.name): \($0.error ?? "failed")" }
        let said = report.health.problems
        let all = said + failed.filter { text in !said.contains { $0.contains(text) } }
        return all.prefix(max(0, most)).map { problem in
            var line = ViewLine("  ! ", .red)
            line.append(safe(problem, 400))
            return line
        }
    }

    private func safe(_ text: String, _ limit: Int) -> String { TerminalText.escape(text, limit: limit) }
}
