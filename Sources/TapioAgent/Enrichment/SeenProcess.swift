import TapioBPF
import TapioEvents

/// What a record tells of a process, on its way from the reader who saw it to who keeps the table of processes: the begin of
/// the record.
struct SeenProcess: Sendable {
    private let content: CopiedBytes<128>

    /// The begin of a record that was checked. Of text that reaches beyond, the rest is left out.
    init(_ record: RawSpan) {
        content = CopiedBytes(record, from: 0, count: record.byteCount)
    }

    var kind: Int { Int(content[MemoryLayout<tapio_header>.offset(of: \.kind)!]) }

    /// A number of the fixed part.
    func uint32<Record>(_ path: KeyPath<Record, UInt32>) -> UInt32 {
        content.uint32(at: MemoryLayout<Record>.offset(of: path)!)
    }

    /// A number of the fixed part.
    func uint64<Record>(_ path: KeyPath<Record, UInt64>) -> UInt64 {
        content.uint64(at: MemoryLayout<Record>.offset(of: path)!)
    }

    /// A time of the fixed part, ns since boot.
    func time<Record>(_ path: KeyPath<Record, UInt64>) -> Int64 { Int64(clamping: uint64(path)) }

    /// The process's name.
    var comm: [UInt8] {
        let offset = MemoryLayout<tapio_header>.offset(of: \.comm)!
        return Array((offset..<offset + Int(TAPIO_COMM_BYTES)).lazy.map { content[$0] }.prefix { $0 != 0 })
    }

    /// The bytes that a string of a process_exec record names, as far as they were copied.
    func bytes(_ path: KeyPath<tapio_process_exec, tapio_string>) -> [UInt8] {
        let field = MemoryLayout<tapio_process_exec>.offset(of: path)!
        let start = Int(content[field]) | Int(content[field + 1]) << 8
        let count = Int(content[field + 2]) | Int(content[field + 3]) << 8
        return (min(start, content.count)..<min(start + count, content.count)).map { content[$0] }
    }
}
