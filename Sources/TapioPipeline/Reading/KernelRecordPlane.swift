public import TapioEvents
public import TapioKernel

/// One ring of the kernel as a source of records.
public struct KernelRecordSource: RecordSource {
    private let ring: KernelRing
    /// The lane that it carries.
    public let lane: Lane

    /// The records of `ring`.
    public init(_ ring: KernelRing) {
        self.ring = ring
        lane = ring.lane == .urgent ? .urgent : .bulk
    }

    /// The CPU that writes it.
    public var cpu: Int { ring.cpu }
    /// Bytes that wait in it.
    public var pendingBytes: Int { ring.pendingBytes }
    /// Bytes that it can hold.
    public var capacity: Int { ring.size }

    /// Hands over what is there; see ``RecordSource``. What can't be true in the ring's memory is skipped and counted by it.
    @inline(__always)
    public func drain(maxRecords: Int, maxBytes: Int, _ body: (RawSpan) -> Void) -> SourceDrain {
        let drained = ring.drain(maxRecords: maxRecords, maxBytes: maxBytes, body)
        return SourceDrain(records: drained.records, bytes: drained.bytes)
    }
}

/// The kernel's rings of some CPUs, for one reader.
public final class KernelRecordPlane: RecordPlane {
    /// All rings of the plane.
    public let sources: [KernelRecordSource]
    private let waiter: RingWaiter

    /// A plane of all rings, or of those of `cpus`.
    ///
    /// - Throws: If the kernel refuses what waiting needs.
    public init(_ plane: KernelPlane, cpus: Set<Int>? = nil) throws(KernelError) {
        waiter = try RingWaiter(plane: plane, cpus: cpus)
        sources = plane.rings.filter { cpus?.contains($0.cpu) ?? true }.map { KernelRecordSource($0) }
    }

    /// Sleeps until something urgent comes, for at most `nanoseconds`, rounded up to milliseconds.
    public func wait(nanoseconds: UInt64) {
        _ = waiter.wait(milliseconds: Int32(clamping: (nanoseconds + 999_999) / 1_000_000))
    }

    /// Ends the wait in progress and all later ones.
    public func endWaits() { waiter.stop() }
}
