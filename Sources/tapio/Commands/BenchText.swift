import TapioAgent
import TapioEvents
import TapioPipeline

// What the benchmarks say to people.
extension BenchCommand {
    static func lines(_ answers: [KernelAnswer], _ paint: Paint) -> [String] {
        guard !answers.isEmpty else { return [] }
        var counts = TextTable([
            .left("LOAD"), .right("CAUSED/S"), .right("EVENTS"), .right("ARCHIVED"), .right("AGGREGATED"),
            .right("SAMPLED OUT"), .right("LOST"), .right("URGENT LOST"), .right("BYTES/ROW"), .left("LEDGER"),
        ])
        var costs = TextTable([
            .left("LOAD"), .right("EVENTS/S"), .right("CPU"), .right("USER"), .right("SYSTEM"), .right("READER"),
            .right("ENCODER"), .right("READ P50"), .right("P99"), .right("DURABLE P50"), .right("P99"),
            .right("MEMORY"), .right("PEAK"),
        ])
        for answer in answers {
            let figures = answer.figures
            let measurement = answer.measurement
            counts.row([
                measurement.load, count(UInt64(figures.causedPerSecond)), count(figures.attempted),
                count(figures.archived), count(figures.aggregated), count(figures.sampledOut), count(figures.lost),
                count(figures.urgentLost), HumanUnits.decimal(figures.bytesPerRow, decimals: 1),
                figures.isProven ? "closes" : "DOES NOT CLOSE",
            ])
            costs.row([
                measurement.load, count(UInt64(figures.eventsPerSecond)), percent(figures.cpuShare),
                ns(figures.userNsPerEvent), ns(figures.systemNsPerEvent), ns(figures.readerNsPerEvent),
                ns(figures.encoderNsPerEvent), duration(measurement.latencyP50Ns), duration(measurement.latencyP99Ns),
                duration(measurement.durableP50Ns), duration(measurement.durableP99Ns),
                HumanUnits.bytes(measurement.resident.median), HumanUnits.bytes(measurement.residentBytes),
            ])
        }
        var lines = [paint(.bold, "kernel") + "  from the kernel to the archive: what became of the events"]
        lines += counts.lines(paint, indent: "  ")
        lines += ["", paint(.bold, "kernel") + "  CPU of the agent, in all and for an event; latency; resident memory"]
        lines += costs.lines(paint, indent: "  ")
        for answer in answers { lines += remarks(answer) }
        return lines
    }

    static func remarks(_ answer: KernelAnswer) -> [String] {
        let measurement = answer.measurement
        var lines: [String] = []
        for (kind, entry) in measurement.ledger.sorted(by: { $0.key < $1.key }) where entry.lost > 0 {
            let reasons = [
                ("ring full", entry.ringFull), ("malformed", entry.malformed), ("shed", entry.shed),
                ("failed", entry.failed),
            ]
            let text = reasons.filter { $0.1 > 0 }.map { "\(count($0.1)) \($0.0)" }.joined(separator: ", ")
            lines.append("  \(measurement.load): lost of \(count(entry.attempted)) \(kind): \(text)")
        }
        if measurement.skippedNs > 0 {
            let late = duration(measurement.skippedNs)
            lines.append("  \(measurement.load): the generator could not keep up with its rate for \(late)")
        }
        for problem in measurement.problems { lines.append("  \(measurement.load): \(problem)") }
        for program in answer.programs {
            // A run of a program that emits makes many events.
            let isEmitter = program.name.hasPrefix("bench_")
            let events = isEmitter ? answer.programEvents : program.runs
            let each = HumanUnits.decimal(Double(program.runTimeNs) / Double(max(1, events)), decimals: 0)
            let what =
                "program \(program.name): \(each) ns for each of \(count(events)) \(isEmitter ? "events" : "runs")"
            lines.append("  \(measurement.load): \(what)")
        }
        return lines.map { TerminalText.escape($0) }
    }

    static func lines(_ results: [RingBenchmark.Result], _ paint: Paint) -> [String] {
        guard !results.isEmpty else { return [] }
        var table = TextTable([
            .right("GENERATORS"), .right("READ"), .right("RECORDS/S"), .right("CPU PER RECORD"),
            .right("CPU OF READER"),
            .right("RING FULL"), .left("LEDGER"),
        ])
        for result in results {
            table.row([
                "\(result.generators)", count(result.received),
                HumanUnits.decimal(result.recordsPerSecond / 1e6, decimals: 2) + " M", ns(result.readerNsPerRecord),
                percent(result.readerShare), percent(result.lostShare), result.isClosed ? "closes" : "DOES NOT CLOSE",
            ])
        }
        return [paint(.bold, "ring") + "  from programs to one reading thread"] + table.lines(paint, indent: "  ")
    }

    static func duration(_ ns: UInt64) -> String { HumanUnits.duration(ns: Int64(clamping: ns)) }
    static func count(_ value: UInt64) -> String { HumanUnits.count(Int64(clamping: value)) }
    static func ns(_ value: Double) -> String { HumanUnits.decimal(value, decimals: 1) + " ns" }
    static func percent(_ share: Double) -> String { HumanUnits.decimal(share * 100, decimals: 1) + " %" }
}
