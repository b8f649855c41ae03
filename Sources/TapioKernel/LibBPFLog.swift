import CTapioLibBPF
import Glibc

/// What libbpf said on this thread since `tapio_libbpf_log_begin()`.
enum LibBPFLog {
    /// The greatest length that an error carries, bytes.
    static let limit = 4096

    /// The end of the log, and the end of keeping it.
    static func end() -> String {
        unsafe String(unsafeUninitializedCapacity: limit) { buffer in
            unsafe buffer.withMemoryRebound(to: CChar.self) {
                unsafe tapio_libbpf_log_end($0.baseAddress, $0.count)
            }
        }
    }

    /// What to do about a load that failed: the log knows better than the errno where BTF is missing or the verifier
    /// refused.
    static func remedy(code: Int32, log: String) -> String? {
        if log.contains("BTF") && (log.contains("vmlinux") || log.contains("kernel BTF")) && code == ESRCH
            || code == ENOENT
        {
            return "the kernel needs CONFIG_DEBUG_INFO_BTF (/sys/kernel/btf/vmlinux)"
        }
        if code == EINVAL || code == EACCES || code == E2BIG {
            return "the verifier of this kernel refuses it; report it with the log"
        }
        return nil
    }
}
