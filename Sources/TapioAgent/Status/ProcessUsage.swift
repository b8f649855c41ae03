import Glibc

/// What this process uses, from the kernel's own accounts.
enum ProcessUsage {
    /// This process.
    static var pid: Int32 { getpid() }

    /// Resident memory from `/proc/self/statm` and CPU time from getrusage(2).
    ///
    /// - Parameter mappedTwice: Bytes of memory that is mapped twice in a row, as rings of BPF are: of these statm counts each page
    ///   as often as it is mapped.
    static func now(mappedTwice: Int64 = 0) -> StatusReport.Process {
        var usage = StatusReport.Process()
        usage.residentBytes = max(0, residentBytes() - mappedTwice)
        var times = rusage()
        if unsafe getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &times) == 0 {
            usage.userSeconds = seconds(times.ru_utime)
            usage.systemSeconds = seconds(times.ru_stime)
        }
        return usage
    }

    private static func seconds(_ time: timeval) -> Double {
        Double(time.tv_sec) + Double(time.tv_usec) / 1e6
    }

    private static func residentBytes() -> Int64 {
        let descriptor = unsafe open("/proc/self/statm", O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return 0 }
        defer { close(descriptor) }
        var buffer = [UInt8](repeating: 0, count: 128)
        let count = unsafe read(descriptor, &buffer, buffer.count)
        guard count > 0 else { return 0 }
        // Size, resident, …: in pages.
        let fields = String(decoding: buffer[..<count], as: UTF8.self).split(separator: " ")
        return (fields.count > 1 ? Int64(fields[1]) ?? 0 : 0) * Int64(sysconf(Int32(_SC_PAGESIZE)))
    }
}
