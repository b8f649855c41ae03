import Glibc

/// Signals that concern a full-screen view, as bytes in a pipe: of one view in the process.
///
/// A handler writes the signal's number, and who polls the pipe acts upon it: nothing is done where a signal may interrupt
/// anything. Others may ring the same pipe.
enum TerminalSignals {
    /// What ``wake()`` writes: no signal has this number.
    static let bell: UInt8 = 0

    /// The write end. Set once, before a handler is installed.
    private nonisolated(unsafe) static var pipeForHandler: Int32 = -1

    /// Whether a view has the signals.
    static var isStarted: Bool { unsafe pipeForHandler >= 0 }

    /// Handles resizes, stops and continues, and what ends a program, from now on. Gives the end to read from, which never
    /// blocks.
    ///
    /// - Precondition: called once.
    static func start() -> Int32 {
        precondition(unsafe pipeForHandler < 0, "signals have one reader")
        var ends: [Int32] = [-1, -1]
        precondition(unsafe pipe(&ends) == 0, "no descriptors are left for a pipe")
        for end in ends {
            _ = fcntl(end, F_SETFD, FD_CLOEXEC)
            _ = fcntl(end, F_SETFL, O_NONBLOCK)
        }
        unsafe pipeForHandler = ends[1]
        let handled = [SIGWINCH, SIGTSTP, SIGCONT, SIGINT, SIGTERM, SIGHUP, SIGQUIT]
        for number in handled { install(number) }
        // Whoever started this may have left them blocked.
        var mask = sigset_t()
        unsafe sigemptyset(&mask)
        for number in handled { unsafe sigaddset(&mask, number) }
        unsafe pthread_sigmask(SIG_UNBLOCK, &mask, nil)
        return ends[0]
    }

    /// Lets who polls the pipe look around. Any thread.
    static func wake() {
        var byte = bell
        // A full pipe wakes as well.
        _ = unsafe write(pipeForHandler, &byte, 1)
    }

    private static func install(_ number: Int32) {
        var action = sigaction()
        unsafe action.__sigaction_handler.sa_handler = { number in
            // Only what signal-safety(7) allows: one write, and errno as it was.
            let before = errno
            var byte = UInt8(truncatingIfNeeded: number)
            _ = unsafe write(TerminalSignals.pipeForHandler, &byte, 1)
            errno = before
        }
        action.sa_flags = SA_RESTART
        unsafe sigaction(number, &action, nil)
    }
}
