import Glibc
import TapioAgent

/// Signals that concern a full-screen view: of one view in the process.
enum TerminalSignals {
    /// Handles resizes, stops and continues, and what ends a program, from now on. Gives the end of ``SignalPipe`` to read
    /// from, which never blocks.
    static func start() -> Int32 {
        guard let readEnd = SignalPipe.open() else { preconditionFailure("no descriptors are left for a pipe") }
        _ = fcntl(readEnd, F_SETFL, O_NONBLOCK)
        let handled = [SIGWINCH, SIGTSTP, SIGCONT, SIGINT, SIGTERM, SIGHUP, SIGQUIT]
        SignalPipe.handle(handled)
        // Whoever started this may have left them blocked.
        var mask = sigset_t()
        unsafe sigemptyset(&mask)
        for number in handled { unsafe sigaddset(&mask, number) }
        unsafe pthread_sigmask(SIG_UNBLOCK, &mask, nil)
        return readEnd
    }
}
