import TapioArchive
public import TapioEvents

// A recording: what the readers took out of the rings, and what they were told about it, in the order in which it was taken.
//
//     file  = "TAPIOREC" 0A 00 00 00 01 00 00 00 frame*
//     frame = length(4) type(1) 0(3) check(8) payload                                     all numbers little-endian
//     check = xxh64(payload, seed: ordinal · 2^40 + length · 2^8 + type)
//
// The ordinal counts frames, so that one that is missing, twice, or at another place is found as well. Frames, by type:
//   1 facts        once, first: JSON of the agent's own
//   2 clock        offset(8): UTC minus boot time from here on, ns
//   3 aggregation  reader(1) kind(1)*: the kinds that the reader merges from here on
//   4 owner        reader(1) number(2) (length(2) bytes)*: what the number of an owner means from here on, for that reader
//   5 name         reader(1) number(2) bytes: the same of a name
//   6 service      reader(1) number(2) bytes: the same of a service
//   7 drain        reader(1) lane(1) cpu(2) now(8) (id(8) length(8) bytes, to a multiple of 8)*: records of one ring,
//                and what was known of each
//   8 later        reader(1) lane(1) cpu(2) sequence(8) id(8): what was known of a record when its batch was handed over
//   9 end          once, last: records(8) dropped(8): what is in the file, and what found no place in it
//  10 counts       once, before the end: (kind(1) attempted(8) filtered(8) sampled out(8) counted only(8) ring full(8)
//                  submitted(8))*: what the kernel's programs counted from the agent's start to its stop

/// What a recording holds, piece by piece.
public enum RecordingFrame: Sendable, Hashable {
    /// What the agent says of itself.
    case facts([UInt8])
    /// UTC minus boot time from here on, nanoseconds.
    case clock(Int64)
    /// The kinds that a reader merges from here on.
    case aggregation(reader: UInt8, [EventKind])
    /// The values of an owner's number, by ``EnrichmentColumn``.
    case owner(reader: UInt8, UInt16, [[UInt8]])
    /// A name's number.
    case name(reader: UInt8, UInt16, [UInt8])
    /// A service's number.
    case service(reader: UInt8, UInt16, [UInt8])
    /// Records of one ring.
    case drain(RecordedDrain)
    /// What became known of a record before its batch was handed over.
    case later(RecordKey, reader: UInt8, UInt64)
    /// What the kernel's programs counted.
    case counts([RecordedCounts])
    /// The end.
    case end(RecordingTotals)
}

/// What the kernel's programs counted of a kind from the agent's start to its stop. As in ``LedgerEntry``.
public struct RecordedCounts: Sendable, Hashable {
    /// The kind.
    public var kind: EventKind
    /// Events that a probe decided about.
    public var attempted: UInt64
    /// Turned away by a filter.
    public var filtered: UInt64
    /// Not kept by the keep probability.
    public var sampledOut: UInt64
    /// The part of them at a probability of 0.
    public var countedOnly: UInt64
    /// Lost because the ring had no room.
    public var ringFull: UInt64
    /// Handed over through a ring.
    public var submitted: UInt64

    /// The kernel's part of an entry of the ledger.
    public init(_ kind: EventKind, _ entry: LedgerEntry) {
        self.kind = kind
        attempted = entry.attempted
        filtered = entry.filtered
        sampledOut = entry.sampledOut
        countedOnly = entry.countedOnly
        ringFull = entry.ringFull
        submitted = entry.submitted
    }

    /// Puts them into an entry.
    public func store(in entry: inout LedgerEntry) {
        entry.attempted = attempted
        entry.filtered = filtered
        entry.sampledOut = sampledOut
        entry.countedOnly = countedOnly
        entry.ringFull = ringFull
        entry.submitted = submitted
    }
}

/// Records that were taken out of a ring at once.
public struct RecordedDrain: Sendable, Hashable {
    /// The reader.
    public var reader: UInt8
    /// The ring's lane.
    public var lane: Lane
    /// The ring's CPU.
    public var cpu: UInt16
    /// Monotonic time, nanoseconds.
    public var nowNs: UInt64
    /// The records: enrichment id (8), length (8), bytes, and zeros up to a multiple of 8: whoever reads records in place needs
    /// them where a ring would have them.
    public var records: [UInt8]

