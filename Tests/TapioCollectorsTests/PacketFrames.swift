/// Frames, byte by byte, as a test sends them. Checksums are left out: what counts packets does not look at them.
struct PacketFrames {
    /// Hardware address of the receiver.
    var receiver: [UInt8]

    static func number(_ value: Int) -> [UInt8] { [UInt8(value >> 8), UInt8(value & 0xff)] }

    /// A frame of that type, with VLAN tags (by their own types) in front.
    func frame(_ type: Int, tags: [Int] = [], _ contents: [UInt8]) -> [UInt8] {
        let types = (tags + [type]).map(Self.number)
        let tagged = types.dropLast().flatMap { $0 + [0, 7] } + types.last!
        return receiver + [2, 0, 0, 0, 0, 0x99] + tagged + contents
    }

    /// Ports, and what follows them.
    static func ports(_ source: Int, _ destination: Int, payload: Int) -> [UInt8] {
        number(source) + number(destination) + [UInt8](repeating: 0x78, count: 4 + payload)
    }

    /// An IPv4 packet to 10.213.9.1 from 10.213.9.`host`.
    static func ipv4(
        _ protocolNumber: UInt8,
        host: UInt8,
        options: Int = 0,
        fragment: Int = 0,
        _ contents: [UInt8]
    ) -> [UInt8] {
        let words = UInt8(5 + options)
        let bytes = number(Int(words) * 4 + contents.count)
        let addresses: [UInt8] = [10, 213, 9, host, 10, 213, 9, 1]
        let head = [0x40 | words, 0] + bytes + [0, 1] + number(fragment) + [64, protocolNumber, 0, 0] + addresses
        return head + [UInt8](repeating: 1, count: options * 4) + contents
    }

    /// An IPv6 packet to fd00:213:9::1 from fd00:213:9::`host`.
    static func ipv6(_ next: UInt8, host: UInt8, _ contents: [UInt8]) -> [UInt8] {
        func address(_ host: UInt8) -> [UInt8] {
            [0xfd, 0, 0x02, 0x13, 0, 9] + [UInt8](repeating: 0, count: 9) + [host]
        }
        return [0x60, 0, 0, 0] + number(contents.count) + [next, 64] + address(host) + address(1) + contents
    }

    /// An extension header of IPv6, without the first eight bytes `units` times as long.
    static func extended(_ next: UInt8, units: UInt8, _ contents: [UInt8]) -> [UInt8] {
        [next, units] + [UInt8](repeating: 0, count: 6 + 8 * Int(units)) + contents
    }
}
