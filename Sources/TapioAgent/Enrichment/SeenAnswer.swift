import TapioBPF
import TapioEvents

/// An answer of a name server on its way from the reader who saw it to who learns from it.
struct SeenAnswer: Sendable {
    /// When it came, boot time, ns.
    let timeNs: Int64
    /// Who asked.
    let networkNamespace: UInt32
    /// TAPIO_DNS_BYTES.
    private let content: CopiedBytes<64>

    /// The answer in a record that was checked.
    init(_ record: RawSpan, _ answer: NameAnswer) {
        timeNs = record.int64(at: 0)
        networkNamespace = record.uint32(at: answer.networkNamespace)
        content = CopiedBytes(
            record,
            from: Int(record.uint16(at: answer.message)),
            count: Int(record.uint16(at: answer.message + 2))
        )
    }

    /// The message as on the wire, maybe cut.
    var message: [UInt8] { (0..<content.count).map { content[$0] } }
}