    /// Calls `body` for each record with the word of its enrichment id. False where the lengths don't add up.
    func forEach(_ body: (RawSpan, UInt64) throws -> Void) rethrows -> Bool {
        let bytes = unsafe records.span.bytes
        var offset = 0
        while offset < bytes.byteCount {
            guard offset + 16 <= bytes.byteCount else { return false }
            let id = bytes.uint64(at: offset)
            let room = bytes.byteCount - offset - 16
            guard let length = Int(exactly: bytes.uint64(at: offset + 8)), length <= room else { return false }
            let next = offset + 16 + (length + 7) & ~7
            guard next <= bytes.byteCount else { return false }
            try body(bytes.extracting(offset + 16..<offset + 16 + length), id)
            offset = next
        }
        return true
    }
}

/// Tells records of one run apart.
public struct RecordKey: Sendable, Hashable {
    /// The ring's lane, by number.
    public var lane: UInt8
    /// The ring's CPU.
    public var cpu: UInt16
    /// The record's number in it.
    public var sequence: UInt64

    init(lane: UInt8, cpu: UInt16, sequence: UInt64) {
        self.lane = lane
        self.cpu = cpu
        self.sequence = sequence
    }

    /// Of a record that passed its checks.
    init(_ record: RawSpan) {
        lane = (Priority(rawValue: record.uint8(at: RecordCheck.kindOffset + 1)) ?? .low).lane.rawValue
        cpu = UInt16(record.uint8(at: 44)) | UInt16(record.uint8(at: 45)) << 8
        sequence = record.uint64(at: 8)
    }
}

/// What is in a recording.
public struct RecordingTotals: Sendable, Hashable {
    /// Records in it.
    public var records: UInt64 = 0
    /// Records that found no place: the file was full, or the disk too slow.
    public var dropped: UInt64 = 0

    /// Nothing.
    public init() {}
}

/// Why there is no recording, or no more of it.
public struct RecordingError: Error, Sendable, CustomStringConvertible {
    /// One line: what, where, what to do.
    public let description: String

    /// An error of these words.
    public init(_ description: String) { self.description = description }
}

extension RecordingFrame {
    /// How a file begins: its name, and the version of the format.
    static let magic: [UInt8] = Array("TAPIOREC".utf8) + [0x0A, 0, 0, 0, 1, 0, 0, 0]
    static let headerBytes = 16
    /// No frame is longer: a drain is at most 16,384 records, as large as a quarter of this.
    static let mostBytes = 64 << 20

    var type: UInt8 {
        switch self {
        case .facts: 1
        case .clock: 2
        case .aggregation: 3
        case .owner: 4
        case .name: 5
        case .service: 6
        case .drain: 7
        case .later: 8
        case .end: 9
        case .counts: 10
        }
    }

    var payload: [UInt8] {
        var bytes: [UInt8] = []
        func put(_ number: some FixedWidthInteger) {
            for shift in stride(from: 0, to: number.bitWidth, by: 8) {
                bytes.append(UInt8(truncatingIfNeeded: number >> shift))
            }
        }
        switch self {
        case .facts(let text): return text
        case .clock(let offset): put(offset)
        case .aggregation(let reader, let kinds): bytes = [reader] + kinds.map(\.rawValue)
        case .owner(let reader, let number, let values):
            put(reader)
            put(number)
            for value in values {
                let kept = value.prefix(Int(UInt16.max))
                put(UInt16(kept.count))
                bytes += kept
            }
        case .name(let reader, let number, let text), .service(let reader, let number, let text):
            put(reader)
            put(number)
            bytes += text
        case .drain(let drain):
            put(drain.reader)
            put(drain.lane.rawValue)
            put(drain.cpu)
            put(drain.nowNs)
            bytes += drain.records
        case .later(let key, let reader, let id):
            put(reader)
            put(key.lane)
            put(key.cpu)
            put(key.sequence)
            put(id)
        case .counts(let counts):
            for count in counts {
                put(count.kind.rawValue)
                for number in [count.attempted, count.filtered, count.sampledOut] { put(number) }
                for number in [count.countedOnly, count.ringFull, count.submitted] { put(number) }
            }
        case .end(let totals):
            put(totals.records)
            put(totals.dropped)
        }
        return bytes
    }

