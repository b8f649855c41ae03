import CTapioSystem
import Foundation
import Glibc
public import TapioCollectors
import TapioKernel

/// The machine as the doctor looks at it: files of /proc and /sys, and the few questions that only the kernel answers.
/// Tests give it a recorded tree and answers.
public struct SystemView: Sendable {
    /// Where `/proc` and `/sys` are; empty for the real ones.
    public var root: String
    /// Loads the smallest BPF program: nil where that works, else one line that says why not.
    public var probe: @Sendable () -> String?
    /// For each collector, the tracepoints that the kernel lacks; nil where it does not say (no BTF).
    public var missingTracepoints: @Sendable ([CollectorDescriptor]) -> [String: [String]]?
    /// What a collector with these options needs otherwise and does not find.
    public var unmetNeeds: @Sendable (CollectorDescriptor, CollectorOptions) -> [CollectorNeed]
    /// Whether the clock is kept right by NTP or the like; nil where that is not known.
    public var isClockSynchronised: @Sendable () -> Bool?
    /// Bytes that are free and in total on the file system of a path or its nearest parent; nil where that is not known.
    public var space: @Sendable (String) -> (free: Int64, total: Int64)?
    /// Whether this user may write into a directory, or make it in its nearest parent.
    public var mayWrite: @Sendable (String) -> Bool
    /// Variables of this process.
    public var environment: [String: String] = [:]

    /// This machine.
    public static let real = SystemView(
        root: "",
        probe: { KernelSupport.probe()?.description },
        missingTracepoints: { descriptors in
            guard let catalog = try? TracepointCatalog() else { return nil }
            return Dictionary(
                descriptors.map { descriptor in
                    (descriptor.name, descriptor.tracepoints.filter { !catalog.contains($0) }.map(\.name))
                },
                uniquingKeysWith: { first, _ in first }
            )
        },
        unmetNeeds: { $0.unmetNeeds($1) },
        isClockSynchronised: {
            let answer = tapio_clock_is_synchronised()
            return answer < 0 ? nil : answer == 1
        },
        space: { path in
            var facts = statvfs()
            guard unsafe statvfs(nearestParent(of: path), &facts) == 0 else { return nil }
            let unit = Int64(clamping: facts.f_frsize)
            return (Int64(clamping: facts.f_bavail) &* unit, Int64(clamping: facts.f_blocks) &* unit)
        },
        mayWrite: { path in unsafe access(nearestParent(of: path), W_OK | X_OK) == 0 },
        environment: ConfigurationSources.processEnvironment
    )

    /// The first 64 KiB of a file as text without the line feed at its end; nil where it cannot be read.
    func text(_ path: String) -> String? {
        guard let file = FileHandle(forReadingAtPath: root + path) else { return nil }
        defer { try? file.close() }
        guard let data = try? file.read(upToCount: 65_536) else { return nil }
        var text = String(decoding: data, as: UTF8.self)
        while text.last?.isWhitespace == true { text.removeLast() }
        return text
    }

    /// Whether there is such a file.
    func exists(_ path: String) -> Bool { unsafe access(root + path, F_OK) == 0 }

    private static func nearestParent(of path: String) -> String {
        var path = path
        while unsafe !path.isEmpty && access(path, F_OK) != 0 {
            path = String(path[..<(path.lastIndex(of: "/") ?? path.startIndex)])
        }
        return path.isEmpty ? "/" : path
    }
}
