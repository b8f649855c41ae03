import TapioEvents
import TapioKernel

/// The programs in the kernel that a load needs beside the collectors'.
struct LoadPrograms {
    private let emitter: EmitProgram?
    private let calls: CallProgram?

    /// Loads them, and attaches what is to be attached.
    init(_ load: BenchmarkLoad, plane: KernelPlane) throws(KernelError) {
        emitter = load.origin == .programs ? try EmitProgram(load, plane: plane) : nil
        calls = load.origin == .calls ? try CallProgram(plane: plane) : nil
    }

    /// When it returns, no event comes from them any more.
    func detach() { calls?.detach() }

    /// The program that generators run, if they run one.
    var descriptor: Int32? { emitter?.descriptor }

    /// Which events a generator makes by running it.
    func caused(first: Int, count: Int) -> [EventKind: Int] { emitter?.caused(first: first, count: count) ?? [:] }

    /// What the kernel says about them.
    var statistics: [ProgramStatistics] { (emitter?.statistics ?? []) + (calls?.statistics ?? []) }
}
