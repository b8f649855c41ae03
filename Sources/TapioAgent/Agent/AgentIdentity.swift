import Glibc
import TapioArchive
import TapioEvents

/// Who this run of the agent is: goes into each segment.
struct AgentIdentity: Sendable {
    let bootID: String
    let runID: String

    /// This boot's id, and a fresh id for this run.
    static func current() -> AgentIdentity {
        AgentIdentity(bootID: readBootID(), runID: RecordText.hex(UInt64.random(in: 0...UInt64.max)))
    }

    func archiveIdentity(_ configuration: AgentConfiguration, clock: ClockOffset) -> ArchiveIdentity {
        ArchiveIdentity(
            node: configuration.nodeName,
            bootID: bootID,
            runID: runID,
            clockOffsetNs: clock.utcMinusBootNs,
            schemaVersion: "1",
            configHash: configuration.fingerprintText,
            createdBy: "tapio version \(TapioVersion.current)"
        )
    }

    /// From random(4); zeros where /proc is not to be had.
    private static func readBootID() -> String {
        let none = "00000000-0000-0000-0000-000000000000"
        let descriptor = unsafe open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return none }
        defer { close(descriptor) }
        var bytes = [UInt8](repeating: 0, count: 64)
        let count = unsafe bytes.withUnsafeMutableBytes { unsafe read(descriptor, $0.baseAddress, $0.count) }
        guard count >= 36 else { return none }
        return String(decoding: bytes[..<36], as: UTF8.self)
    }
}
