import Glibc

/// CPU time of processes, and memory of this one.
struct ProcessCost: Sendable, Hashable {
    var userNs: UInt64 = 0
    var systemNs: UInt64 = 0

    var cpuNs: UInt64 { userNs + systemNs }

    /// What a process used until now (getrusage(2)): RUSAGE_SELF or RUSAGE_CHILDREN.
    static func now(of who: __rusage_who = RUSAGE_SELF) -> ProcessCost {
        var usage = rusage()
        guard unsafe getrusage(__rusage_who_t(who.rawValue), &usage) == 0 else { return ProcessCost() }
        return ProcessCost(userNs: nanoseconds(usage.ru_utime), systemNs: nanoseconds(usage.ru_stime))
    }

    func since(_ earlier: ProcessCost) -> ProcessCost {
        ProcessCost(userNs: userNs &- earlier.userNs, systemNs: systemNs &- earlier.systemNs)
    }

    private static func nanoseconds(_ time: timeval) -> UInt64 {
        UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_usec) * 1000
    }

    // MARK: - Memory

    /// Lets the kernel forget the most memory that this process ever had.
    static func resetResidentHighWater() {
        let descriptor = unsafe open("/proc/self/clear_refs", O_WRONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return }
        _ = unsafe write(descriptor, "5", 1)
        close(descriptor)
    }

    /// The most memory that this process had since then, bytes.
    static var residentHighWater: Int64 { status("VmHWM:") }

    /// The memory that this process has now, bytes.
    static var resident: Int64 { status("VmRSS:") }

    private static func status(_ key: String) -> Int64 {
        let descriptor = unsafe open("/proc/self/status", O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return 0 }
        defer { close(descriptor) }
        var bytes = [UInt8](repeating: 0, count: 8192)
        let count = unsafe read(descriptor, &bytes, bytes.count)
        guard count > 0 else { return 0 }
        return kibibytes(key, in: String(decoding: bytes[..<count], as: UTF8.self)) * 1024
    }

    /// The number after `key` in a text like /proc/self/status.
    static func kibibytes(_ key: String, in text: String) -> Int64 {
        for line in text.split(separator: "\n") where line.hasPrefix(key) {
            let words = line.split(whereSeparator: \.isWhitespace)
            return words.count > 1 ? Int64(words[1]) ?? 0 : 0
        }
        return 0
    }
}
