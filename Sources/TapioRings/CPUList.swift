import Glibc

/// The kernel's lists of CPUs, `0-3,8,10-11` (Documentation/admin-guide/cputopology.rst).
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

    /// The CPUs that a file of the kernel lists.
    static func read(_ path: String) throws(CPUTopologyError) -> [Int] {
        let file = unsafe open(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { throw CPUTopologyError(source: path, reason: .errno(errno)) }
        defer { close(file) }
        // A list is at most a page.
        var bytes = [UInt8](repeating: 0, count: 4096)
        let count = unsafe bytes.withUnsafeMutableBytes { unsafe Glibc.read(file, $0.baseAddress, $0.count) }
        guard count >= 0 else { throw CPUTopologyError(source: path, reason: .errno(errno)) }
        let text = String(decoding: bytes.prefix(count), as: UTF8.self)
        guard let cpus = parse(text) else {
            throw CPUTopologyError(source: path, reason: .malformed(String(text.prefix(80))))
        }
        return cpus
    }
}
