import Glibc

/// The code that is mapped into a process: the executable lines of its /proc/<pid>/maps.
struct ProcessMappings {
    /// A part of its memory.
    struct Mapping: Equatable {
        var range: Range<UInt64>
        /// Where in its file it begins.
        var offset: UInt64
        /// As the process sees it, or a name in brackets; empty for memory that has neither.
        var path: [UInt8]

        /// The last part of the path.
        var name: [UInt8] {
            let name = path.split(separator: UInt8(ascii: "/")).last ?? []
            let deleted = Array(" (deleted)".utf8)
            return Array(name.suffix(deleted.count) == deleted[...] ? name.dropLast(deleted.count) : name)
        }
    }

    /// Bytes of the file that are read: some ten thousand lines.
    static let mostBytes = 4 << 20

    /// By address.
    let mappings: [Mapping]

    /// Those of a process; nil where it is gone, or not to be looked at.
    init?(pid: Int32) {
        guard let text = ProcFile.readAll("/proc/\(pid)/maps", most: Self.mostBytes) else { return nil }
        self.init(text)
    }

    /// Those of a text like that file's. Lines that are not understood are as if they were not there.
    init(_ text: [UInt8]) {
        mappings = text.split(separator: UInt8(ascii: "\n")).compactMap(Self.mapping).sorted {
            $0.range.lowerBound < $1.range.lowerBound
        }
    }

    /// "start-end perms offset device inode path" (proc(5)): the path is all behind the spaces that follow the inode.
    private static func mapping(_ line: ArraySlice<UInt8>) -> Mapping? {
        let fields = line.split(separator: UInt8(ascii: " "), maxSplits: 5, omittingEmptySubsequences: true)
        guard fields.count >= 5, fields[1].count == 4, fields[1].contains(UInt8(ascii: "x")) else { return nil }
        let ends = fields[0].split(separator: UInt8(ascii: "-"))
        guard ends.count == 2, let begin = hex(ends[0]), let end = hex(ends[1]), begin < end,
            let offset = hex(fields[2])
        else { return nil }
        let path = fields.count == 6 ? Array(fields[5].drop { $0 == UInt8(ascii: " ") }) : []
        return Mapping(range: begin..<end, offset: offset, path: path)
    }

    private static func hex(_ digits: ArraySlice<UInt8>) -> UInt64? {
        UInt64(String(decoding: digits, as: UTF8.self), radix: 16)
    }

    /// What an address lies in. O(log n).
    func mapping(at address: UInt64) -> Mapping? {
        var (low, high) = (0, mappings.count)
        while low < high {
            let middle = (low + high) / 2
            if mappings[middle].range.upperBound <= address { low = middle + 1 } else { high = middle }
        }
        return low < mappings.count && mappings[low].range.contains(address) ? mappings[low] : nil
    }

    /// Opens what is mapped: the file itself, though its name may be gone or another's by now, or else the one that has
    /// the name that the process sees.
    static func open(_ mapping: Mapping, of pid: Int32) -> ForeignFile? {
        guard mapping.path.first == UInt8(ascii: "/") else { return nil }
        let ends = [mapping.range.lowerBound, mapping.range.upperBound].map { String($0, radix: 16) }
        if let file = try? ForeignFile("/proc/\(pid)/map_files/\(ends[0])-\(ends[1])") { return file }
        guard let path = String(validating: mapping.path, as: UTF8.self) else { return nil }
        return try? ForeignFile(path, asSeenBy: pid)
    }
}
