public import TapioArchive
public import TapioKernel
public import TapioPipeline
public import TapioRings

/// Why the agent cannot run, or had to stop. Each is one line that names what, where and what to do.
public enum AgentError: Error, CustomStringConvertible, Sendable {
    /// The process lacks what BPF needs.
    case privileges(String)
    /// The configuration has errors.
    case configuration(ConfigurationErrors)
    /// The archive cannot be opened.
    case archive(ArchiveOpenError)
    /// The kernel refused the shared maps.
    case kernel(KernelError)
    /// A thread cannot be as it was asked for.
    case thread(ThreadError)
    /// The readers cannot be as they were asked for.
    case readers(String)
    /// The memory for batches cannot be reserved.
    case memory(BufferPoolError)
    /// The control socket cannot be had.
    case control(String)
    /// What is read cannot be recorded.
    case recording(RecordingError)
    /// No collector that was asked for can run.
    case noCollector([String])

    /// One line.
    public var description: String {
        switch self {
        case .privileges(let line), .control(let line), .readers(let line): line
        case .configuration(let errors): "\(errors)"
        case .archive(let error): "\(error)"
        case .kernel(let error): "\(error)"
        case .thread(let error): "\(error)"
        case .recording(let error): "\(error)"
        case .memory(let error): "\(error); lower queue.max_bytes"
        case .noCollector(let reasons): "no collector runs: " + reasons.joined(separator: "; ")
        }
    }

    /// The exit code of a command that fails with it: 2 for a wrong configuration, 77 (EX_NOPERM of sysexits(3)) for
    /// missing privileges, else 1.
    public var exitCode: Int32 {
        switch self {
        case .configuration: 2
        case .privileges: 77
        default: 1
        }
    }
}
