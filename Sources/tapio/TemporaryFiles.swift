import Glibc
import Synchronization
import TapioRings

/// Files that are being made, and of no use to anybody before they are whole: Ctrl-C and SIGTERM take them along.
enum TemporaryFiles {
    private static let paths = Mutex<Set<String>>([])

    /// The write end, for the handler. Set once, before a handler is installed.
    private nonisolated(unsafe) static var pipeForHandler: Int32 = -1

    /// Begun with the first file: commands that make none end as they always did.
    private static let isListening: Bool = TemporaryFiles.listen()

    /// A file that goes if the command is ended from now on.
    static func add(_ path: String) {
        paths.withLock { paths in _ = paths.insert(path) }
        _ = isListening
    }

    /// It has its name, or is gone.
    static func remove(_ path: String) {
        paths.withLock { paths in _ = paths.remove(path) }
    }

    /// False where somebody else has the signals: who is told of them ends in order.
    private static func listen() -> Bool {
        guard !TerminalSignals.isStarted else { return false }
        var ends: [Int32] = [-1, -1]
        guard unsafe pipe(&ends) == 0 else { return false }
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        unsafe pipeForHandler = ends[1]
        let readEnd = ends[0]
        let thread = try? PinnedThread(name: "tapio-signals") {
            var number: UInt8 = 0
            while true {
                guard unsafe read(readEnd, &number, 1) == 1 else { continue }
                paths.withLock { paths in
                    for path in paths { unsafe unlink(path) }
                }
                // As shells report it.
                _exit(128 + Int32(number))
            }
        }
        guard thread != nil else { return false }
        for number in [SIGINT, SIGTERM] { install(number) }
        return true
    }

    private static func install(_ number: Int32) {
        var action = sigaction()
        unsafe action.__sigaction_handler.sa_handler = { number in
            // Only what signal-safety(7) allows: one write, and errno as it was.
            let before = errno
            var byte = UInt8(truncatingIfNeeded: number)
            _ = unsafe write(TemporaryFiles.pipeForHandler, &byte, 1)
            errno = before
        }
        action.sa_flags = SA_RESTART
        unsafe sigaction(number, &action, nil)
    }
}
