import Glibc
import TapioKernel

/// What stands between the collectors and this machine, found without changing anything.
public struct CollectorPreflight: Sendable, Equatable {
    /// What keeps all collectors from running: one line each, with what to do. Empty where they can run.
    public var obstacles: [String]
    /// What some of them have to do without.
    public var warnings: [String]

    /// Looks at capabilities, BTF and tracepoints, and tries to load the smallest program.
    public static func check(_ descriptors: [CollectorDescriptor] = CollectorRegistry.all) -> CollectorPreflight {
        let status = ProcFile.read("/proc/self/status") ?? ""
        let missing = missingCapabilities(status: status)
        if !missing.isEmpty {
            return CollectorPreflight(obstacles: [obstacle(missing: missing)], warnings: [])
        }
        if let refusal = KernelSupport.probe() {
            return CollectorPreflight(obstacles: [refusal.description], warnings: [])
        }
        do throws(KernelError) {
            let catalog = try TracepointCatalog()
            let warnings = descriptors.flatMap { descriptor in
                descriptor.tracepoints.filter { !catalog.contains($0) }.map {
                    "collector \(descriptor.name): this kernel lacks the tracepoint \($0.name)"
                }
            }
            return CollectorPreflight(obstacles: [], warnings: warnings)
        } catch {
            return CollectorPreflight(obstacles: [error.description], warnings: [])
        }
    }

    /// The line for a process that lacks capabilities.
    static func obstacle(missing: [String]) -> String {
        "collectors need \(missing.joined(separator: ", ")): run as root, or grant them (setcap or systemd's AmbientCapabilities)"
    }

    /// What /proc/self/status (its line CapEff) says is missing. CAP_SYS_ADMIN stands for all (capabilities(7)).
    static func missingCapabilities(status: String) -> [String] {
        guard let set = effectiveCapabilities(status: status) else { return ["CAP_BPF", "CAP_PERFMON"] }
        func has(_ capability: UInt64) -> Bool { set & 1 << capability != 0 }
        if has(21) { return [] }  // CAP_SYS_ADMIN
        return [("CAP_BPF", 39), ("CAP_PERFMON", 38)].filter { !has($0.1) }.map(\.0)
    }

    /// The set in the line CapEff of a file like /proc/self/status.
    static func effectiveCapabilities(status: String) -> UInt64? {
        let line = status.split(separator: "\n").first { $0.hasPrefix("CapEff:") }
        return line?.split(whereSeparator: \.isWhitespace).last.flatMap { UInt64($0, radix: 16) }
    }
}

/// Small text files of /proc.
enum ProcFile {
    /// The first 16 KiB of a file; nil where it cannot be read.
    static func read(_ path: String) -> String? {
        let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var bytes = [UInt8](repeating: 0, count: 16_384)
        let count = unsafe bytes.withUnsafeMutableBytes { unsafe Glibc.read(descriptor, $0.baseAddress, $0.count) }
        return count >= 0 ? String(decoding: bytes.prefix(count), as: UTF8.self) : nil
    }

    /// All of a file that grows while it is read, in pieces; nil where it cannot be read, or has more bytes than `most`.
    static func readAll(_ path: String, most: Int) -> [UInt8]? {
        let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var bytes: [UInt8] = []
        var piece = [UInt8](repeating: 0, count: 65_536)
        while bytes.count <= most {
            let count = unsafe piece.withUnsafeMutableBytes { unsafe Glibc.read(descriptor, $0.baseAddress, $0.count) }
            guard count >= 0 else { return nil }
            if count == 0 { return bytes }
            bytes += piece[..<count]
        }
        return nil
    }
}
