import ArgumentParser
import Foundation
import TapioAgent
import TapioEvents

extension BenchCommand {
    struct Kernel: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "From events of the kernel to the archive, with the whole agent.",
            discussion: """
                Generators in processes of their own cause events and count them; an agent with its defaults collects \
                and archives them. Its CPU time, without what it takes when idle, is divided by the events. Then the \
                ledger must close, and a query must find in the archive what the generators caused.

                LOADS
                  exec            Run a program that ends at once: fork, exec, exit.
                  fork            Fork a child that ends at once.
                  tcp             Connect over loopback, accept, close.
                  getppid@420000  So many system calls a second, each of which is an event.
                  getppid@max     The same, as fast as a process can: more than an agent can archive.
                  emit@420000     A BPF program that emits records of all kinds, so many a second.
                  emit@max        The same, as fast as it can.

                Needs root. Exit code 1 where events are unaccounted for; lost ones are told.

                EXAMPLES
                  sudo tapio bench kernel
                  sudo tapio bench kernel --load getppid@max --agent-cpus 0 --runs 5 --json
                """
        )

        @OptionGroup var options: KernelOptions
        @OptionGroup var repetition: Repetition
        @OptionGroup var output: OutputOptions

        func run() async throws {
            let answer = Answer(kernel: try await options.measure(runs: repetition.runs))
            try BenchCommand.write(answer, showsColumns: false, output)
            if answer.kernel.contains(where: { !$0.figures.isProven }) { throw ExitStatus.failed.code }
        }
    }

    struct Ring: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "read",
            abstract: "From a BPF program through the rings to one thread, and no further.",
            discussion: """
                A generator on each CPU emits small records as fast as it can; one thread drains the rings, checks \
                each record and drops it. Needs root.

                EXAMPLES
                  sudo tapio bench read
                  sudo tapio bench read --cpus 1 --reader-cpu 0 --json
                """
        )

        @OptionGroup var options: RingOptions
        @OptionGroup var repetition: Repetition
        @OptionGroup var output: OutputOptions

        func run() throws {
            let answer = Answer(ring: try options.measure(runs: repetition.runs))
            try BenchCommand.write(answer, showsColumns: false, output)
            if answer.ring.contains(where: { !$0.isClosed }) { throw ExitStatus.failed.code }
        }
    }

    /// The process that causes events for the others.
    struct Generate: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Cause events, for the other benchmarks.",
            discussion: """
                Waits for a byte on standard input, and reports on standard output. Other benchmarks run it.

                EXAMPLES
                  tapio bench generate fork --count 1000
                """,
            shouldDisplay: false
        )

        @Argument(transform: { try BenchCommand.load($0) })
        var load: BenchmarkLoad

        @Option var count: Int
        @Option var firstRecord = 0
        @Option var cpu: Int?

        func run() throws {
            try LoadGenerator.run(GeneratorOrder(load: load, count: count, cpu: cpu, firstRecord: firstRecord))
        }
    }

    /// The process that measures one run.
    struct Measure: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "One run of a load, for the kernel benchmark.",
            discussion: """
                Writes what was measured as JSON. The kernel benchmark runs it for each of its runs.

                EXAMPLES
                  tapio bench measure --load exec
                """,
            shouldDisplay: false
        )

        @OptionGroup var options: KernelOptions

        func run() async throws {
            let out = Output()
            try out.line(JSONOutput.text(await options.measureHere()))
            try out.flush()
        }
    }

    /// How the whole agent is measured.
    struct KernelOptions: ParsableArguments {
        @Option(
            name: .customLong("load"),
            help: ArgumentHelp("What to cause, with commas between.", valueName: "loads"),
            transform: { text in try text.split(separator: ",").map { try BenchCommand.load(String($0)) } }
        )
        var loads: [BenchmarkLoad] = [
            .exec, .fork, .tcp, .getppid(perSecond: 45_000), .getppid(perSecond: 100_000),
            .getppid(perSecond: 420_000), .getppid(perSecond: 1_000_000), .getppid(perSecond: 2_000_000),
            .getppid(perSecond: nil), .emit(perSecond: 300_000), .emit(perSecond: 420_000),
            .emit(perSecond: 1_000_000), .emit(perSecond: 1_500_000), .emit(perSecond: nil),
        ]

        @Option(help: ArgumentHelp("Cause each load so many times as often.", valueName: "factor"))
        var scale = 1.0

        @Option(help: ArgumentHelp("Generator processes.", valueName: "n"))
        var generators = 1

        @Option(
            name: .customLong("agent-cpus"),
            help: ArgumentHelp("CPUs of the agent, as in 0,1.", valueName: "cpus"),
            transform: BenchCommand.cpus
        )
        var agentCPUs: [Int]?

        @Option(
            name: .customLong("generator-cpus"),
            help: ArgumentHelp("CPUs of the generators. Default: those that are not the agent's.", valueName: "cpus"),
            transform: BenchCommand.cpus
        )
        var generatorCPUs: [Int]?

        @Flag(help: "Measure the programs in the kernel too, in a run of their own.")
        var programs = false

        @Option(help: ArgumentHelp("Where the archive goes meanwhile. Default: $TMPDIR.", valueName: "dir"))
        var archiveDirectory: String?

        @Option(
            name: .customLong("set"),
            help: ArgumentHelp("A setting of the agent; may be repeated.", valueName: "key=value"),
            transform: { try ConfigurationFlag(set: $0) }
        )
        var settings: [ConfigurationFlag] = []

        func validate() throws {
            if !(0.001...1000).contains(scale) { throw ValidationError("--scale \(scale): 0.001 to 1000") }
            if !(1...64).contains(generators) { throw ValidationError("--generators \(generators): 1 to 64") }
        }

        func measure(runs: Int) async throws -> [KernelAnswer] {
            var answers: [KernelAnswer] = []
            for load in loads {
                var answer = KernelAnswer()
                for run in 1...runs {
                    StandardError.line("tapio: bench: \(load.name), run \(run) of \(runs)")
                    answer.runs.append(try await measure(load, programs: false))
                }
                if programs {
                    let measured = try await measure(load, programs: true)
                    answer.programs = measured.programs
                    answer.programEvents = measured.total.attempted
                }
                answer.choose()
                answers.append(answer)
            }
            return answers
        }

        /// One run, in a process of its own: what earlier ones left in memory is no part of it.
        private func measure(_ load: BenchmarkLoad, programs: Bool) async throws -> KernelMeasurement {
            var arguments = [
                "bench", "measure", "--load", load.name, "--scale", "\(scale)", "--generators", "\(generators)",
            ]
            if programs { arguments.append("--programs") }
            if let agentCPUs { arguments += ["--agent-cpus", BenchCommand.text(agentCPUs)] }
            if let generatorCPUs { arguments += ["--generator-cpus", BenchCommand.text(generatorCPUs)] }
            if let archiveDirectory { arguments += ["--archive-directory", archiveDirectory] }
            for setting in settings { arguments += ["--set", "\(setting.key)=\(setting.value)"] }
            return try await BenchCommand.output(of: arguments)
        }

        /// One run of the first load, in this process.
        func measureHere() async throws -> KernelMeasurement {
            var benchmark = KernelBenchmark.Options()
            benchmark.scale = scale
            benchmark.generators = generators
            benchmark.agentCPUs = agentCPUs
            benchmark.generatorCPUs = generatorCPUs
            benchmark.settings = settings
            benchmark.measuresPrograms = programs
            if let archiveDirectory { benchmark.directory = AbsolutePath.of(archiveDirectory) }
            guard let load = loads.first else { throw ValidationError("--load names none") }
            return try await KernelBenchmark(benchmark).run(load)
        }
    }

    /// How the rings are measured.
    struct RingOptions: ParsableArguments {
        @Option(help: ArgumentHelp("Records in all.", valueName: "n"))
        var records = 20_000_000

        @Option(
            help: ArgumentHelp("CPUs with a generator. Default: all.", valueName: "cpus"),
            transform: BenchCommand.cpus
        )
        var cpus: [Int]?

        @Option(
            name: .customLong("reader-cpu"),
            help: ArgumentHelp("CPU of the thread that reads.", valueName: "cpu")
        )
        var readerCPU: Int?

        func validate() throws {
            if !(1000...10_000_000_000).contains(records) {
                throw ValidationError("--records \(records): 1000 to 10000000000")
            }
        }

        func measure(runs: Int) throws -> [RingBenchmark.Result] {
            var options = RingBenchmark.Options()
            options.records = records
            options.cpus = cpus
            options.readerCPU = readerCPU
            return try (0..<runs).map { _ in try RingBenchmark(options).run() }
        }
    }

    /// The runs of a load, with the figures of the median one.
    struct KernelAnswer: Encodable {
        var measurement = KernelMeasurement()
        var figures = KernelFigures(KernelMeasurement())
        /// From a run of its own, and the events of that run.
        var programs: [KernelMeasurement.ProgramRuns] = []
        var programEvents: UInt64 = 0
        var runs: [KernelMeasurement] = []

        /// Takes the run with the median of user CPU per event; but one that contradicts itself before all others.
        mutating func choose() {
            let order = runs.sorted { KernelFigures($0).userNsPerEvent < KernelFigures($1).userNsPerEvent }
            guard let chosen = order.first(where: { !$0.problems.isEmpty }) ?? order.dropFirst(order.count / 2).first
            else { return }
            measurement = chosen
            figures = KernelFigures(chosen)
        }
    }

    static func load(_ name: String) throws -> BenchmarkLoad {
        guard let load = BenchmarkLoad(name) else {
            throw ValidationError(
                "no load is named '\(name)'; there are exec, fork, tcp, getppid@ and emit@ with events per second or max"
            )
        }
        return load
    }

    /// What this program prints with these arguments. Its errors go where ours do.
    static func output<Answer: Decodable>(of arguments: [String]) async throws -> Answer {
        let process = Process()
        process.executableURL = URL(
            filePath: try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
        )
        process.arguments = arguments
        let pipe = Pipe()
        process.standardOutput = pipe
        try process.run()
        let data = try pipe.fileHandleForReading.readToEnd() ?? Data()
        process.waitUntilExit()
        // One that found something wrong has an answer, too.
        let hasAnswer = process.terminationReason == .exit && process.terminationStatus == 1 && !data.isEmpty
        guard process.terminationStatus == 0 || hasAnswer else {
            // It has said why.
            throw ExitCode(process.terminationStatus)
        }
        return try JSONDecoder().decode(Answer.self, from: data)
    }

    static func text(_ cpus: [Int]) -> String { cpus.map(String.init).joined(separator: ",") }

    static func cpus(_ text: String) throws -> [Int] {
        try text.split(separator: ",").map { word in
            guard let cpu = Int(word), (0..<8192).contains(cpu) else {
                throw ValidationError("'\(word)' is no CPU; write numbers with commas between, as in 0,1")
            }
            return cpu
        }
    }
}
