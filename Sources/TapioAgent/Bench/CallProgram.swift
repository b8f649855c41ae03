import CTapioSystem
import Glibc
import TapioBPF
import TapioKernel

/// The program of `calls.bpf.c`, which makes an event of each getppid(2) of this process's children: the generators.
struct CallProgram {
    private let object: BPFObject

    /// Loads and attaches it.
    init(plane: KernelPlane) throws(KernelError) {
        object = try BPFObject("calls", plane: plane)
        try object.setConstant("call_number", tapio_getppid_number())
        try object.setConstant("parent_pid", UInt32(getpid()))
        try object.load()
        if let failure = object.attach().first { throw failure }
    }

    /// When it returns, no event comes any more.
    func detach() { object.detach() }

    /// What the kernel says about the program.
    var statistics: [ProgramStatistics] { object.statistics() }
}
