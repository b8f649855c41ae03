import Glibc

/// The small text files in which the kernel describes the machine.
enum KernelFile {
    /// The most bytes that are read: what such a file has at most is a page.
    private static let mostBytes = 4096

    /// What a file says.
    static func read(_ path: String) throws(CPUTopologyError) -> String {
        let file = unsafe open(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { throw CPUTopologyError(source: path, reason: .errno(errno)) }
        defer { close(file) }
        var bytes = [UInt8](repeating: 0, count: mostBytes)
        let count = unsafe bytes.withUnsafeMutableBytes { unsafe Glibc.read(file, $0.baseAddress, $0.count) }
        guard count >= 0 else { throw CPUTopologyError(source: path, reason: .errno(errno)) }
        return String(decoding: bytes.prefix(count), as: UTF8.self)
    }

    /// What a file says that not every kernel has; nil where it is not there.
    static func readIfThere(_ path: String) throws(CPUTopologyError) -> String? {
        do throws(CPUTopologyError) {
            return try read(path)
        } catch {
            guard [.errno(ENOENT), .errno(ENOTDIR)].contains(error.reason) else { throw error }
            return nil
        }
    }
}
