import CTapioLibBPF
import Glibc

/// An event that the kernel itself counts, by CPU (include/uapi/linux/perf_event.h).
public enum SoftwareEvent: UInt64, Sendable {
    /// A page that a thread needed had to be read from a disk.
    case majorFaults = 6
}

extension BPFObject {
    /// Attaches a program (`SEC("perf_event")`) to an event, for all processes, on each CPU that has rings: elsewhere it could
    /// tell nothing. It runs each time that the event happens.
    ///
    /// - Throws: the first refusal; on the other CPUs the program is attached.
    public func attach(_ program: String, to event: SoftwareEvent) throws(KernelError) {
        let handle = unsafe try handle(program)
        var refusal: KernelError?
        for cpu in Set(plane.rings.map(\.cpu)).sorted() {
            tapio_libbpf_log_begin()
            let link = unsafe tapio_bpf_attach_software_event(handle, event.rawValue, Int32(cpu))
            let code = errno
            let log = LibBPFLog.end()
            if let link = unsafe link {
                unsafe keep(link, of: program)
            } else if refusal == nil {
                refusal = KernelError(
                    code: code,
                    action: "attach \(name)/\(program) to",
                    subject: "\(event) of CPU \(cpu)",
                    log: log
                )
            }
        }
        if let refusal { throw refusal }
    }
}
