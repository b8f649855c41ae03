import CTapioLibBPF
import Glibc
import TapioBPF

/// A window of an object's programs, in which they merge events themselves (`bpf/kernel/window.h`). Used by one actor at a
/// time, like its object.
public struct KernelWindow {
    /// How long a window that can't be emptied is tried again at the end, ms.
    private static let patienceMs = 2000

    private let object: BPFObject
    private let name: String
    /// For each of the two maps, the program that empties it.
    private let programs: [RunnableProgram]
    private var open: UInt32 = 0

    /// The window of that name in a loaded object.
    public init(_ name: String, of object: BPFObject) throws(KernelError) {
        self.name = name
        self.object = object
        programs = [try object.runnable("\(name)_flush_0"), try object.runnable("\(name)_flush_1")]
    }

    /// Ends the window and begins the next: what was merged goes into the rings. Takes some milliseconds.
    ///
    /// - Returns: Whether all found room there; the rest is told when the next window ends, together with that one's.
    public mutating func turn() throws(KernelError) -> Bool {
        let ended = open
        try object.setVariable("\(name)_open", 1 - ended)
        open = 1 - ended
        // What began before may still write into it.
        if tapio_bpf_wait_for_running() != 0 { usleep(100_000) }
        return try flush(ended).is_left == 0
    }

    /// Tells all that is left, once the programs are detached. What finds no room in the rings for two seconds is counted
    /// as lost.
    public func end() throws(KernelError) {
        for window in [open, 1 - open] {
            var waitedMs = 0
            while try flush(window, givesUp: waitedMs >= Self.patienceMs).is_left != 0 {
                usleep(10_000)
                waitedMs += 10
            }
        }
    }

    private func flush(_ window: UInt32, givesUp: Bool = false) throws(KernelError) -> tapio_flush {
        try programs[Int(window)].run(tapio_flush(gives_up: givesUp ? 1 : 0, is_left: 0))
    }
}
