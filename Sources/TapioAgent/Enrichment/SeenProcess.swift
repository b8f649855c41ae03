import TapioBPF
import TapioEvents

/// What a record tells of a process, on its way from the reader who saw it to who keeps the table of processes: the begin of
/// the record, copied without allocation.
struct SeenProcess: Sendable {
    private static let words = 128

    private let length: Int
    private var content: InlineArray<128, UInt64>

    /// The begin of a record that was checked. Of text that reaches beyond, the rest is left out.
    init(_ record: RawSpan) {
        length = min(record.byteCount, 8 * Self.words)
        content = InlineArray(repeating: 0)
        for word in 0..<length / 8 { content[word] = record.uint64(at: 8 * word) }
        for byte in length & ~7..<length {
            content[byte / 8] |= UInt64(record.uint8(at: byte)) << UInt64(8 * (byte % 8))
        }
    }

    var kind: Int { Int(byte(MemoryLayout<tapio_header>.offset(of: \.kind)!)) }

    /// A number of the fixed part.
    func uint32<Record>(_ path: KeyPath<Record, UInt32>) -> UInt32 {
        let offset = MemoryLayout<Record>.offset(of: path)!
        return UInt32(truncatingIfNeeded: content[offset / 8] >> UInt64(8 * (offset % 8)))
    }

    /// A number of the fixed part.
    func uint64<Record>(_ path: KeyPath<Record, UInt64>) -> UInt64 {
        content[MemoryLayout<Record>.offset(of: path)! / 8]
    }

    /// A time of the fixed part, ns since boot.
    func time<Record>(_ path: KeyPath<Record, UInt64>) -> Int64 { Int64(clamping: uint64(path)) }

    /// The process's name.
    var comm: [UInt8] {
        let offset = MemoryLayout<tapio_header>.offset(of: \.comm)!
        return Array((offset..<offset + Int(TAPIO_COMM_BYTES)).lazy.map(byte).prefix { $0 != 0 })
    }

    /// The bytes that a string of a process_exec record names, as far as they were copied.
    func bytes(_ path: KeyPath<tapio_process_exec, tapio_string>) -> [UInt8] {
        let field = MemoryLayout<tapio_process_exec>.offset(of: path)!
        let start = Int(byte(field)) | Int(byte(field + 1)) << 8
        let count = Int(byte(field + 2)) | Int(byte(field + 3)) << 8
        return (min(start, length)..<min(start + count, length)).map(byte)
    }

    private func byte(_ offset: Int) -> UInt8 {
        UInt8(truncatingIfNeeded: content[offset / 8] >> UInt64(8 * (offset % 8)))
    }
}
