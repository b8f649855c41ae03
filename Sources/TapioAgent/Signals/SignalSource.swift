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
/// A handler writes the signal's number into a pipe, and a thread reads it there: whatever thread the kernel picks for a
/// signal, and whatever runs in it, is not disturbed.
public enum SignalSource {
    /// 128 + SIGTERM, as shells report it: stopped before everything was drained.
    public static let forcedExitCode: Int32 = 143

    /// The write end, for the handler. Set once, before a handler is installed.
    private nonisolated(unsafe) static var pipeForHandler: Int32 = -1

    /// Handles SIGTERM, SIGINT, SIGHUP and SIGUSR1 from now on, until the process ends.
    ///
    /// - Precondition: called once.
    public static func start() throws(ThreadError) -> AsyncStream<AgentSignal> {
        precondition(unsafe pipeForHandler < 0, "signals have one source")
        var ends: [Int32] = [-1, -1]
        precondition(unsafe pipe(&ends) == 0, "no descriptors are left for a pipe")
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        unsafe pipeForHandler = ends[1]
        let readEnd = ends[0]
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
        for number in [SIGTERM, SIGINT, SIGHUP, SIGUSR1] { install(number) }
        // A client that goes away is an error of its write, not the end of the agent.
        signal(SIGPIPE, SIG_IGN)
        return stream
    }

    private static func install(_ number: Int32) {
        var action = sigaction()
        unsafe action.__sigaction_handler.sa_handler = { number in
            // Only what signal-safety(7) allows: one write, and errno as it was.
            let before = errno
            var byte = UInt8(truncatingIfNeeded: number)
            _ = unsafe write(SignalSource.pipeForHandler, &byte, 1)
            errno = before
        }
        action.sa_flags = SA_RESTART
        unsafe sigaction(number, &action, nil)
    }
}
