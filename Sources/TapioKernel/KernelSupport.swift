import CTapioLibBPF

/// What this kernel and this process allow, found by trying.
public enum KernelSupport {
    /// Loads the smallest program: nil where that works, else why it does not.
    public static func probe() -> KernelError? {
        tapio_libbpf_log_begin()
        let result = tapio_bpf_probe()
        let log = LibBPFLog.end()
        return result == 0 ? nil : KernelError(code: -result, action: "load", subject: "a BPF program", log: log)
    }
}
