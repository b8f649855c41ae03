import TapioBPF
import TapioEvents

extension SummaryWriter {
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
        var summary = tapio_summary()
        summary.count = group.merged
        summary.last_ns = UInt64(bitPattern: group.lastNs)
        summary.keep = group.keep
        summary.min = group.hasMeasure ? group.smallest : .max
        summary.max = group.hasMeasure ? group.greatest : .max
        summary.sum = group.hasMeasure ? group.sum : .max
        let written = unsafe write(
            key: key,
            keyBytes: keyBytes,
            summary,
            counters: group.hasMeasure ? counters : nil
        )
        unsafe written.storeBytes(of: group.firstNs, as: Int64.self)
        unsafe written.storeBytes(of: group.sequence, toByteOffset: sequenceOffset, as: UInt64.self)
        unsafe written.storeBytes(of: group.cpu, toByteOffset: cpuOffset, as: UInt16.self)
        return UnsafeRawBufferPointer(written)
    }
}

private let sequenceOffset = MemoryLayout<tapio_header>.offset(of: \.sequence)!
private let cpuOffset = MemoryLayout<tapio_header>.offset(of: \.cpu)!
