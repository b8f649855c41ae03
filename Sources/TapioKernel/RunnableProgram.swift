import CTapioLibBPF
import Glibc

/// A loaded program that user space runs (`SEC("syscall")`), by a descriptor that another process may have given to this
/// one.
public struct RunnableProgram: Sendable {
    /// The program's descriptor; its owner keeps it open.
    public let descriptor: Int32

    /// The program behind a descriptor.
    public init(descriptor: Int32) {
        self.descriptor = descriptor
    }

    /// Runs it once on the calling thread's CPU, with `context` as its argument, and gives what it made of that.
    @discardableResult
    public func run<Context: BitwiseCopyable>(_ context: Context) throws(KernelError) -> Context {
        var context = context
        let result = unsafe withUnsafeMutableBytes(of: &context) {
            unsafe tapio_bpf_run(descriptor, $0.baseAddress, UInt32($0.count))
        }
        guard result == 0 else {
            throw KernelError(code: -result, action: "run", subject: "the program of descriptor \(descriptor)")
        }
        return context
    }
}

extension BPFObject {
    /// A loaded program that is run on demand. Valid as long as the object.
    public func runnable(_ program: String) throws(KernelError) -> RunnableProgram {
        let descriptor = unsafe bpf_program__fd(try handle(program))
        guard descriptor >= 0 else {
            throw KernelError(code: -descriptor, action: "run", subject: "\(name)/\(program)", remedy: "load it first")
        }
        return RunnableProgram(descriptor: descriptor)
    }

    /// Sets an element of one of the object's own maps whose keys are 32-bit numbers, after `load`.
    ///
    /// - Precondition: `value` has the size of the map's values.
    public func setElement<Value: BitwiseCopyable>(
        _ index: Int,
        ofMap map: String,
        to value: Value
    ) throws(KernelError) {
        try setEntry(UInt32(index), ofMap: map, to: value)
    }
}

/// The kernel's account of how often and how long programs run, which costs each run about 20 ns: on from here until the
/// end of this value.
public struct ProgramAccounting: ~Copyable {
    private let descriptor: Descriptor

    /// Begins to count, for all programs of the machine.
    public init() throws(KernelError) {
        let opened = bpf_enable_stats(BPF_STATS_RUN_TIME)
        guard opened >= 0 else { throw KernelError(code: errno, action: "enable", subject: "BPF run-time statistics") }
        descriptor = Descriptor(owning: opened)
    }
}
