import TapioKernel

/// What a collector does from time to time: looks at files in which alone the kernel tells something, runs programs that look
/// through their maps. Used by one actor at a time.
protocol CollectorPoller: Sendable {
    /// Does it once, with the collector's object, which is attached.
    mutating func poll(_ object: BPFObject) throws(KernelError)
    /// Takes new options over; it is polled at once then.
    mutating func reconfigure(_ options: CollectorOptions)
    /// What it could not do when it was last polled, and what the kernel granted it; lines of ``CollectorHealth``.
    var problems: [String] { get }
    var notes: [String] { get }
}

extension CollectorPoller {
    mutating func reconfigure(_ options: CollectorOptions) {}
    var problems: [String] { [] }
    var notes: [String] { [] }
}
