import Foundation
import TapioCollectors

@testable import TapioAgent

/// A recorded /proc and /sys of a machine on which everything works, to be spoilt by a test. Removed at the end.
final class DoctorTree: Sendable {
    let root: String

    init() throws {
        root = FileManager.default.temporaryDirectory.appendingPathComponent("tapio-doctor-\(UUID().uuidString)").path
        try write("/proc/sys/kernel/osrelease", "6.12.5-cloud-amd64\n")
        try write("/sys/kernel/btf/vmlinux", "BTF")
        try write("/sys/kernel/security/lockdown", "none [integrity] confidentiality\n")
        try write("/sys/devices/system/cpu/online", "0-3\n")
        try write("/sys/devices/system/clocksource/clocksource0/current_clocksource", "tsc\n")
        try write("/proc/meminfo", "MemTotal:       16384000 kB\nMemFree:  1 kB\n")
        try status(capabilities: "000001ffffffffff")
        try limits(openFiles: "1048576")
        try mounts([
            "tracefs /sys/kernel/tracing tracefs rw 0 0", "bpf /sys/fs/bpf bpf rw 0 0",
            "cgroup2 /sys/fs/cgroup cgroup2 rw 0 0",
        ])
        try write("/proc/self/cgroup", "0::/system.slice/tapio.service\n")
    }

    deinit {
        try? FileManager.default.removeItem(atPath: root)
    }

    func write(_ path: String, _ text: String) throws {
        let file = root + path
        let directory = (file as NSString).deletingLastPathComponent
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        try text.write(toFile: file, atomically: false, encoding: .utf8)
    }

    func remove(_ path: String) throws {
        try FileManager.default.removeItem(atPath: root + path)
    }

    func mounts(_ lines: [String]) throws {
        try write("/proc/self/mounts", lines.joined(separator: "\n") + "\n")
    }

    func status(capabilities: String, uid: Int = 0, namespacePids: String = "77") throws {
        try write(
            "/proc/self/status",
            "Name:\ttapio\nUid:\t\(uid)\t\(uid)\t\(uid)\t\(uid)\nNSpid:\t\(namespacePids)\nCapEff:\t\(capabilities)\n"
        )
    }

    func limits(openFiles: String) throws {
        try write(
            "/proc/self/limits",
            """
            Limit                     Soft Limit           Hard Limit           Units
            Max locked memory         8388608              8388608              bytes
            Max open files            \(openFiles)                1048576              files

            """
        )
    }

    /// The tree with answers to what only a kernel can say.
    func view(
        probe: String? = nil,
        missing: [String: [String]]? = [:],
        needs: [CollectorNeed] = [],
        isSynchronised: Bool? = true,
        space: (free: Int64, total: Int64)? = (100 << 30, 200 << 30),
        mayWrite: Bool = true
    ) -> SystemView {
        SystemView(
            root: root,
            // The tree lives as long as the view.
            probe: { withExtendedLifetime(self) { probe } },
            missingTracepoints: { _ in missing },
            unmetNeeds: { _, _ in needs },
            isClockSynchronised: { isSynchronised },
            space: { _ in space },
            mayWrite: { _ in mayWrite }
        )
    }
}
