extension DNSMessage {
    /// An address of the name that was asked for.
    public struct Address: Sendable, Hashable {
        /// As in records: an IPv6 address, or an IPv4 one mapped into it.
        public var bytes: AddressBytes
        /// For how long the answer may be used: the shortest time on the way from the name to the address.
        public var seconds: UInt32
    }

    /// Addresses that are taken of an answer at most.
    public static let mostAddresses = 32

    /// The addresses that an answer gives the name that was asked for, over its aliases; nil where it is none to such a
    /// question. Each address once; none that is given to another name.
    public func addresses() -> (name: String, addresses: [Address])? {
        guard isGoodAnswer, let question, Self.asksForAddresses(question.type) else { return nil }
        var found: [Address] = []
        var alias = question.name
        var seconds = UInt32.max
        var at = question.end
        for _ in 0..<min(answerCount, Self.mostAddresses) {
            guard let record = record(at: at) else { break }
            at = record.end
            guard record.isInternet, record.owner == alias else { continue }
            if let target = record.alias {
                alias = target
                seconds = min(seconds, record.seconds)
            } else if let bytes = record.address, !found.contains(where: { $0.bytes == bytes }) {
                found.append(Address(bytes: bytes, seconds: min(seconds, record.seconds)))
            }
        }
        return (question.name, found)
    }

    /// A, AAAA, ANY.
    private static func asksForAddresses(_ type: Int) -> Bool { type == 1 || type == 28 || type == 255 }
}

/// The sixteen bytes of an address as they lie in a record: an IPv6 address, or an IPv4 one mapped into it.
public struct AddressBytes: Sendable, Hashable {
    /// The first eight, loaded in host order.
    public var first: UInt64
    /// The last eight likewise.
    public var second: UInt64

    /// These halves.
    @inlinable
    public init(first: UInt64, second: UInt64) {
        self.first = first
        self.second = second
    }

    /// An IPv4 address, the first part in the highest byte: 10.0.0.1 is 0x0A000001.
    public init(v4 number: UInt32) {
        self.init(high: 0, low: 0xFFFF_0000_0000 | UInt64(number))
    }

    /// An IPv6 address as two numbers.
    public init(high: UInt64, low: UInt64) {
        self.init(first: high.bigEndian, second: low.bigEndian)
    }

    /// Whether it is no address: all zero.
    @inlinable public var isUnspecified: Bool { first | second == 0 }

    /// As in the archive's columns of addresses.
    public var text: String {
        let bytes = [first, second].flatMap { half in (0..<8).map { UInt8(truncatingIfNeeded: half >> (8 * $0)) } }
        return String(decoding: RecordText.ipAddress(bytes), as: UTF8.self)
    }
}
