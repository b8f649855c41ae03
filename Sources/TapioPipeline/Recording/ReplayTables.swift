import TapioEvents

/// What was known of records beside their bytes, as a recording tells it. A number of the agent's may come to mean something
/// else; here each meaning has a number of its own, and keeps it.
struct ReplayTables {
    private var owners: [EnrichmentTable.Entry]
    private var names = TextTable()
    private var services = TextTable()
    private var ownerNumbers: [EnrichmentTable.Entry: UInt16] = [:]
    private var nameNumbers: [[UInt8]: UInt16] = [:]
    private var serviceNumbers: [[UInt8]: UInt16] = [:]
    private var built: EnrichmentTable?

    /// What the numbers of one reader mean just now.
    struct Meanings {
        fileprivate var owners: [UInt16: UInt16] = [:]
        fileprivate var names: [UInt16: UInt16] = [:]
        fileprivate var services: [UInt16: UInt16] = [:]
    }

    init() {
        owners = [EnrichmentTable.Entry(repeating: [], count: EnrichmentColumn.allCases.count)]
        ownerNumbers[owners[0]] = 0
    }

    /// Takes over what a frame says a number means from now on.
    mutating func learn(_ frame: RecordingFrame, _ meanings: inout Meanings) throws(RecordingError) {
        switch frame {
        case .owner(_, let number, let values):
            if ownerNumbers[values] == nil {
                ownerNumbers[values] = try next(owners.count)
                owners.append(values)
                built = nil
            }
            meanings.owners[number] = ownerNumbers[values]
        case .name(_, let number, let text):
            if nameNumbers[text] == nil {
                let own = try next(nameNumbers.count + Int(TextTable.firstText))
                nameNumbers[text] = own
                names.set(own, text)
                built = nil
            }
            meanings.names[number] = nameNumbers[text]
        case .service(_, let number, let text):
            if serviceNumbers[text] == nil {
                let own = try next(serviceNumbers.count + Int(TextTable.firstText))
                serviceNumbers[text] = own
                services.set(own, text)
                built = nil
            }
            meanings.services[number] = serviceNumbers[text]
        default: return
        }
    }

    private func next(_ count: Int) throws(RecordingError) -> UInt16 {
        guard let number = UInt16(exactly: count) else {
            throw RecordingError("the recording tells of more than 65,000 owners or names: replay a shorter one")
        }
        return number
    }

    /// The id of a record, by the numbers that the recording has for it.
    func id(_ word: UInt64, _ meanings: Meanings) -> EnrichmentID {
        func text(_ number: UInt16, _ known: [UInt16: UInt16]) -> UInt16 {
            number < TextTable.firstText ? number : known[number] ?? TextTable.none
        }
        return EnrichmentID(
            owner: meanings.owners[UInt16(truncatingIfNeeded: word)] ?? 0,
            name: text(UInt16(truncatingIfNeeded: word >> 16), meanings.names),
            service: text(UInt16(truncatingIfNeeded: word >> 32), meanings.services)
        )
    }

    /// What the ids mean.
    mutating func table() -> EnrichmentTable {
        if let built { return built }
        let table = EnrichmentTable(EnrichmentTable(all: owners), names: names, services: services)
        built = table
        return table
    }
}
