import Glibc

/// An IPv4 or IPv6 address: a key that does not depend on how it was written.
public struct IPAddress: Sendable, Hashable, CustomStringConvertible {
    /// The first eight bytes of the IPv6 address, as one big-endian number.
    public let high: UInt64
    /// The last eight bytes likewise. An IPv4 address is the last four of `::ffff:a.b.c.d`.
    public let low: UInt64

    /// The address with these halves.
    public init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }

    /// An IPv4 address as a number: 10.0.0.1 is 0x0A000001.
    public init(v4 number: UInt32) {
        self.init(high: 0, low: 0xFFFF_0000_0000 | UInt64(number))
    }

    /// The address that a text names, in either notation; nil where it names none.
    public init?(_ text: String) {
        // C would take what is before a NUL.
        guard !text.utf8.contains(0) else { return nil }
        var bytes = [UInt8](repeating: 0, count: 16)
        // inet_pton writes 4 bytes for IPv4 and 16 for IPv6.
        if unsafe inet_pton(AF_INET, text, &bytes) == 1 {
            self.init(v4: UInt32(truncatingIfNeeded: Self.number(bytes[..<4])))
        } else if unsafe inet_pton(AF_INET6, text, &bytes) == 1 {
            self.init(high: Self.number(bytes[..<8]), low: Self.number(bytes[8...]))
        } else {
            return nil
        }
    }

    /// Whether it is an IPv4 address.
    public var isV4: Bool { high == 0 && low >> 32 == 0xFFFF }

    /// Dotted for IPv4; for IPv6 eight groups, none left out.
    public var description: String {
        if isV4 { return stride(from: 24, through: 0, by: -8).map { "\(low >> $0 & 0xFF)" }.joined(separator: ".") }
        return [high, low].flatMap { half in
            stride(from: 48, through: 0, by: -16).map { String(half >> $0 & 0xFFFF, radix: 16) }
        }.joined(separator: ":")
    }

    private static func number(_ bytes: some Sequence<UInt8>) -> UInt64 {
        bytes.reduce(0) { $0 << 8 | UInt64($1) }
    }
}
