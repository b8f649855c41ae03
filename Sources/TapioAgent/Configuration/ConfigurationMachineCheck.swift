import TapioRings
import TapioEvents

/// What is possible elsewhere and not on this machine: the one place for checks that depend on it. `config check`, the start
/// and each reload ask here.
struct ConfigurationMachineCheck {
    let machine: MachineFacts

    /// The rings' share of the memory: the kernel takes it at once and never gives it back.
    private static let mostOfMemory: Int64 = 2

    /// All that does not fit.
    func conflicts(in configuration: AgentConfiguration) -> [ConfigurationConflict] {
        [reader(configuration), readers(configuration), rings(configuration), kubeconfig(configuration)]
            .compactMap { $0 } + ConfigurationConflict.exportFiles(in: configuration)
    }

    private func kubeconfig(_ configuration: AgentConfiguration) -> ConfigurationConflict? {
        let kubernetes = configuration.kubernetes
        guard kubernetes.mode != .off, let path = kubernetes.kubeconfig else { return nil }
        do throws(KubeconfigError) {
            _ = try Kubeconfig.server(path)
            return nil
        } catch {
            return ConfigurationConflict(
                key: "kubernetes.kubeconfig",
                other: "kubernetes.kubeconfig",
                message: error.message,
                remedy: error.remedy
            )
        }
    }

    private func reader(_ configuration: AgentConfiguration) -> ConfigurationConflict? {
        guard let cpu = configuration.reader.cpu, !machine.allowedCPUs.isEmpty, !machine.allowedCPUs.contains(cpu)
        else {
            return nil
        }
        let what =
            machine.onlineCPUs.contains(cpu) ? "is a CPU that the agent may not use" : "is no CPU of this machine"
        return ConfigurationConflict(
            key: "reader.cpu",
            other: "reader.cpu",
            message: "\(cpu) \(what): it must be auto or one of \(Self.list(machine.allowedCPUs))",
            remedy: "name one of them, or auto"
        )
    }

    private func readers(_ configuration: AgentConfiguration) -> ConfigurationConflict? {
        let most = machine.allowedCPUs.count
        guard case .count(let count) = configuration.readers, most > 0, count > most else { return nil }
        return ConfigurationConflict(
            key: "readers",
            other: "readers",
            message: "\(count) are more than the CPUs that the agent may use: it must be auto, per-cpu or 1..\(most)",
            remedy: "lower it"
        )
    }

    private func rings(_ configuration: AgentConfiguration) -> ConfigurationConflict? {
        let limits = [machine.memoryBytes, machine.memoryLimitBytes].compactMap { $0 }
        guard let memory = limits.min(), !machine.onlineCPUs.isEmpty else { return nil }
        let cpus = machine.onlineCPUs.count
        let rings = configuration.rings
        let sum = Int64(cpus) * Int64(rings.urgentBytes + rings.bulkBytes)
        let most = memory / Self.mostOfMemory
        guard sum > most else { return nil }
        let isUrgentGreater = rings.urgentBytes > rings.bulkBytes
        let owner = memory == machine.memoryLimitBytes ? "the control group allows" : "this machine has"
        let share = HumanUnits.bytes(most / Int64(cpus))
        return ConfigurationConflict(
            key: isUrgentGreater ? "rings.urgent_bytes" : "rings.bulk_bytes",
            other: isUrgentGreater ? "rings.bulk_bytes" : "rings.urgent_bytes",
            message:
                "the rings of \(cpus) CPUs take \(HumanUnits.bytes(sum)), more than half of the \(HumanUnits.bytes(memory)) that \(owner): both together must be at most \(share) for each CPU",
            remedy: "make rings.urgent_bytes or rings.bulk_bytes smaller"
        )
    }

    /// `0-3,8`, as the kernel writes it.
    static func list(_ cpus: [Int]) -> String {
        var runs: [ClosedRange<Int>] = []
        for cpu in cpus.sorted() {
            if let last = runs.last, cpu == last.upperBound + 1 {
                runs[runs.count - 1] = last.lowerBound...cpu
            } else {
                runs.append(cpu...cpu)
            }
        }
        return runs.map { $0.count == 1 ? "\($0.lowerBound)" : "\($0.lowerBound)-\($0.upperBound)" }
            .joined(separator: ",")
    }
}
