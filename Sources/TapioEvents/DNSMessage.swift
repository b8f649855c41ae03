/// What a DNS message says (RFC 1035, section 4): questions and answers as text. It may be cut anywhere, and come from anybody:
/// whatever it holds, reading it ends, and gives what could be read.
public struct DNSMessage: Sendable {
    /// A part of a message that becomes a column.
    public enum Part: String, Sendable, Hashable {
        /// The name that was asked for.
        case name
        /// What was asked about it: A, AAAA, …
        case type
        /// What the answer said.
        case answers
    }

    /// Bytes of a name at most (RFC 1035, 3.1), and labels.
    private static let longestName = 255
    private static let mostLabels = 128
    /// Answers that are shown at most.
    private static let mostAnswers = 32
    private static let headerBytes = 12

    private let bytes: [UInt8]

    /// A message as on the wire.
    public init(_ bytes: [UInt8]) {
        self.bytes = bytes
    }

    /// A part as text; nil where the message has none, or none that can be read.
    public func text(_ part: Part) -> String? {
        switch part {
        case .name: question?.name
        case .type: question.map { Self.typeName($0.type) }
        case .answers: answers
        }
    }

    /// The first question, in lower case: names are the same in both (RFC 4343), and some resolvers mix them at random.
    var question: (name: String, type: Int, end: Int)? {
        guard number(4) >= 1, let (name, end) = name(at: Self.headerBytes), end + 4 <= bytes.count else { return nil }
        return (name, number(end), end + 4)
    }

    /// "CNAME www.example.net 300,A 10.0.0.1 60": type, what it is, and for how many seconds; nil without any.
    private var answers: String? {
        guard let question else { return nil }
        var at = question.end
        var found: [String] = []
        for _ in 0..<min(number(6), Self.mostAnswers) {
            guard let (_, end) = name(at: at), end + 10 <= bytes.count else { break }
            let type = number(end)
            let lifetime = number(end + 4) << 16 | number(end + 6)
            let data = end + 10
            let length = number(end + 8)
            guard data + length <= bytes.count else { break }
            let text = Self.hasText(type) ? self.data(type, at: data, length) : nil
            found.append([Self.typeName(type), text, String(lifetime)].compactMap(\.self).joined(separator: " "))
            at = data + length
        }
        return found.isEmpty ? nil : found.joined(separator: ",")
    }

    /// Whether it is an answer, and says that all went well.
    var isGoodAnswer: Bool { number(2) & 0x800f == 0x8000 }

    /// Answers that it says to have.
    var answerCount: Int { number(6) }

    /// What one of the answers says (RFC 1035, 4.1.3).
    struct Record {
        var owner: String
        var isInternet: Bool
        /// Of a CNAME.
        var alias: String?
        /// Of A and AAAA.
        var address: AddressBytes?
        var seconds: UInt32
        var end: Int
    }

    /// The answer that begins there; nil where it is cut.
    func record(at start: Int) -> Record? {
        guard let (owner, end) = name(at: start), end + 10 <= bytes.count else { return nil }
        let data = end + 10
        let length = number(end + 8)
        guard data + length <= bytes.count else { return nil }
        let lifetime = number(end + 4) << 16 | number(end + 6)
        var record = Record(
            owner: owner,
            isInternet: number(end + 2) == 1,
            // Negative ones count as none (RFC 2181, 8).
            seconds: lifetime >> 31 == 0 ? UInt32(lifetime) : 0,
            end: data + length
        )
        switch number(end) {
        case 1 where length == 4: record.address = AddressBytes(v4: UInt32(number(data) << 16 | number(data + 2)))
        case 28 where length == 16: record.address = AddressBytes(high: eightBytes(data), low: eightBytes(data + 8))
        case 5: record.alias = name(at: data)?.name
        default: break
        }
        return record
    }

    private func eightBytes(_ at: Int) -> UInt64 {
        stride(from: at, to: at + 8, by: 2).reduce(0) { $0 << 16 | UInt64(number($1)) }
    }

