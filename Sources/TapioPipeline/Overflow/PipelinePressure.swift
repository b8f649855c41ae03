public import TapioEvents

/// What presses a pipeline at one time, as its parts tell it. Counts are never reset.
public struct PipelinePressure: Sendable, Hashable {
    /// The rings of a lane.
    public struct Rings: Sendable, Hashable {
        /// Fill of the fullest ring, the most since the last look: 0…1.
        public var peak = 0.0
        /// The same at last.
        public var latest = 0.0
        /// Records that the readers took.
        public var taken: UInt64 = 0

        /// Empty rings.
        public init() {}
    }

    /// Critical and high.
    public var urgent = Rings()
    /// Normal and low.
    public var bulk = Rings()
    /// The readers' looks at all rings.
    public var passes: UInt64 = 0
    /// Those, by ring, that could take no bulk for want of a place or of memory.
    public var blockedPasses: UInt64 = 0
    /// Bytes of one full batch.
    public var batchBytes = 0
    /// Bytes of batches that wait for an encoder.
    public var queuedBytes = 0
    /// The most that may wait.
    public var queuedBound = 1
    /// Encoded batches that wait to be written.
    public var encoded = EncodedBacklog(batches: 0, bytes: 0, oldestSentNs: nil)
    /// The most bytes of them.
    public var encodedBound = 1
    /// The most of them.
    public var encodedBatchesBound = 1

    /// No pressure.
    public init() {}

    /// The rings of a lane.
    public subscript(lane: Lane) -> Rings {
        get { lane == .urgent ? urgent : bulk }
        set { if lane == .urgent { urgent = newValue } else { bulk = newValue } }
    }

    /// What may wait of `total` bytes of batches where so many are filled or encoded, and a quarter is urgent's alone.
    func queueBound(total: Int, inTransit: Int) -> Int {
        max(batchBytes, total - total / 4 - inTransit * batchBytes, 1)
    }
}

/// Turns what the parts count into what happened since the last look. A pure value.
public struct PressureMeter: Sendable {
    /// What others count; never reset.
    public struct Counts: Sendable, Hashable {
        /// Events of critical and high priority that found no room in a ring.
        public var urgentLost: UInt64 = 0
        /// Events of normal and low priority that found none.
        public var bulkLost: UInt64 = 0
        /// Rows that were written, or failed to be.
        public var departed: UInt64 = 0

        /// None.
        public init() {}
    }

    private var last: (pressure: PipelinePressure, counts: Counts)?

    /// A meter whose first reading begins at zero.
    public init() {}

    /// What happened since the last call.
    ///
    /// - Parameter nowNs: Monotonic time.
    public mutating func reading(_ pressure: PipelinePressure, _ counts: Counts, nowNs: UInt64) -> PressureReading {
        let before = last ?? (PipelinePressure(), Counts())
        last = (pressure, counts)
        var reading = PressureReading()
        reading.urgentRings = PressureReading.Rings(
            peak: pressure.urgent.peak,
            latest: pressure.urgent.latest,
            lost: counts.urgentLost &- before.counts.urgentLost,
            taken: pressure.urgent.taken &- before.pressure.urgent.taken
        )
        reading.bulkRings = PressureReading.Rings(
            peak: pressure.bulk.peak,
            latest: pressure.bulk.latest,
            lost: counts.bulkLost &- before.counts.bulkLost,
            taken: pressure.bulk.taken &- before.pressure.bulk.taken
        )
        reading.departed = counts.departed &- before.counts.departed

        // One batch that waits while another is encoded is how it goes.
        let waiting = max(0, pressure.queuedBytes - pressure.batchBytes)
        let passes = Double(pressure.passes &- before.pressure.passes)
        let blocked = Double(pressure.blockedPasses &- before.pressure.blockedPasses)
        reading.batches = PressureReading.Backlog(
            bytes: pressure.queuedBytes,
            bound: pressure.queuedBound,
            fill: max(Double(waiting) / Double(max(1, pressure.queuedBound)), passes > 0 ? blocked / passes : 0)
        )
        let encoded = pressure.encoded
        let byNumber = Double(encoded.batches - 1) / Double(max(1, pressure.encodedBatchesBound - 1))
        let byBytes = Double(encoded.bytes) / Double(max(1, pressure.encodedBound))
        reading.export = PressureReading.Backlog(
            bytes: encoded.bytes,
            bound: pressure.encodedBound,
            fill: encoded.batches > 1 ? max(byNumber, byBytes) : 0
        )
        reading.exportAgeNs = encoded.oldestSentNs.map { nowNs > $0 ? nowNs - $0 : 0 } ?? 0
        return reading
    }
}