    static func check(_ payload: [UInt8], type: UInt8, ordinal: UInt64) -> UInt64 {
        XXHash64.hash(payload, seed: ordinal << 40 &+ UInt64(payload.count) << 8 &+ UInt64(type))
    }

    /// The frame as bytes.
    static func encode(type: UInt8, payload: [UInt8], ordinal: UInt64) -> [UInt8] {
        var bytes: [UInt8] = []
        for shift in [0, 8, 16, 24] { bytes.append(UInt8(truncatingIfNeeded: payload.count >> shift)) }
        bytes += [type, 0, 0, 0]
        let check = check(payload, type: type, ordinal: ordinal)
        for shift in stride(from: 0, to: 64, by: 8) { bytes.append(UInt8(truncatingIfNeeded: check >> shift)) }
        return bytes + payload
    }

    /// Takes a payload apart; nil where it is not what its type says.
    init?(type: UInt8, payload: [UInt8]) {
        func number(_ offset: Int, _ size: Int) -> UInt64 {
            payload[offset..<offset + size].reversed().reduce(0) { $0 << 8 | UInt64($1) }
        }
        switch type {
        case 1: self = .facts(payload)
        case 2:
            guard payload.count == 8 else { return nil }
            self = .clock(Int64(bitPattern: number(0, 8)))
        case 3:
            guard let reader = payload.first else { return nil }
            self = .aggregation(reader: reader, payload.dropFirst().map { EventKind(rawValue: $0) })
        case 4:
            guard payload.count >= 3 else { return nil }
            var values: [[UInt8]] = []
            var offset = 3
            while offset < payload.count {
                guard offset + 2 <= payload.count else { return nil }
                let end = offset + 2 + Int(number(offset, 2))
                guard end <= payload.count else { return nil }
                values.append(Array(payload[offset + 2..<end]))
                offset = end
            }
            guard values.count == EnrichmentColumn.allCases.count else { return nil }
            self = .owner(reader: payload[0], UInt16(number(1, 2)), values)
        case 5, 6:
            guard payload.count >= 3, number(1, 2) >= UInt64(TextTable.firstText) else { return nil }
            let text = Array(payload[3...])
            let place = UInt16(number(1, 2))
            self = type == 5 ? .name(reader: payload[0], place, text) : .service(reader: payload[0], place, text)
        case 7:
            guard payload.count >= 12, let lane = Lane(rawValue: payload[1]) else { return nil }
            let drain = RecordedDrain(
                reader: payload[0],
                lane: lane,
                cpu: UInt16(number(2, 2)),
                nowNs: number(4, 8),
                records: Array(payload[12...])
            )
            guard drain.forEach({ _, _ in }) else { return nil }
            self = .drain(drain)
        case 8:
            guard payload.count == 20 else { return nil }
            let key = RecordKey(lane: payload[1], cpu: UInt16(number(2, 2)), sequence: number(4, 8))
            self = .later(key, reader: payload[0], number(12, 8))
        case 9:
            guard payload.count == 16 else { return nil }
            var totals = RecordingTotals()
            totals.records = number(0, 8)
            totals.dropped = number(8, 8)
            self = .end(totals)
        case 10:
            guard payload.count % 49 == 0 else { return nil }
            self = .counts(
                stride(from: 0, to: payload.count, by: 49).map { offset in
                    var entry = LedgerEntry()
                    entry.attempted = number(offset + 1, 8)
                    entry.filtered = number(offset + 9, 8)
                    entry.sampledOut = number(offset + 17, 8)
                    entry.countedOnly = number(offset + 25, 8)
                    entry.ringFull = number(offset + 33, 8)
                    entry.submitted = number(offset + 41, 8)
                    return RecordedCounts(EventKind(rawValue: payload[offset]), entry)
                }
            )
        default: return nil
        }
    }
}