    private static func hasText(_ type: Int) -> Bool { [1, 2, 5, 12, 15, 28, 33].contains(type) }

    /// What an answer holds, for types that hold an address or a name.
    private func data(_ type: Int, at: Int, _ length: Int) -> String? {
        switch type {
        case 1 where length == 4: bytes[at..<at + 4].map(String.init).joined(separator: ".")
        case 28 where length == 16: String(decoding: RecordText.ipAddress(Array(bytes[at..<at + 16])), as: UTF8.self)
        case 2, 5, 12: name(at: at)?.name
        case 15 where length > 2: name(at: at + 2)?.name
        case 33 where length > 6: name(at: at + 6).map { "\($0.name):\(number(at + 4))" }
        default: nil
        }
    }

    /// Two bytes, the first being the greater; 0 past the end.
    private func number(_ at: Int) -> Int {
        at >= 0 && at + 2 <= bytes.count ? Int(bytes[at]) << 8 | Int(bytes[at + 1]) : 0
    }

    /// A name and where it ends. Where it goes on elsewhere (RFC 1035, 4.1.4), that has to be before, so that it comes to an
    /// end.
    private func name(at start: Int) -> (name: String, end: Int)? {
        var at = start
        var end: Int?
        var earliest = start
        var text: [UInt8] = []
        var length = 0
        for _ in 0..<Self.mostLabels {
            guard at < bytes.count else { return nil }
            let first = Int(bytes[at])
            switch first >> 6 {
            case 0b11:
                guard at + 2 <= bytes.count else { return nil }
                let target = number(at) & 0x3fff
                end = end ?? at + 2
                guard target < earliest else { return nil }
                earliest = target
                at = target
            case 0:
                guard first > 0 else {
                    return (text.isEmpty ? "." : String(decoding: text, as: UTF8.self), end ?? at + 1)
                }
                length += first + 1
                guard length <= Self.longestName, at + 1 + first <= bytes.count else { return nil }
                if !text.isEmpty { text.append(UInt8(ascii: ".")) }
                for byte in bytes[at + 1..<at + 1 + first] { Self.append(byte, to: &text) }
                at += 1 + first
            default: return nil
            }
        }
        return nil
    }

    /// As in a zone file (RFC 1035, 5.1), in lower case.
    private static func append(_ byte: UInt8, to text: inout [UInt8]) {
        switch byte {
        case UInt8(ascii: "."), UInt8(ascii: "\\"): text += [UInt8(ascii: "\\"), byte]
        case UInt8(ascii: "A")...UInt8(ascii: "Z"): text.append(byte | 0x20)
        case 0x21...0x7e: text.append(byte)
        default:
            text.append(UInt8(ascii: "\\"))
            for divisor in [100, 10, 1] as [UInt8] { text.append(UInt8(ascii: "0") + byte / divisor % 10) }
        }
    }

    /// A type's name (IANA, Resource Record types), or TYPE and its number (RFC 3597).
    private static func typeName(_ type: Int) -> String {
        let names = [
            1: "A", 2: "NS", 5: "CNAME", 6: "SOA", 12: "PTR", 13: "HINFO", 15: "MX", 16: "TXT", 28: "AAAA", 33: "SRV",
            35: "NAPTR", 39: "DNAME", 41: "OPT", 43: "DS", 46: "RRSIG", 47: "NSEC", 48: "DNSKEY", 50: "NSEC3",
            52: "TLSA", 64: "SVCB", 65: "HTTPS", 252: "AXFR", 255: "ANY", 257: "CAA",
        ]
        return names[type] ?? "TYPE\(type)"
    }

    /// Names of the codes of answers by number (IANA, DNS RCODEs).
    public static let codes = [
        "NOERROR", "FORMERR", "SERVFAIL", "NXDOMAIN", "NOTIMP", "REFUSED", "YXDOMAIN", "YXRRSET", "NXRRSET", "NOTAUTH",
        "NOTZONE",
    ]
}
