import TapioEvents

/// How long the reader may stand still before a ring is full: ring bytes ÷ (events per second × bytes of an event).
///
/// The load is an assumption, stated wherever the result is: a busy server's CPU, not a flood that is made to hurt.
struct RingStall {
    /// Bytes of one CPU's ring.
    let ringBytes: Int
    /// Events per second on one CPU.
    let eventsPerSecond: Int
    /// Bytes of an event in the ring, the kernel's 8-byte ring header included.
    let bytesPerEvent: Int

    /// Exec, exit and failed connections: long command lines, short bursts.
    static func urgent(ringBytes: Int) -> RingStall {
        RingStall(ringBytes: ringBytes, eventsPerSecond: 10_000, bytesPerEvent: 512)
    }

    /// Forks, connections and the like: short records, many of them.
    static func bulk(ringBytes: Int) -> RingStall {
        RingStall(ringBytes: ringBytes, eventsPerSecond: 200_000, bytesPerEvent: 168)
    }

    /// Nanoseconds.
    var survivedNs: Int64 { Int64(ringBytes) * 1_000_000_000 / Int64(eventsPerSecond * bytesPerEvent) }

    var text: String {
        let size = HumanUnits.bytes(Int64(ringBytes))
        let load = "\(HumanUnits.count(Int64(eventsPerSecond))) events/s of \(bytesPerEvent) B on it"
        return "\(size) per CPU outlast a stall of \(HumanUnits.duration(ns: survivedNs)) at \(load)"
    }
}
