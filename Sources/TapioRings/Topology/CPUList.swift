/// The kernel's lists of CPUs or nodes, `0-3,8,10-11` (Documentation/admin-guide/cputopology.rst).
enum CPUList {
    /// The greatest CPU number that Linux can be built for; a list beyond it is damaged.
    static let greatest = 8191

    /// The CPUs of a list in ascending order, or nil if it is malformed or empty.
    static func parse(_ text: String) -> [Int]? {
        var cpus: Set<Int> = []
        let trimmed = text.split(whereSeparator: \.isWhitespace)
        guard trimmed.count == 1 else { return nil }
        for range in trimmed[0].split(separator: ",", omittingEmptySubsequences: false) {
            let ends = range.split(separator: "-", omittingEmptySubsequences: false).map { Int($0) }
            guard ends.count <= 2, let first = ends.first ?? nil, let last = ends.last ?? nil,
                first >= 0, first <= last, last <= greatest
            else { return nil }
            cpus.formUnion(first...last)
        }
        return cpus.sorted()
    }

    /// The CPUs that a file of the kernel lists; at least one.
    static func read(_ path: String) throws(CPUTopologyError) -> [Int] {
        let text = try KernelFile.read(path)
        guard let cpus = parse(text) else { throw malformed(path, text) }
        return cpus
    }

    /// The CPUs that a file lists which not every kernel has, and which may list none; nil where it is not there.
    static func readIfThere(_ path: String) throws(CPUTopologyError) -> [Int]? {
        guard let text = try KernelFile.readIfThere(path) else { return nil }
        if text.allSatisfy(\.isWhitespace) { return [] }
        guard let cpus = parse(text) else { throw malformed(path, text) }
        return cpus
    }

    private static func malformed(_ path: String, _ text: String) -> CPUTopologyError {
        CPUTopologyError(source: path, reason: .malformed(String(text.prefix(80))))
    }
}
