import Glibc
import TapioRings

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
/// `block()` must run before any other thread starts, so that every thread inherits the mask and only `sigwait` sees them.
public enum SignalSource {
    private static let handled = [SIGTERM, SIGINT, SIGHUP, SIGUSR1]
    /// 128 + SIGTERM, as shells report it: stopped before everything was drained.
    static let forcedExitCode: Int32 = 143

    /// Keeps the handled signals from interrupting the threads that are started from now on.
    public static func block() {
        var set = signalSet()
        unsafe pthread_sigmask(SIG_BLOCK, &set, nil)
        // A client that goes away is an error of its write, not the end of the agent.
        signal(SIGPIPE, SIG_IGN)
    }

    /// Starts the thread that waits for signals. It ends with the process.
    public static func start() throws -> AsyncStream<AgentSignal> {
        let (stream, continuation) = AsyncStream.makeStream(of: AgentSignal.self, bufferingPolicy: .bufferingNewest(16))
        _ = try PinnedThread(name: "tapio-signals") {
            var set = signalSet()
            var stops = 0
            while true {
                var number: Int32 = 0
                guard unsafe sigwait(&set, &number) == 0 else { continue }
                switch number {
                case SIGHUP: continuation.yield(.reload)
                case SIGUSR1: continuation.yield(.seal)
                default:
                    stops += 1
                    if stops > 1 { _exit(forcedExitCode) }
                    continuation.yield(.stop)
                }
            }
        }
        return stream
    }

    private static func signalSet() -> sigset_t {
        var set = sigset_t()
        unsafe sigemptyset(&set)
        for number in handled { unsafe sigaddset(&set, number) }
        return set
    }
}
