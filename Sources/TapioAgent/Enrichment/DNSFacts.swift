import TapioArchive
import TapioEvents

/// Rows of the table `dns` that are to be written: from when to when an address had a name. Answers that follow one another
/// before a row is taken are one.
struct DNSFacts {
    /// Rows that can wait; what comes beyond is counted.
    static let mostRows = 50_000

    private struct Row {
        var name: String
        var networkNamespace: UInt32
        var address: AddressBytes
        var fromNs: Int64
        var toNs: Int64
    }

    private let bootID: String
    private let clock: @Sendable () -> ClockOffset
    private var rows: [Row] = []
    private var places: [UInt64: Int] = [:]
    /// Rows that found no place.
    private(set) var refused: UInt64 = 0

    /// - Parameter clock: What makes boot time UTC now.
    init(bootID: String, clock: @escaping @Sendable () -> ClockOffset) {
        self.bootID = bootID
        self.clock = clock
    }

    /// Notes what an answer said. Times are boot times, ns.
    mutating func note(
        _ name: String,
        of address: AddressBytes,
        in namespace: UInt32,
        key: UInt64,
        fromNs: Int64,
        toNs: Int64
    ) {
        if let place = places[key], rows[place].name == name, fromNs <= rows[place].toNs {
            rows[place].toNs = max(rows[place].toNs, toNs)
            return
        }
        guard rows.count < Self.mostRows else {
            refused += 1
            return
        }
        places[key] = rows.count
        rows.append(Row(name: name, networkNamespace: namespace, address: address, fromNs: fromNs, toNs: toNs))
    }

    /// The rows since the last time.
    mutating func take() -> [FactRow] {
        defer {
            rows = []
            places = [:]
        }
        let clock = clock()
        return rows.map { row in
            FactRow(
                .dns,
                from: clock.utcMicroseconds(boot: row.fromNs),
                to: clock.utcMicroseconds(boot: row.toNs),
                [
                    .text(bootID), .integer(Int64(row.networkNamespace)), .text(row.address.text), .text(row.name),
                ]
            )
        }
    }
}
