public import TapioEvents

/// Turns events, in the order of time, into the bytes of a file. What is ready is handed over piece by piece; memory does not
/// grow with the file, but for what each form says.
public protocol EventFileWriter {
    /// Adds an event and appends what is ready.
    mutating func add(_ event: DecodedEvent, to bytes: inout [UInt8])
    /// Appends the rest. Nothing is added after it.
    mutating func finish(to bytes: inout [UInt8])
    /// What a reader of the file has to know, a line each.
    var notes: [String] { get }
}

extension EventFileWriter {
    /// Nothing.
    public var notes: [String] { [] }
}

extension EventFileFormat {
    /// A writer of this form.
    ///
    /// - Parameters:
    ///   - columns: The columns of the events, in their order.
    ///   - creator: Who writes, for forms that say it.
    public func writer(columns: [Column], creator: String) -> any EventFileWriter {
        switch self {
        case .ndjson: NDJSONWriter()
        case .csv: CSVWriter(columns)
        case .arrow: ArrowFileWriter(columns, creator: creator)
        case .perfetto: PerfettoWriter()
        }
    }
}

/// A JSON object a line.
struct NDJSONWriter: EventFileWriter {
    func add(_ event: DecodedEvent, to bytes: inout [UInt8]) {
        JSONText.append(event, to: &bytes)
        bytes.append(UInt8(ascii: "\n"))
    }

    func finish(to bytes: inout [UInt8]) {}
}

/// A header, then a line for each event.
struct CSVWriter: EventFileWriter {
    private let columns: [Column]
    private let places: [String: Int]
    private var hasHeader = false

    init(_ columns: [Column]) {
        self.columns = columns
        places = Dictionary(columns.enumerated().map { ($1.name, $0) }, uniquingKeysWith: { first, _ in first })
    }

    mutating func add(_ event: DecodedEvent, to bytes: inout [UInt8]) {
        header(to: &bytes)
        var row = [EventValue](repeating: .null, count: columns.count)
        for (column, value) in event.values { if let place = places[column.name] { row[place] = value } }
        bytes += QueryOutput.csvLine(row).utf8
    }

    mutating func finish(to bytes: inout [UInt8]) { header(to: &bytes) }

    private mutating func header(to bytes: inout [UInt8]) {
        if hasHeader { return }
        hasHeader = true
        bytes += QueryOutput.csvHeader(columns).utf8
    }
}
