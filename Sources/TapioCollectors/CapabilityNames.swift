/// Names of capabilities.
public enum CapabilityNames {
    /// By number, in lower case and without CAP_ (include/uapi/linux/capability.h).
    public static let all = [
        "chown", "dac_override", "dac_read_search", "fowner", "fsetid", "kill", "setgid", "setuid", "setpcap",
        "linux_immutable", "net_bind_service", "net_broadcast", "net_admin", "net_raw", "ipc_lock", "ipc_owner",
        "sys_module", "sys_rawio", "sys_chroot", "sys_ptrace", "sys_pacct", "sys_admin", "sys_boot", "sys_nice",
        "sys_resource", "sys_time", "sys_tty_config", "mknod", "lease", "audit_write", "audit_control", "setfcap",
        "mac_override", "mac_admin", "syslog", "wake_alarm", "block_suspend", "audit_read", "perfmon", "bpf",
        "checkpoint_restore",
    ]

    /// The names of the capabilities in a set, by number; `capability_63` where there is no name yet.
    public static func names(in set: UInt64) -> [String] {
        (0..<64).filter { set >> UInt64($0) & 1 == 1 }.map { $0 < all.count ? all[$0] : "capability_\($0)" }
    }
}
