import TapioAgent
import TapioEvents

/// What the collectors cost, for people.
struct CostText {
    let report: CostReport
    let paint: Paint

    init(_ report: CostReport, paint: Paint) {
        self.report = report
        self.paint = paint
    }

    var lines: [String] {
        let time = HumanUnits.duration(ns: report.elapsedNs)
        let whose = report.isOfRunningAgent ? "the running agent" : "an agent that was started for it"
        return ["", paint(.bold, "Cost") + "  over \(time), of \(whose)"] + programs + [""] + collectors + [""] + [
            total
        ]
    }

    private var programs: [String] {
        var table = TextTable([
            .left("COLLECTOR"), .left("PROGRAM"), .right("RUNS"), .right("RUNS/S"), .right("NS/RUN"),
            .right("% OF A CORE"),
        ])
        for program in report.programs {
            table.row([
                program.collector, program.name, "\(program.runs)", decimal(perSecond(program.runs), 1),
                decimal(Double(program.runTimeNs) / Double(program.runs), 0), percent(program.runTimeNs),
            ])
        }
        return table.isEmpty ? ["  no program ran"] : table.lines(paint, indent: "  ")
    }

    private var collectors: [String] {
        var table = TextTable([
            .left("COLLECTOR"), .right("EVENTS"), .right("EVENTS/S"), .right("NS/EVENT"), .right("% OF A CORE"),
        ])
        for collector in report.collectors {
            table.row([
                collector.name, "\(collector.events)", decimal(perSecond(collector.events), 1),
                collector.nsPerEvent.map { decimal($0, 0) } ?? "—", percent(collector.runTimeNs),
            ])
        }
        return table.lines(paint, indent: "  ")
    }

    private var total: String {
        let (programs, agent) = (report.programsNs, report.agentNs)
        return
            "  programs \(percent(programs)) % + agent \(percent(agent)) % = \(percent(programs + agent)) % of a core"
    }

    private func perSecond(_ count: UInt64) -> Double {
        report.elapsedNs > 0 ? Double(count) * 1e9 / Double(report.elapsedNs) : 0
    }

    private func percent(_ cpuNs: UInt64) -> String { decimal(report.percentOfCore(cpuNs), 3) }

    private func decimal(_ value: Double, _ decimals: Int) -> String { HumanUnits.decimal(value, decimals: decimals) }
}
