/// Names of signals; what is not listed stays a number.
public enum SignalName {
    /// `SIGKILL`, `SIGRTMIN+3`, or `signal 99` where it has no name.
    public static func name(of number: Int64) -> String {
        if names.indices.contains(Int(clamping: number)), number > 0 { return "SIG" + names[Int(number)] }
        if (34...64).contains(number) { return number == 34 ? "SIGRTMIN" : "SIGRTMIN+\(number - 34)" }
        return "signal \(number)"
    }

    /// By number, as on all of this project's architectures (include/uapi/asm-generic/signal.h).
    private static let names = [
        "", "HUP", "INT", "QUIT", "ILL", "TRAP", "ABRT", "BUS", "FPE", "KILL", "USR1", "SEGV", "USR2", "PIPE", "ALRM",
        "TERM",
        "STKFLT", "CHLD", "CONT", "STOP", "TSTP", "TTIN", "TTOU", "URG", "XCPU", "XFSZ", "VTALRM", "PROF", "WINCH",
        "IO",
        "PWR", "SYS",
    ]
}
