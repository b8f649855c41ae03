import TapioBPF
import TapioEvents
import TapioKernel

/// Looks at the files in which alone the kernel tells how near cgroups are to their limits, and how long threads wait for
/// memory.
struct MemoryPoller: CollectorPoller {
    private var options: CollectorOptions
    private var usage = CgroupMemoryUsage()
    private var pressure = MemoryPressure()

    /// A poller for this machine.
    init(options: CollectorOptions) {
        self.options = options
    }

    mutating func reconfigure(_ options: CollectorOptions) { self.options = options }

    mutating func poll(_ object: BPFObject) throws(KernelError) {
        let now = ClockOffset.bootNow()
        for reading in usage.look(nowNs: now, atLeastPercent: options[MemoryCollector.usageAtLeast]) {
            try object.report(reading.record)
        }
        for reading in pressure.look(nowNs: now, atLeastPercent: options[MemoryCollector.pressureAtLeast]) {
            try object.report(reading.record)
        }
    }
}
