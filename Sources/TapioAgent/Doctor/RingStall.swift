import TapioBPF
import TapioEvents

/// What stall of the reader a ring survives without a loss: exactly, in records of a size, and in time at a given rate.
///
/// The kernel rounds a record and its 8-byte header up to 8, and refuses it when the bytes between the consumer and the
/// end of the record would exceed the ring's size less one. Of a ring that the reader had emptied when it stopped, that is
/// all there is to it: so many records fit, and each further one is lost and counted.
struct RingStall {
    /// Bytes of one CPU's ring.
    let ringBytes: Int
    /// Bytes of a record.
    let recordBytes: Int
    /// Records per second on one CPU.
    let recordsPerSecond: Int

    /// `BPF_RINGBUF_HDR_SZ`, and what records are aligned to.
    private static let headerBytes = 8

    /// The urgent lane's greatest common record, an exec with a long command line, in short bursts: a busy server's CPU, not
    /// a flood that is made to hurt.
    static func urgent(ringBytes: Int) -> RingStall {
        RingStall(ringBytes: ringBytes, recordBytes: 504, recordsPerSecond: 10_000)
    }

    /// The bulk lane's, a connection: short records, many of them.
    static func bulk(ringBytes: Int) -> RingStall {
        RingStall(ringBytes: ringBytes, recordBytes: MemoryLayout<tapio_tcp>.size, recordsPerSecond: 200_000)
    }

    /// Bytes that a record takes of the ring.
    var footprint: Int { (recordBytes + Self.headerBytes + 7) & ~7 }

    /// Bytes that may be taken at a time.
    var usableBytes: Int { ringBytes - 1 }

    /// Records that fit.
    var records: Int { usableBytes / footprint }

    /// Records that are lost when so many come while the reader stands still.
    func lost(of count: Int) -> Int { max(0, count - records) }

    /// Nanoseconds in which no more than ``records`` come at the given rate.
    var survivedNs: Int64 { Int64(records) * 1_000_000_000 / Int64(recordsPerSecond) }

    private func count(_ number: Int) -> String { HumanUnits.count(Int64(number)) }

    /// One line: bytes, records, time, and the load that is assumed for it.
    var text: String {
        let size = HumanUnits.bytes(Int64(ringBytes))
        let greatest = RingStall(ringBytes: ringBytes, recordBytes: Int(TAPIO_RECORD_BYTES), recordsPerSecond: 1)
        let fit =
            "\(count(records)) records of \(count(recordBytes)) B, \(count(greatest.records)) of the greatest, \(count(greatest.recordBytes)) B"
        let time = HumanUnits.duration(ns: survivedNs)
        let load = "\(count(recordsPerSecond))/s of \(count(recordBytes)) B on it"
        return "\(size) per CPU hold \(fit): a stall of \(time) at \(load) loses nothing"
    }
}
