import TapioAgent
import TapioEvents
import TapioPipeline

// What the benchmarks say to people.
extension BenchCommand {
    static func lines(_ answers: [KernelAnswer], _ paint: Paint) -> [String] {
        guard !answers.isEmpty else { return [] }
        var table = TextTable([
            .left("LOAD"), .right("ARCHIVED"), .right("LOST"), .right("EVENTS/S"), .right("USER"), .right("SYSTEM"),
            .right("READER"), .right("ENCODER"), .right("P50"), .right("P99"), .right("MEMORY"), .right("BYTES/ROW"),
            .left("LEDGER"),
        ])
        for answer in answers {
            let figures = answer.figures
            let measurement = answer.measurement
            table.row([
                measurement.load, count(figures.archived), count(figures.lost), count(UInt64(figures.eventsPerSecond)),
                ns(figures.userNsPerEvent), ns(figures.systemNsPerEvent), ns(figures.readerNsPerEvent),
                ns(figures.encoderNsPerEvent), HumanUnits.duration(ns: Int64(clamping: measurement.latencyP50Ns)),
                HumanUnits.duration(ns: Int64(clamping: measurement.latencyP99Ns)),
                HumanUnits.bytes(measurement.residentBytes), HumanUnits.decimal(figures.bytesPerRow, decimals: 1),
                figures.isProven ? "closes" : "DOES NOT CLOSE",
            ])
        }
        var lines = [paint(.bold, "kernel") + "  from the kernel to the archive; CPU of the agent for an event"]
        lines += table.lines(paint, indent: "  ")
        for answer in answers { lines += remarks(answer) }
        return lines
    }

    private static func remarks(_ answer: KernelAnswer) -> [String] {
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

    private static func count(_ value: UInt64) -> String { HumanUnits.count(Int64(clamping: value)) }
    private static func ns(_ value: Double) -> String { HumanUnits.decimal(value, decimals: 1) + " ns" }
    private static func percent(_ share: Double) -> String { HumanUnits.decimal(share * 100, decimals: 1) + " %" }
}
