/// What the files of /proc and /sys say, taken apart.
extension SystemView {
    /// `6.18.5-cloud`; nil where /proc is not there.
    var kernelRelease: String? { text("/proc/sys/kernel/osrelease") }

    /// Major and minor number of a release.
    static func version(ofRelease release: String) -> (major: Int, minor: Int)? {
        let numbers = release.split(whereSeparator: { !$0.isNumber }).prefix(2).compactMap { Int($0) }
        return numbers.count == 2 ? (numbers[0], numbers[1]) : nil
    }

    /// The value of a line of /proc/self/status.
    func status(_ key: String) -> String? {
        text("/proc/self/status")?.split(separator: "\n").first { $0.hasPrefix(key + ":") }
            .map { $0.dropFirst(key.count + 1).drop(while: \.isWhitespace) }.map(String.init)
    }

    /// The effective user id.
    var userID: Int? {
        let ids = status("Uid")?.split(whereSeparator: \.isWhitespace) ?? []
        return ids.count > 1 ? Int(ids[1]) : nil
    }

    /// The effective capabilities as the kernel's bit set.
    var capabilities: UInt64? { status("CapEff").flatMap { UInt64($0, radix: 16) } }

    /// Soft and hard limit by the name that /proc/self/limits gives; nil as a value stands for unlimited.
    func limit(_ name: String) -> (soft: UInt64?, hard: UInt64?)? {
        guard let line = text("/proc/self/limits")?.split(separator: "\n").first(where: { $0.hasPrefix(name) }) else {
            return nil
        }
        let words = line.dropFirst(name.count).split(whereSeparator: \.isWhitespace)
        guard words.count >= 2 else { return nil }
        return (UInt64(words[0]), UInt64(words[1]))
    }

    /// A line of /proc/self/mounts.
    struct Mount: Equatable {
        var path: String
        var type: String
        var options: [Substring]
    }

    /// What is mounted; the last mount on a path is the one that is seen.
    var mounts: [Mount] {
        (text("/proc/self/mounts") ?? "").split(separator: "\n").compactMap { line in
            let words = line.split(separator: " ")
            guard words.count >= 4 else { return nil }
            return Mount(path: String(words[1]), type: String(words[2]), options: words[3].split(separator: ","))
        }
    }

    /// The CPUs that are online, at least 1.
    var onlineCPUs: Int {
        let list = text("/sys/devices/system/cpu/online") ?? ""
        let count = list.split(separator: ",").reduce(0) { sum, range in
            let ends = range.split(separator: "-").compactMap { Int($0) }
            guard let first = ends.first, let last = ends.last, last >= first, last < 65_536 else { return sum }
            return sum + last - first + 1
        }
        return max(1, count)
    }

    /// Bytes of memory of the machine.
    var memoryBytes: Int64? {
        let line = text("/proc/meminfo")?.split(separator: "\n").first { $0.hasPrefix("MemTotal:") }
        let words = line?.split(whereSeparator: \.isWhitespace) ?? []
        return words.count > 1 ? Int64(words[1]).map { $0 * 1024 } : nil
    }

    /// Bytes that the control groups of this process allow, the least of all its parents'; nil for no limit.
    var memoryLimitBytes: Int64? {
        leastOfControlGroups("memory") { directory, isUnified in
            let file = isUnified ? "memory.max" : "memory.limit_in_bytes"
            // v1 says "no limit" with a number near 2^63.
            guard let text = text("\(directory)/\(file)"), let bytes = Int64(text), bytes < 1 << 62 else { return nil }
            return bytes
        }
    }

    /// Cores that the control groups of this process allow, the least of all its parents'; nil for no quota.
    var cpuLimit: Double? {
        leastOfControlGroups("cpu") { directory, isUnified in
            // "max 100000" is none of either; v1's is -1.
            let numbers =
                isUnified
                ? (text("\(directory)/cpu.max") ?? "").split(separator: " ").map { Double($0) }
                : ["quota", "period"].map { text("\(directory)/cpu.cfs_\($0)_us").flatMap { Double($0) } }
            guard numbers.count == 2, let quota = numbers[0], let period = numbers[1], quota > 0, period > 0 else {
                return nil
            }
            return quota / period
        }
    }

    /// The least that the control groups of this process and their parents say.
    ///
    /// - Parameters:
    ///   - controller: Its name in version 1.
    ///   - limit: What the group in a directory says; nil: nothing.
    private func leastOfControlGroups<Limit: Comparable>(
        _ controller: Substring,
        _ limit: (_ directory: String, _ isUnified: Bool) -> Limit?
    ) -> Limit? {
        let mounts = mounts
        var least: Limit?
        for line in (text("/proc/self/cgroup") ?? "").split(separator: "\n") {
            let parts = line.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
            guard parts.count == 3 else { continue }
            let isUnified = parts[1].isEmpty
            guard isUnified || parts[1].split(separator: ",").contains(controller) else { continue }
            let mount = mounts.last {
                isUnified
                    ? $0.type == "cgroup2" : $0.type == "cgroup" && $0.options.contains(controller)
            }
            guard let mount else { continue }
            var group = String(parts[2])
            while true {
                if let found = limit("\(mount.path)\(group == "/" ? "" : group)", isUnified) {
                    least = min(least ?? found, found)
                }
                guard group.count > 1, let slash = group.lastIndex(of: "/") else { break }
                group = slash == group.startIndex ? "/" : String(group[..<slash])
            }
        }
        return least
    }
}
