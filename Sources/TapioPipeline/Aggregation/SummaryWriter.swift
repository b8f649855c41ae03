import TapioBPF
import TapioEvents

/// Puts summary records together, in memory of its own: the key, `tapio_summary`, and the histogram's text.
///
/// Invariant of the unsafe code: `record` has room for the longest key, a `tapio_summary` and ``longestText`` bytes.
@safe
struct SummaryWriter {
    /// "251:4294967295 " for each class.
    private static let longestText = MeasureClass.count * 15

    private let record: UnsafeMutableRawPointer

    /// A writer for keys of up to `longestKey` bytes. Ends with ``deallocate()``.
    init(longestKey: Int) {
        let most = longestKey + MemoryLayout<tapio_summary>.size + Self.longestText
        precondition(most <= Int(TAPIO_RECORD_BYTES))
        unsafe record = .allocate(byteCount: most, alignment: 8)
    }

    /// Gives the memory back.
    func deallocate() { unsafe record.deallocate() }

    /// The record of a group of which something was merged; its bytes last until the next call.
    ///
    /// - Parameters:
    ///   - key: The key: `keyBytes` bytes, a multiple of 8, with zero where it says nothing.
    ///   - counters: The group's histogram.
    @unsafe
    func write(
        _ group: EventGroup,
        key: UnsafeRawPointer,
        keyBytes: Int,
        counters: UnsafePointer<UInt32>
    ) -> UnsafeRawBufferPointer {
        unsafe record.copyMemory(from: key, byteCount: keyBytes)
        unsafe record.storeBytes(of: group.firstNs, as: Int64.self)
        unsafe record.storeBytes(of: group.sequence, toByteOffset: Self.sequenceAt, as: UInt64.self)
        unsafe record.storeBytes(of: TAPIO_KEEP_SUMMARY, toByteOffset: RecordCheck.keepOffset, as: UInt32.self)
        unsafe record.storeBytes(of: group.cpu, toByteOffset: Self.cpuAt, as: UInt16.self)
        var summary = tapio_summary()
        summary.count = group.merged
        summary.last_ns = UInt64(bitPattern: group.lastNs)
        summary.keep = group.keep
        summary.min = group.hasMeasure ? group.smallest : .max
        summary.max = group.hasMeasure ? group.greatest : .max
        summary.sum = group.hasMeasure ? group.sum : .max
        let textAt = keyBytes + MemoryLayout<tapio_summary>.size
        var end = textAt
        if group.hasMeasure {
            for number in MeasureClass.number(of: group.smallest)...MeasureClass.number(of: group.greatest) {
                let count = unsafe counters[number]
                if count == 0 { continue }
                if end > textAt { unsafe put(UInt8(ascii: " "), at: &end) }
                unsafe put(decimal: UInt32(number), at: &end)
                unsafe put(UInt8(ascii: ":"), at: &end)
                unsafe put(decimal: count, at: &end)
            }
        }
        summary.histogram = tapio_string(offset: UInt16(textAt), length: UInt16(end - textAt))
        unsafe record.storeBytes(of: summary, toByteOffset: keyBytes, as: tapio_summary.self)
        return unsafe UnsafeRawBufferPointer(start: record, count: end)
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

    private static let sequenceAt = MemoryLayout<tapio_header>.offset(of: \.sequence)!
    private static let cpuAt = MemoryLayout<tapio_header>.offset(of: \.cpu)!
}
