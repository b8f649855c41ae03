public import TapioEvents
public import TapioKernel

/// One ring of the kernel as a source of records.
public struct KernelRecordSource: RecordSource {
    private let ring: KernelRing
    public let lane: Lane

    /// The records of `ring`.
    public init(_ ring: KernelRing) {
        self.ring = ring
        lane = ring.lane == .urgent ? .urgent : .bulk
    }

    public var cpu: Int { ring.cpu }
    public var pendingBytes: Int { ring.pendingBytes }
    public var capacity: Int { ring.size }

    @inline(__always)
    public func drain(maxRecords: Int, maxBytes: Int, _ body: (RawSpan) -> Void) -> SourceDrain {
        let drained = ring.drain(maxRecords: maxRecords, maxBytes: maxBytes, body)
        return SourceDrain(records: drained.records, bytes: drained.bytes)
    }
}

/// The kernel's rings of some CPUs, for one reader.
public final class KernelRecordPlane: RecordPlane {
    public let sources: [KernelRecordSource]
    private let waiter: RingWaiter

    /// A plane of all rings, or of those of `cpus`.
    ///
    /// With several readers a wake-up may reach the wrong one, which then finds nothing; the right one finds the event at its
    /// next drain.
    ///
    /// - Throws: If the kernel refuses what waiting needs.
    public init(_ plane: KernelPlane, cpus: Set<Int>? = nil) throws(KernelError) {
        waiter = try RingWaiter(plane: plane)
        sources = plane.rings.filter { cpus?.contains($0.cpu) ?? true }.map { KernelRecordSource($0) }
    }

    public func wait(nanoseconds: UInt64) {
        _ = waiter.wait(milliseconds: Int32(clamping: (nanoseconds + 999_999) / 1_000_000))
    }

    public func endWaits() { waiter.stop() }
}
