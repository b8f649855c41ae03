import Glibc
import Synchronization
import TapioAgent
import TapioRings

/// Files that are being made, and of no use to anybody before they are whole: Ctrl-C and SIGTERM take them along.
enum TemporaryFiles {
    private static let paths = Mutex<Set<String>>([])

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
        guard !SignalPipe.isOpen, let readEnd = SignalPipe.open() else { return false }
        let thread = try? PinnedThread(name: "tapio-signals") {
            var number: UInt8 = 0
            while true {
                guard unsafe read(readEnd, &number, 1) == 1 else { continue }
                // Ends within the lock: no other file is begun meanwhile.
                paths.withLock { paths -> Void in
                    for path in paths { unsafe unlink(path) }
                    _exit(ExitStatus.ended(by: Int32(number)))
                }
            }
        }
        guard thread != nil else { return false }
        SignalPipe.handle([SIGINT, SIGTERM])
        return true
    }
}
