import CTapioSystem
import Glibc
import Logging
import TapioArchive
import TapioCollectors

extension Agent {
    /// How long a thread may take until it has dropped what it shall drop: one that is held up by a disk needs a while.
    private static let dropLimitNs: UInt64 = 5_000_000_000

    /// Drops the capabilities that nothing needs once everything is attached, in all threads, and sets no_new_privs. The
    /// process's other work goes on with what is left, so only a process that is nothing but an agent calls this.
    /// Nothing is taken for granted: what is left is read back from the kernel.
    public func dropPrivileges() {
        var before = tapio_privileges()
        guard unsafe tapio_privileges_read(&before) == 0 else {
            logger.error("capabilities cannot be read, so all are kept: is /proc mounted?")
            return
        }
        let plan = PrivilegePlan(held: before.permitted, circumstances)
        let result = tapio_privileges_drop(plan.kept, Self.dropLimitNs)
        var after = tapio_privileges()
        guard unsafe tapio_privileges_read(&after) == 0 else {
            logger.error("what capabilities are left cannot be read: is /proc mounted?")
            return
        }
        var report = StatusReport.Privileges()
        report.uid = UInt32(geteuid())
        report.kept = CapabilityNames.names(in: after.permitted)
        report.dropped = CapabilityNames.names(in: before.permitted & ~after.permitted)
        report.bounding = CapabilityNames.names(in: after.bounding)
        report.noNewPrivileges = after.no_new_privileges == 1
        droppedCapabilities = before.permitted & ~after.permitted
        if result != 0 {
            let reason = unsafe String(cString: strerror(-result))
            report.problem = "not all threads dropped their capabilities (\(reason)): restart the agent"
            logger.error("\(report.problem ?? "")")
        } else {
            logger.info("\(report.line)")
        }
        privileges = report
    }

    /// What the configuration would need and the agent has dropped: a line, or nil.
    func privilegeShortfall() -> String? {
        let lost = droppedCapabilities & PrivilegePlan.needed(held: ~0, circumstances)
        guard lost != 0 else { return nil }
        let names = CapabilityNames.names(in: lost).map { "CAP_\($0.uppercased())" }.joined(separator: ", ")
        return
            "a restart is needed: what is wanted now takes \(names) (docs/privileges.md), which went once the agent had started without need of it"
    }

    private var circumstances: PrivilegePlan.Circumstances {
        PrivilegePlan.Circumstances(
            perfEventParanoid: SystemView.real.perfEventParanoid,
            followsHeaps: configuration.wantedCollectors["leak"] != nil,
            ownsArchive: [configuration.archive.path, archive.directory].allSatisfy(Self.isOwn)
        )
    }

    private static func isOwn(_ path: String) -> Bool {
        var status = stat()
        return unsafe stat(path, &status) == 0 && status.st_uid == geteuid()
    }
}
