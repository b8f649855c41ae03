import CTapioLibBPF
import Glibc

/// What this kernel and this process allow, found by trying.
public enum KernelSupport {
    /// The oldest kernel that loads the programs, major and minor number: each emits its records with
    /// bpf_ringbuf_reserve_dynptr. Distributions may have brought that to an older one, which `probe()` finds.
    public static let oldest = (major: 5, minor: 19)

    /// Loads the smallest program and looks for the newest helper that all need: nil where both work, else why not.
    public static func probe() -> KernelError? {
        tapio_libbpf_log_begin()
        let result = tapio_bpf_probe()
        let log = LibBPFLog.end()
        if result == -EOPNOTSUPP {
            return KernelError(
                code: 0,
                action: "emit records:",
                subject: "this kernel has no bpf_ringbuf_reserve_dynptr",
                remedy: "run Linux \(oldest.major).\(oldest.minor) or later",
                log: log
            )
        }
        return result == 0 ? nil : KernelError(code: -result, action: "load", subject: "a BPF program", log: log)
    }
}
