public import TapioEvents
import TapioRings

/// What one reader takes out of its rings, on its way into a recording.
///
/// Unchecked: all but ``init`` is called by the reader's thread alone, which calls one method at a time.
public final class ReaderTape: @unchecked Sendable {
    private let reader: UInt8
    private let recorder: Recorder
    private let enrichment: any EnrichmentLookup
    private let aggregation: AggregationSwitch
    private let kinds: [EventKind]
    private var seenSwitches: UInt64?
    private var drain: RecordedDrain
    private var records = 0
    /// Where the id of the record under way is to be.
    private var idPlace: Int?
    private var words: Set<UInt64> = []
    private var lastWord: UInt64 = 0
    /// What the recording says that numbers mean.
    private var owners: [UInt16: [[UInt8]]] = [:]
    private var names: [UInt16: [UInt8]] = [:]
    private var services: [UInt16: [UInt8]] = [:]

    /// A tape of the reader with this number.
    public init(
        reader: Int,
        recorder: Recorder,
        enrichment: any EnrichmentLookup,
        aggregation: AggregationSwitch,
        registry: SchemaRegistry
    ) {
        let number = UInt8(truncatingIfNeeded: reader)
        self.reader = number
        self.recorder = recorder
        self.enrichment = enrichment
        self.aggregation = aggregation
        kinds = registry.schemas.map(\.kind)
        drain = RecordedDrain(reader: number, lane: .bulk, cpu: 0, nowNs: 0, records: [])
    }

    func begin(lane: Lane, cpu: Int) {
        drain.lane = lane
        drain.cpu = UInt16(truncatingIfNeeded: cpu)
        drain.nowNs = MonotonicClock.monotonicNs
        drain.records.removeAll(keepingCapacity: true)
        words.removeAll(keepingCapacity: true)
        lastWord = 0
        records = 0
    }

    func note(_ record: RawSpan) {
        idPlace = drain.records.count
        drain.records.append(contentsOf: repeatElement(0, count: 8))
        unsafe withUnsafeBytes(of: UInt64(record.byteCount).littleEndian) {
            unsafe drain.records.append(contentsOf: $0)
        }
        unsafe record.withUnsafeBytes { unsafe drain.records.append(contentsOf: $0) }
        drain.records.append(contentsOf: repeatElement(0, count: -record.byteCount & 7))
        records += 1
    }

    /// What the reader was told of the record under way.
    func note(_ id: EnrichmentID) {
        guard let place = idPlace else { return }
        idPlace = nil
        for byte in 0..<8 {
            drain.records[place + byte] = UInt8(truncatingIfNeeded: id.word >> UInt64(8 * byte))
        }
        if id.word != lastWord {
            words.insert(id.word)
            lastWord = id.word
        }
    }

    /// Hands the drain over.
    func end() {
        idPlace = nil
        guard records > 0 else { return }
        var frames: [RecordingFrame] = []
        let switches = aggregation.changeCount
        if switches != seenSwitches {
            frames.append(.aggregation(reader: reader, kinds.filter(aggregation.isOn)))
        }
        frames += meanings(of: words)
        frames.append(.drain(drain))
        if recorder.submit(frames, records: records) {
            seenSwitches = switches
            learn(frames)
        }
    }

    /// What became known of a record that had been handed over.
    func noteLater(_ record: RawSpan, _ id: EnrichmentID) {
        let frames = meanings(of: [id.word]) + [.later(RecordKey(record), reader: reader, id.word)]
        if recorder.submit(frames, records: 0) { learn(frames) }
    }

    /// What the recording does not say yet of these ids.
    private func meanings(of words: Set<UInt64>) -> [RecordingFrame] {
        guard !words.isEmpty else { return [] }
        let table = enrichment.table
        var frames: [RecordingFrame] = []
        var seen: Set<RecordingFrame> = []
        func add(_ frame: RecordingFrame) {
            if seen.insert(frame).inserted { frames.append(frame) }
        }
        for word in words.sorted() {
            let owner = UInt16(truncatingIfNeeded: word)
            let name = UInt16(truncatingIfNeeded: word >> 16)
            let service = UInt16(truncatingIfNeeded: word >> 32)
            if Int(owner) < table.entries.count, owners[owner] != table.entries[Int(owner)] {
                add(.owner(reader: reader, owner, table.entries[Int(owner)]))
            }
            if name >= TextTable.firstText, names[name] != table.names[name] {
                add(.name(reader: reader, name, table.names[name]))
            }
            if service >= TextTable.firstText, services[service] != table.services[service] {
                add(.service(reader: reader, service, table.services[service]))
            }
        }
        return frames
    }

    private func learn(_ frames: [RecordingFrame]) {
        for frame in frames {
            switch frame {
            case .owner(_, let number, let values): owners[number] = values
            case .name(_, let number, let text): names[number] = text
            case .service(_, let number, let text): services[number] = text
            default: continue
            }
        }
    }
}
