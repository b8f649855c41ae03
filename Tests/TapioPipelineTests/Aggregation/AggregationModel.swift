import TapioBPF
import TapioEvents

@testable import TapioPipeline

/// Records of kinds that can be aggregated, of few groups, so that there is something to merge.
struct GroupedRecords {
    private let registry: SchemaRegistry
    private let schemas: [EventSchema]
    var source: RandomRecords
    /// How many values each column of a grouping key has.
    private let variety: UInt8
    private var keep = UInt32(TAPIO_KEEP_ALL)
    private var timeNs: UInt64 = 1_000_000_000

    init(_ registry: SchemaRegistry, seed: UInt64, variety: UInt8) {
        self.registry = registry
        self.variety = variety
        schemas = registry.schemas.filter { $0.aggregation != nil }
        source = RandomRecords(registry, seed: seed)
    }

    /// A record whose columns of the grouping key have few values, all others any.
    mutating func next() -> [UInt8] {
        let schema = schemas.randomElement(using: &source.random)!
        var record = source.next(schema)
        for field in schema.aggregationKey!.fields { fill(field, in: &record) }
        if UInt8.random(in: 0..<200, using: &source.random) == 0 {
            keep = [1 << 30, 1 << 29, 1 << 27].randomElement(using: &source.random)!
        }
        put(keep, at: RecordCheck.keepOffset, in: &record)
        // Now and then a little back: the rings of several CPUs are read one after the other.
        timeNs = timeNs &+ UInt64.random(in: 0...1000, using: &source.random) &- 200
        put(timeNs, at: 0, in: &record)
        if let at = schema.aggregationKey!.measureOffset {
            let measures: [UInt64] = [0, 1, 3, 4, 7, 1_000, 123_456_789, 1 << 40, .max, .max >> 1]
            let isAny = Bool.random(using: &source.random)
            let any = UInt64.random(in: 0...10_000_000, using: &source.random)
            put(isAny ? any : measures.randomElement(using: &source.random)!, at: at, in: &record)
        }
        return record
    }

    private mutating func fill(_ field: Field, in record: inout [UInt8]) {
        let value = UInt8.random(in: 0..<variety, using: &source.random)
        switch field.source {
        case .uint8(let at): record[at] = value
        case .symbol(let at, let names): record[at] = value % UInt8(min(names.count, 255))
        case .uint16(let at): put(UInt16(value) << 8, at: at, in: &record)
        case .uint32(let at): put(UInt32(value) << 24, at: at, in: &record)
        case .uint64(let at): put(UInt64(value) << 56, at: at, in: &record)
        case .paddedString(let at, let count):
            for index in 0..<count { record[at + index] = index == count - 2 ? 0x61 + value : 0x61 }
        case .ipAddress(let at): for index in 0..<16 { record[at + index] = index == 0 || index == 15 ? value : 0 }
        default: break
        }
    }

    private func put<Number: FixedWidthInteger>(_ value: Number, at: Int, in record: inout [UInt8]) {
        withUnsafeBytes(of: value) { for (index, byte) in $0.enumerated() { record[at + index] = byte } }
    }
}

/// What aggregation has to do, the slow way: groups by the values of columns, in a dictionary.
struct AggregationModel {
    /// The values of a kind's grouping key.
    struct Key: Hashable {
        var values: [String: EventValue]
    }

    /// Events that were merged, or that a summary says were.
    struct Merged: Hashable {
        var count: UInt64 = 0
        var weight: Double = 0
        var firstNs = Int64.max
        var lastNs = Int64.min
        var measures: [UInt64] = []
        var keep: UInt32 = 0
    }

    private let registry: SchemaRegistry
    private let decoder: RecordDecoder
    private let clock = ClockOffset(utcMinusBootNs: 0)
    /// Groups of the open window, with what was merged and not told.
    private(set) var groups: [Key: Merged] = [:]
    /// What has to be told, in order.
    private(set) var told: [Key: [Merged]] = [:]

    init(_ registry: SchemaRegistry) {
        self.registry = registry
        decoder = RecordDecoder(registry)
    }

