import Glibc
public import TapioRings

/// A signal that the agent acts upon.
public enum AgentSignal: Sendable {
    /// SIGTERM or SIGINT: stop in order. A second one ends the process at once.
    case stop
    /// SIGHUP: read the configuration again.
    case reload
    /// SIGUSR1: seal the open segment.
    case seal
}

/// Turns process signals into elements of an `AsyncStream`.
///
/// A thread reads them from ``SignalPipe``: whatever thread the kernel picks for a signal, and whatever runs in it, is not
/// disturbed.
public enum SignalSource {
    /// 128 + SIGTERM, as shells report it: stopped before everything was drained.
    public static let forcedExitCode: Int32 = 143

    /// Handles SIGTERM, SIGINT, SIGHUP and SIGUSR1 from now on, until the process ends.
    ///
    /// - Precondition: called once.
    public static func start() throws(ThreadError) -> AsyncStream<AgentSignal> {
        precondition(!SignalPipe.isOpen, "signals have one source")
        guard let readEnd = SignalPipe.open() else { preconditionFailure("no descriptors are left for a pipe") }
        let (stream, continuation) = AsyncStream.makeStream(of: AgentSignal.self, bufferingPolicy: .bufferingNewest(64))
        _ = try PinnedThread(name: "tapio-signals") {
            var stops = 0
            var number: UInt8 = 0
            while true {
                guard unsafe read(readEnd, &number, 1) == 1 else { continue }
                switch Int32(number) {
                case SIGHUP: continuation.yield(.reload)
                case SIGUSR1: continuation.yield(.seal)
                default:
                    stops += 1
                    if stops > 1 { _exit(forcedExitCode) }
                    continuation.yield(.stop)
                }
            }
        }
        SignalPipe.handle([SIGTERM, SIGINT, SIGHUP, SIGUSR1])
        // A client that goes away is an error of its write, not the end of the agent.
        signal(SIGPIPE, SIG_IGN)
        return stream
    }
}
