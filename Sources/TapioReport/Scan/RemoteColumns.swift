import TapioQuery

/// Stands for a row without a text.
let noEntry = TextVector.noValue

/// The columns that tell of the other end, or of the call: looked up once per row group, not per row.
struct RemoteColumns {
    let address: GroupColumns.Texts?
    let syscall: GroupColumns.Texts?
    let error: GroupColumns.Texts?
    let errno: GroupColumns.Integers?
    let bytesSent: GroupColumns.Integers?
    let bytesReceived: GroupColumns.Integers?
    let datagramBytes: GroupColumns.Integers?
    let sum: GroupColumns.Integers?
    let dnsName: GroupColumns.Texts?
    let dnsCode: GroupColumns.Texts?
    let dnsSlow: GroupColumns.Integers?
    /// The entry of NOERROR.
    let noError: UInt32?
    private let name: GroupColumns.Texts?
    private let service: GroupColumns.Texts?
    private let nameEntries: [UInt32]
    private let serviceEntries: [UInt32]
    private let addressEntries: [UInt32]
    private let ownPort: GroupColumns.Integers?
    private let port: GroupColumns.Integers?
    private let direction: GroupColumns.Texts?
    private let datagramDirection: GroupColumns.Texts?
    /// By entry.
    private let isInbound: [Bool]
    private let isDatagramInbound: [Bool]

    /// Those that may have been found out later, beside the archive.
    static let late: Set = ["dst_name", "dst_service"]

    /// Set in a peer's port where it opened the connection: the port is this end's then.
    private static let inbound: UInt32 = 1 << 16

    init(_ columns: GroupColumns) {
        address = columns.texts("dst_addr")
        syscall = columns.texts("syscall")
        error = columns.texts("error")
        errno = columns.integers("errno")
        bytesSent = columns.integers("bytes_sent")
        bytesReceived = columns.integers("bytes_received")
        datagramBytes = columns.integers("datagram_bytes")
        sum = columns.integers("agg_sum")
        dnsName = columns.texts("dns_name")
        dnsCode = columns.texts("dns_code")
        dnsSlow = columns.integers("dns_slow")
        noError = dnsCode.flatMap { codes in
            (0..<UInt32(codes.vector.entryCount)).first { codes.text(entry: $0) == "NOERROR" }
        }
        name = columns.texts("dst_name")
        service = columns.texts("dst_service")
        nameEntries = columns.entries("dst_name")
        serviceEntries = columns.entries("dst_service")
        addressEntries = columns.entries("dst_addr")
        ownPort = columns.integers("src_port")
        port = columns.integers("dst_port")
        direction = columns.texts("direction")
        datagramDirection = columns.texts("datagram_direction")
        func inbound(_ texts: GroupColumns.Texts?) -> [Bool] {
            guard let texts else { return [] }
            return (0..<texts.vector.entryCount).map { texts.text(entry: UInt32($0)) == "inbound" }
        }
        isInbound = inbound(direction)
        isDatagramInbound = inbound(datagramDirection)
    }

    /// The other end of a row, by the numbers of its texts, and whether it was the one that began.
    @inline(__always)
    func peer(_ row: Int, isDatagram: Bool) -> (SIMD4<UInt32>, isInbound: Bool) {
        let inbound: Bool
        if isDatagram {
            inbound = datagramDirection?.entry(row).map { isDatagramInbound[Int($0)] } ?? false
        } else {
            inbound = direction?.entry(row).map { isInbound[Int($0)] } ?? false
        }
        // Of who comes in, the port is any.
        let number = UInt32((inbound ? ownPort?[row] : port?[row]).map { $0 & 0xffff } ?? 0)
        let peer = SIMD4(
            serviceEntries[row],
            nameEntries[row],
            addressEntries[row],
            number | (inbound ? Self.inbound : 0)
        )
        return (peer, inbound)
    }

    /// The texts of such an end.
    func peerKey(_ peer: SIMD4<UInt32>) -> ReportTables.PeerKey {
        func text(_ texts: GroupColumns.Texts?, _ entry: UInt32) -> String {
            entry == noEntry ? "" : texts?.text(entry: entry) ?? ""
        }
        let service = text(service, peer.x)
        return ReportTables.PeerKey(
            name: service.isEmpty ? text(name, peer.y) : service,
            address: text(address, peer.z),
            direction: peer.w & Self.inbound != 0 ? "inbound" : "outbound",
            port: Int(peer.w & 0xffff)
        )
    }
}
