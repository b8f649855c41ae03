import TapioArchive
import TapioEvents

/// Rows of the table `dns` that are to be written: from when to when an address had a name. Answers that follow one another
/// before a row is taken are one.
struct DNSFacts {
    private struct Row {
        var name: String
        var networkNamespace: UInt32
        var address: AddressBytes
        var fromNs: Int64
        var toNs: Int64
    }

    private let bootID: String
    private let clock: @Sendable () -> ClockOffset
    private var rows = WaitingRows<Row>(most: 50_000)
    private var places: [UInt64: Int] = [:]

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
        let row = Row(name: name, networkNamespace: namespace, address: address, fromNs: fromNs, toNs: toNs)
        if rows.append(row) { places[key] = rows.count - 1 }
    }

    /// Rows that found no place.
    var refused: UInt64 { rows.refused }

    /// The rows since the last time.
    mutating func take() -> [FactRow] {
        places = [:]
        let clock = clock()
        return rows.take().map { row in
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