    /// The group of an event or of a summary.
    func key(of record: RawSpan) -> Key {
        let event = decoder.decode(record, clock: clock)
        let schema = registry.schema(of: EventKind(rawValue: record.uint8(at: RecordCheck.kindOffset)))!
        let aggregation = schema.aggregation!
        var names = aggregation.key
        if let exception = aggregation.exception, event[exception.column] == .string(exception.text) {
            names = exception.key
        }
        return Key(
            values: Dictionary(uniqueKeysWithValues: (["kind", "priority"] + names).map { ($0, event[$0]) })
        )
    }

    /// A measure as summaries have it; nil where there is none.
    func measure(of record: RawSpan) -> UInt64? {
        let schema = registry.schema(of: EventKind(rawValue: record.uint8(at: RecordCheck.kindOffset)))!
        guard let name = schema.aggregation?.measure,
            let field = schema.fields.first(where: { $0.column.name == name }),
            case .uint64(let at) = field.source
        else { return nil }
        let value = record.uint64(at: at)
        if value == .max && field.absence == .allOnes { return nil }
        return min(value, UInt64(Int64.max))
    }

    /// Adds an event; whether it is merged.
    mutating func merges(_ record: RawSpan) -> Bool {
        let key = key(of: record)
        let keep = record.uint32(at: RecordCheck.keepOffset)
        guard let group = groups[key] else {
            groups[key] = Merged(keep: keep)
            return false
        }
        if group.keep != keep {
            tell(key)
            groups[key] = Merged(keep: keep)
        }
        var merged = groups[key]!
        merged.count += 1
        merged.weight += RecordText.weight(keep: keep)
        merged.firstNs = min(merged.firstNs, record.int64(at: 0))
        merged.lastNs = max(merged.lastNs, record.int64(at: 0))
        if let measure = measure(of: record) { merged.measures.append(measure) }
        groups[key] = merged
        return true
    }

    /// Ends the window.
    mutating func flush() {
        for key in groups.keys { tell(key) }
        groups.removeAll()
    }

    private mutating func tell(_ key: Key) {
        if let merged = groups[key], merged.count > 0 { told[key, default: []].append(merged) }
    }
}

/// A summary as a batch holds it, in the words of the model.
struct ToldSummary: Hashable {
    var key: AggregationModel.Key
    var count: UInt64
    var weight: Double
    var firstNs: Int64
    var lastNs: Int64
    var min: EventValue
    var max: EventValue
    var sum: EventValue
    var histogram: EventValue

    init(_ record: RawSpan, _ model: AggregationModel, _ registry: SchemaRegistry) {
        let event = RecordDecoder(registry).decode(record, clock: ClockOffset(utcMinusBootNs: 0))
        key = model.key(of: record)
        count = if case .int(let count) = event["agg_count"] { UInt64(count) } else { 0 }
        weight = if case .double(let weight) = event["weight"] { weight } else { -1 }
        firstNs = record.int64(at: 0)
        let schema = registry.schema(of: EventKind(rawValue: record.uint8(at: RecordCheck.kindOffset)))!
        lastNs = record.int64(at: schema.summaryOffset + MemoryLayout<tapio_summary>.offset(of: \.last_ns)!)
        min = event["agg_min"]
        max = event["agg_max"]
        sum = event["agg_sum"]
        histogram = event["agg_histogram"]
    }

    init(_ key: AggregationModel.Key, _ merged: AggregationModel.Merged) {
        self.key = key
        count = merged.count
        weight = Double(merged.count) * RecordText.weight(keep: merged.keep)
        firstNs = merged.firstNs
        lastNs = merged.lastNs
        min = merged.measures.min().map { .int(Int64($0)) } ?? .null
        max = merged.measures.max().map { .int(Int64($0)) } ?? .null
        sum = .null
        histogram = .null
        if merged.measures.isEmpty { return }
        let total = merged.measures.reduce(UInt64(0)) { Swift.min($0 + $1, UInt64(Int64.max)) }
        sum = .int(Int64(total))
        let classes = Dictionary(merged.measures.map { (ToldSummary.slowClass($0), 1) }, uniquingKeysWith: +)
        histogram = .string(classes.sorted { $0.key < $1.key }.map { "\($0.key):\($0.value)" }.joined(separator: " "))
    }

    /// The class whose bounds hold a value, by looking at the bounds.
    private static func slowClass(_ value: UInt64) -> Int {
        (0..<MeasureClass.count).last { MeasureClass.lowerBound($0) <= value }!
    }
}
