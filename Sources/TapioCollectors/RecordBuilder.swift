import TapioBPF
import TapioEvents

/// Puts a record together that user space tells: a C struct that begins with the header, and strings behind it.
struct RecordBuilder {
    private(set) var bytes: [UInt8]

    /// A record with that fixed part; its header gets kind and priority. Nobody is named unless the fixed part does.
    init<Record: BitwiseCopyable>(_ record: Record, _ kind: EventKind, _ priority: Priority) {
        bytes = unsafe withUnsafeBytes(of: record) { unsafe Array($0) }
        bytes[MemoryLayout<tapio_header>.offset(of: \.kind)!] = kind.rawValue
        bytes[MemoryLayout<tapio_header>.offset(of: \.priority)!] = priority.rawValue
    }

    /// Appends a string, cut at `most` bytes, to which the `tapio_string` at `offset` then points.
    mutating func append(_ text: some Sequence<UInt8>, at offset: Int, most: Int = Int(TAPIO_PATH_BYTES)) {
        let text = Array(text.prefix(most))
        store(UInt16(bytes.count), at: offset)
        store(UInt16(text.count), at: offset + 2)
        bytes += text
    }

    /// Lets the `tapio_string` at `offset` point to what that at `other` does.
    mutating func `repeat`(_ other: Int, at offset: Int) {
        for index in 0..<MemoryLayout<tapio_string>.size { bytes[offset + index] = bytes[other + index] }
    }

    private mutating func store(_ value: UInt16, at offset: Int) {
        bytes[offset] = UInt8(truncatingIfNeeded: value)
        bytes[offset + 1] = UInt8(truncatingIfNeeded: value >> 8)
    }
}

extension tapio_header {
    /// A header that names a cgroup and no process.
    init(cgroupID: UInt64) {
        self.init()
        cgroup_id = cgroupID
        uid = .max
    }
}
