public import TapioEvents
public import TapioKernel

/// Watches one subject (processes, the network, …): owns its BPF object from load to detach. Events never pass through
/// it; they go from the kernel's rings to the reader.
public protocol Collector: Actor {
    /// Loads and attaches. When it throws, nothing of it is left in the kernel.
    func start() throws(CollectorError)
    /// Detaches. When it returns, no program of it runs any more, and what they submitted is in the rings.
    func stop()
    /// Takes new options over without detaching.
    func reconfigure(_ options: CollectorOptions) throws(CollectorError)
    /// How it is; throws where it has stopped working and should be started again.
    func health() throws(CollectorError) -> CollectorHealth
}

/// What a collector says about itself while it runs.
public struct CollectorHealth: Sendable, Equatable {
    /// Its programs, with what the kernel counts about them.
    public var programs: [ProgramStatistics]
    /// What it has to do without (a missing tracepoint): one line each, with what to do.
    public var problems: [String]
    /// What the kernel granted where it had a choice: one line each.
    public var notes: [String]

    /// The health of a collector with these programs.
    public init(programs: [ProgramStatistics] = [], problems: [String] = [], notes: [String] = []) {
        self.programs = programs
        self.problems = problems
        self.notes = notes
    }
}

/// Why a collector does not run: one line that says what to do.
public struct CollectorError: Error, Sendable, Equatable, CustomStringConvertible {
    /// The collector's name.
    public let collector: String
    /// What went wrong, where, and what to do about it.
    public let reason: String
    /// What libbpf and the verifier said; empty where they were silent.
    public let log: String

    /// An error in words.
    public init(collector: String, reason: String, log: String = "") {
        self.collector = collector
        self.reason = reason
        self.log = log
    }

    /// The kernel's refusal.
    public init(collector: String, _ error: KernelError) {
        self.init(collector: collector, reason: error.description, log: error.log)
    }

    /// One line without the log.
    public var description: String { "collector \(collector): \(reason)" }
}

/// Whether a collector can be of use where it is.
public enum CollectorReadiness: Sendable, Equatable {
    /// It can be started.
    case ready
    /// What it watches is not here, which is nobody's fault: one line that says what would help. It is not started.
    case unavailable(String)
    /// Something that the configuration names is wrong: one line with what to do. Its start fails, and is tried again.
    case misconfigured(String)
}

/// What the agent knows of a kind of collector before there is one: its line in the registry.
public struct CollectorDescriptor: Sendable {
    /// Its name, in configuration, status and schemas.
    public let name: String
    /// One line of documentation.
    public let summary: String
    /// The kinds that it emits.
    public let schemas: [EventSchema]
    /// The options that it understands.
    public let options: [CollectorOption]
    /// Tracepoints that it uses; it does without those that the kernel lacks.
    public let tracepoints: [Tracepoint]
    /// What of its other needs this machine does not meet, with these options; looks without changing anything.
    public let unmetNeeds: @Sendable (CollectorOptions) -> [CollectorNeed]
    /// Whether it runs where the configuration says nothing.
    public let isOnByDefault: Bool
    /// Whether what it watches is here. Answers at once.
    public let readiness: @Sendable () -> CollectorReadiness
    /// Makes one; it does nothing until it is started.
    public let make: @Sendable (KernelPlane, CollectorOptions) -> any Collector

    /// Describes a collector.
    public init(
        name: String,
        summary: String,
        schemas: [EventSchema],
        options: [CollectorOption] = [],
        tracepoints: [Tracepoint],
        unmetNeeds: @escaping @Sendable (CollectorOptions) -> [CollectorNeed] = { _ in [] },
        isOnByDefault: Bool = true,
        readiness: @escaping @Sendable () -> CollectorReadiness = { .ready },
        make: @escaping @Sendable (KernelPlane, CollectorOptions) -> any Collector
    ) {
        self.name = name
        self.summary = summary
        self.schemas = schemas
        self.options = options
        self.tracepoints = tracepoints
        self.unmetNeeds = unmetNeeds
        self.isOnByDefault = isOnByDefault
        self.readiness = readiness
        self.make = make
    }
}
