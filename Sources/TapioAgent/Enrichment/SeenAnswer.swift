import TapioBPF
import TapioEvents

/// An answer of a name server on its way from the reader who saw it to who learns from it: copied whole, without allocation.
struct SeenAnswer: Sendable {
    private static let words = Int(TAPIO_DNS_BYTES) / 8

    /// When it came, boot time, ns.
    let timeNs: Int64
    /// Who asked.
    let networkNamespace: UInt32
    private let length: Int
    private var content: InlineArray<64, UInt64>

    /// The answer in a record that was checked.
    init(_ record: RawSpan, _ answer: NameAnswer) {
        timeNs = record.int64(at: 0)
        networkNamespace = record.uint32(at: answer.networkNamespace)
        let start = Int(record.uint16(at: answer.message))
        length = min(Int(record.uint16(at: answer.message + 2)), 8 * Self.words)
        content = InlineArray(repeating: 0)
        for word in 0..<length / 8 { content[word] = record.uint64(at: start + 8 * word) }
        for byte in length & ~7..<length {
            content[byte / 8] |= UInt64(record.uint8(at: start + byte)) << UInt64(8 * (byte % 8))
        }
    }

    /// The message as on the wire, maybe cut.
    var message: [UInt8] {
        (0..<length).map { UInt8(truncatingIfNeeded: content[$0 / 8] >> UInt64(8 * ($0 % 8))) }
    }
}
