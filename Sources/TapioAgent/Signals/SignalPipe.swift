import Glibc

/// Signals as bytes in a pipe: of one reader in the process.
///
/// A handler writes the signal's number, and who reads the pipe acts upon it: nothing is done where a signal may interrupt
/// anything. Others may ring the same pipe.
public enum SignalPipe {
    /// What ``ring()`` writes: no signal has this number.
    public static let bell: UInt8 = 0

    /// The write end, for the handler. Set before a handler is installed.
    private nonisolated(unsafe) static var writeEnd: Int32 = -1

    /// Whether somebody reads signals.
    public static var isOpen: Bool { unsafe writeEnd >= 0 }

    /// Gives the end to read from, which blocks; nil where no descriptors are left. Whoever read signals before gets no more.
    public static func open() -> Int32? {
        var ends: [Int32] = [-1, -1]
        guard unsafe pipe(&ends) == 0 else { return nil }
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        // A handler never waits: a full pipe has enough to tell.
        _ = fcntl(ends[1], F_SETFL, O_NONBLOCK)
        unsafe writeEnd = ends[1]
        return ends[0]
    }

    /// From now on the signals come as bytes.
    ///
    /// - Precondition: it is open.
    public static func handle(_ signals: [Int32]) {
        precondition(isOpen, "somebody has to read the signals")
        for handled in signals {
            var action = sigaction()
            unsafe action.__sigaction_handler.sa_handler = { number in
                // Only what signal-safety(7) allows: one write, and errno as it was.
                let before = errno
                SignalPipe.write(UInt8(truncatingIfNeeded: number))
                errno = before
            }
            action.sa_flags = SA_RESTART
            unsafe sigaction(handled, &action, nil)
        }
    }

    /// Lets who reads the pipe look around. Any thread.
    public static func ring() { write(bell) }

    private static func write(_ byte: UInt8) {
        var byte = byte
        _ = unsafe Glibc.write(writeEnd, &byte, 1)
    }
}
