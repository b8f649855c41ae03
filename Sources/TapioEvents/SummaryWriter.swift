public import TapioBPF

/// Puts summary records together, in memory of its own: the key, `tapio_summary`, and the histogram's text.
///
/// Invariant of the unsafe code: `record` has room for a key of `longestKey` bytes, a `tapio_summary` and ``longestText`` bytes;
/// `classes` has ``MeasureClass/count`` counters.
@safe
public struct SummaryWriter {
    /// "251:4294967295 " for each class.
    private static let longestText = MeasureClass.count * 15

    private let longestKey: Int
    private let record: UnsafeMutableRawPointer
    private let classes: UnsafeMutablePointer<UInt32>

    /// A writer for keys of up to `longestKey` bytes. Ends with ``deallocate()``.
    public init(longestKey: Int) {
        let most = longestKey + MemoryLayout<tapio_summary>.size + Self.longestText
        precondition(most <= Int(TAPIO_RECORD_BYTES))
        self.longestKey = longestKey
        unsafe record = .allocate(byteCount: most, alignment: 8)
        unsafe classes = .allocate(capacity: MeasureClass.count)
        unsafe classes.initialize(repeating: 0, count: MeasureClass.count)
    }

    /// A writer for the kinds that programs merge themselves.
    public init(_ registry: SchemaRegistry) {
        self.init(longestKey: registry.schemas.filter(\.isMergedInKernel).map(\.summaryOffset).max() ?? 8)
    }

    /// Gives the memory back.
    public func deallocate() {
        unsafe record.deallocate()
        unsafe classes.deallocate()
    }

    /// The record of a summary; its bytes last until the next call.
    ///
    /// - Parameters:
    ///   - key: The fixed part: `keyBytes` bytes, a multiple of 8, with zero where it says nothing.
    ///   - summary: All but the histogram.
    ///   - counters: Counts by class, 0 outside of the classes of the summary's smallest and greatest value; nil without a
    ///     measure.
    @unsafe
    public func write(
        key: UnsafeRawPointer,
        keyBytes: Int,
        _ summary: tapio_summary,
        counters: UnsafePointer<UInt32>?
    ) -> UnsafeMutableRawBufferPointer {
        precondition(keyBytes <= longestKey)
        unsafe record.copyMemory(from: key, byteCount: keyBytes)
        unsafe record.storeBytes(of: TAPIO_KEEP_SUMMARY, toByteOffset: RecordCheck.keepOffset, as: UInt32.self)
        let textAt = keyBytes + MemoryLayout<tapio_summary>.size
        var end = textAt
        if let counters = unsafe counters, summary.min <= summary.max {
            for number in MeasureClass.number(of: summary.min)...MeasureClass.number(of: summary.max) {
                let count = unsafe counters[number]
                if count == 0 { continue }
                if end > textAt { unsafe put(UInt8(ascii: " "), at: &end) }
                unsafe put(decimal: UInt32(number), at: &end)
                unsafe put(UInt8(ascii: ":"), at: &end)
                unsafe put(decimal: count, at: &end)
            }
        }
        var summary = summary
        summary.histogram = tapio_string(offset: UInt16(textAt), length: UInt16(end - textAt))
        unsafe record.storeBytes(of: summary, toByteOffset: keyBytes, as: tapio_summary.self)
        return unsafe UnsafeMutableRawBufferPointer(start: record, count: end)
    }

    /// Makes a summary of what a program merged (``RecordCheck`` has passed it), and hands it over with the number of events and
    /// the time of the last one.
    public func rewrite<Result>(
        _ merged: RawSpan,
        of schema: EventSchema,
        _ body: (_ summary: RawSpan, _ count: UInt64, _ lastNs: Int64) throws -> Result
    ) rethrows -> Result {
        let base = schema.summaryOffset
        func number(_ path: KeyPath<tapio_merged, UInt64>) -> UInt64 {
            merged.uint64(at: base + MemoryLayout<tapio_merged>.offset(of: path)!)
        }
        var summary = tapio_summary()
        summary.count = number(\.count)
        summary.last_ns = number(\.last_ns)
        summary.keep = UInt32(TAPIO_KEEP_ALL)
        (summary.min, summary.max, summary.sum) = (number(\.min), number(\.max), min(number(\.sum), UInt64(Int64.max)))
        let hasMeasure = summary.min != .max && summary.min <= summary.max
        if !hasMeasure { (summary.min, summary.max, summary.sum) = (.max, .max, .max) }
        let octavesAt = base + MemoryLayout<tapio_merged>.offset(of: \.octaves)!
        return try unsafe merged.withUnsafeBytes { bytes in
            if hasMeasure { unsafe fillClasses(bytes.baseAddress! + octavesAt, summary) }
            defer { unsafe classes.update(repeating: 0, count: MeasureClass.count) }
            let counters = unsafe hasMeasure ? UnsafePointer(classes) : nil
            let written = unsafe write(key: bytes.baseAddress!, keyBytes: base, summary, counters: counters)
            return try unsafe body(
                UnsafeRawBufferPointer(written).bytes,
                summary.count,
                Int64(clamping: summary.last_ns)
            )
        }
    }

    /// Counts by number of binary digits become counts by class: each goes to the first class of its power of two, and where
    /// the smallest and the greatest value leave only others, to the nearest of those.
    @unsafe
    private func fillClasses(_ octaves: UnsafeRawPointer, _ summary: tapio_summary) {
        let least = MeasureClass.number(of: summary.min)
        let most = MeasureClass.number(of: summary.max)
        for digits in 0..<Int(TAPIO_OCTAVES) {
            let count = unsafe octaves.load(fromByteOffset: digits * 4, as: UInt32.self)
            if count == 0 { continue }
            let number = digits == 0 ? 0 : MeasureClass.number(of: 1 << UInt64(digits - 1))
            unsafe classes[min(max(number, least), most)] &+= count
        }
    }

    @unsafe
    private func put(_ byte: UInt8, at end: inout Int) {
        unsafe record.storeBytes(of: byte, toByteOffset: end, as: UInt8.self)
        end += 1
    }

    @unsafe
    private func put(decimal number: UInt32, at end: inout Int) {
        var power: UInt32 = 1
        while number / power >= 10 { power *= 10 }
        while power > 0 {
            unsafe put(UInt8(ascii: "0") + UInt8(number / power % 10), at: &end)
            power /= 10
        }
    }
}
