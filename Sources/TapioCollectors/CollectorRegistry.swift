public import TapioEvents

/// All collectors of this build. A new one is one line here.
public enum CollectorRegistry {
    /// In the order in which they are listed and stopped.
    public static let all: [CollectorDescriptor] = [
        ProcessCollector.descriptor,
        NetworkCollector.descriptor,
        UDPCollector.descriptor,
        DNSCollector.descriptor,
        DropsCollector.descriptor,
        FlowCollector.descriptor,
        StorageCollector.descriptor,
        FileCollector.descriptor,
        SchedulerCollector.descriptor,
        MemoryCollector.descriptor,
        LeakCollector.descriptor,
        SignalCollector.descriptor,
        SyscallCollector.descriptor,
        SecurityCollector.descriptor,
        CgroupCollector.descriptor,
        KubernetesCollector.descriptor,
    ]

    /// The same, with a source for what the cluster's API says.
    public static func all(watching source: any KubernetesSource) -> [CollectorDescriptor] {
        all.map { $0.name == KubernetesCollector.name ? KubernetesCollector.descriptor(watching: source) : $0 }
    }

    /// The collector of that name.
    public static func descriptor(named name: String) -> CollectorDescriptor? {
        all.first { $0.name == name }
    }

    /// The schemas of all collectors: the archive's table has columns for all, whichever run.
    public static let schemas = SchemaRegistry(all.flatMap(\.schemas))
}
