import Glibc

/// The CPUs that run now, as the kernel lists them in /sys/devices/system/cpu/online ("0-3,8").
enum OnlineCPUs {
    static func read() -> [Int] {
        guard let text = SmallFile.read("/sys/devices/system/cpu/online") else { return [0] }
        return parse(text)
    }

    /// CPU numbers of a list such as "0-3,8"; parts that make no sense are left out.
    static func parse(_ list: String) -> [Int] {
        list.split { $0 == "," || $0.isWhitespace }.flatMap { part -> [Int] in
            let ends = part.split(separator: "-").compactMap { Int($0) }
            guard let first = ends.first, let last = ends.last, first >= 0, first <= last, last < 65_536 else {
                return []
            }
            return Array(first...last)
        }
    }
}

/// Small text files of /proc and /sys.
enum SmallFile {
    /// The first 16 KiB of a file; nil where it cannot be read.
    static func read(_ path: String) -> String? {
        let opened = unsafe open(path, O_RDONLY | O_CLOEXEC)
        guard opened >= 0 else { return nil }
        let descriptor = Descriptor(owning: opened)
        let text = unsafe String(unsafeUninitializedCapacity: 16_384) { buffer in
            max(0, unsafe Glibc.read(descriptor.number, buffer.baseAddress, buffer.count))
        }
        return text
    }
}
