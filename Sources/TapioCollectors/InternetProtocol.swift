/// Protocols that IP carries (IANA, Assigned Internet Protocol Numbers).
enum InternetProtocol {
    static let tcp: UInt8 = 6
    static let udp: UInt8 = 17

    /// Names by number; empty for those that are hardly seen.
    static let names: [String] = {
        var names = [String](repeating: "", count: 256)
        for (number, name) in [
            1: "icmp", 2: "igmp", 4: "ipip", 6: "tcp", 17: "udp", 33: "dccp", 41: "ipv6", 47: "gre", 50: "esp",
            51: "ah", 58: "icmpv6", 89: "ospf", 103: "pim", 112: "vrrp", 132: "sctp", 136: "udplite",
        ] {
            names[number] = name
        }
        return names
    }()
}
