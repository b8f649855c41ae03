import TapioEvents

/// A table in memory: the rows that may count in a part of time, with the columns that a question needs.
struct LoadedTable: Sendable {
    /// Which row counts when.
    var index = ValidityIndex()
    /// By text of a key, its number.
    var keyTexts: [[UInt8]: UInt32] = [:]
    /// By column of the table, and row of ``index``, the entry of ``texts``, or ``TextVector/noValue``.
    var columns: [String: [UInt32]] = [:]
    /// The values' texts; without indices.
    var texts = TextVector(bytes: [], offsets: [0], indices: [])

    /// The columns in which a row has a value: for others no row of the archive has to be looked at.
    private(set) var valued: Set<String> = []

    /// All rows are there.
    mutating func finish() {
        valued = Set(columns.filter { $0.value.contains { $0 != TextVector.noValue } }.keys)
    }
}

/// Reads a table: keys and times of all its rows, then the values of those that may count.
///
/// What is damaged is left out and named. Bounded in rows and in bytes of text; what found no room is counted.
struct TableLoader {
    /// Where rows and texts end.
    struct Bounds: Sendable, Hashable {
        var rows: Int
        var textBytes: Int
    }

    /// Files, or parts of them, that cannot be read.
    private(set) var damage: [Damage] = []
    /// Rows, or values of rows, that found no room.
    private(set) var refused = 0
    private let table: JoinTable
    private let values: Set<String>
    private let range: ClosedRange<Int64>
    private let wanted: Set<Int64>?
    private let bounds: Bounds
    private var keyTexts: [[UInt8]: UInt32] = [:]

    /// - Parameters:
    ///   - values: The table's columns that are needed beside its key.
    ///   - range: The time that is asked about, UTC microseconds since 1970.
    ///   - numbers: The numbers of the keys that are asked for; nil: all.
    init(
        _ table: JoinTable,
        values: Set<String>,
        range: ClosedRange<Int64>,
        numbers: Set<Int64>? = nil,
        bounds: Bounds
    ) {
        self.table = table
        self.values = values
        self.range = range
        wanted = numbers
        self.bounds = bounds
    }

    /// Reads the parts, which come in the order in which they were written.
    mutating func load(_ parts: [any RowGroupSource]) -> LoadedTable {
        var builder = ValidityBuilder(range: range, mostRows: bounds.rows)
        for (number, part) in parts.enumerated() {
            do {
                try add(part, number, to: &builder)
            } catch {
                damage.append(Damage(place: part.name, reason: "\(error)"))
            }
        }
        refused += builder.refused
        var loaded = LoadedTable(index: builder.finish(), keyTexts: keyTexts)
        readValues(parts, &loaded)
        loaded.finish()
        return loaded
    }

    /// Why a file is none of a table's.
    struct MissingColumn: Error, CustomStringConvertible {
        let description: String
    }

    private mutating func add(_ part: any RowGroupSource, _ number: Int, to builder: inout ValidityBuilder) throws {
        let reader = GroupReader(part)
        if case .integer(let first)? = reader.bounds("valid_from")?.minimum, first > range.upperBound { return }
        guard let beginColumn = try reader.column("valid_from"), case .integers(let begins) = beginColumn.values else {
            throw MissingColumn(description: "not a table with times: it has no column valid_from")
        }
        let endColumn = try reader.column("valid_to")
        var numbers: ColumnVector?
        var texts: [(vector: ColumnVector, ids: [UInt32?])] = []
        for key in table.key {
            guard let column = try reader.column(key.column) else {
                throw MissingColumn(description: "not a table \(table.name): it has no column \(key.column)")
            }
            switch column.values {
            case .texts(let entries) where key.isText:
                texts.append((column, [UInt32?](repeating: nil, count: entries.entryCount)))
            case .integers where !key.isText: numbers = column
            default: throw MissingColumn(description: "column \(key.column) is not of its type")
            }
        }
        rows: for row in begins.indices where beginColumn.isValid(row) && begins[row] <= range.upperBound {
            var key = JoinKey()
            if let numbers {
                guard let number = numbers.integer(row), wanted?.contains(number) != false else { continue }
                key.number = number
            }
            for place in texts.indices {
                guard case .texts(let entries) = texts[place].vector.values,
                    texts[place].vector.isValid(row), entries.indices[row] != TextVector.noValue
                else { continue rows }
                let entry = Int(entries.indices[row])
                guard let id = texts[place].ids[entry] ?? self.number(of: entries.entry(entry), builder) else {
                    builder.refuse()
                    continue rows
                }
                texts[place].ids[entry] = id
                if place == 0 { key.first = id } else { key.second = id }
            }
            builder.add(key, begin: begins[row], end: endColumn?.integer(row), place: number << 32 | row)
        }
    }

    /// The number of a key's text; nil where a new one finds no room.
    private mutating func number(of text: ArraySlice<UInt8>, _ builder: borrowing ValidityBuilder) -> UInt32? {
        let text = Array(text)
        if let known = keyTexts[text] { return known }
        // Texts of rows that went stay, so that they have a bound of their own.
        guard !builder.isFull, keyTexts.count < 2 * bounds.rows else { return nil }
        let id = UInt32(keyTexts.count)
        keyTexts[text] = id
        return id
    }

    private mutating func readValues(_ parts: [any RowGroupSource], _ loaded: inout LoadedTable) {
        var rowsOfPart: [Int: [Int]] = [:]
        // In the order of the file, so that what finds no room is always the same.
        for row in loaded.index.places.indices.sorted(by: { loaded.index.places[$0] < loaded.index.places[$1] }) {
            rowsOfPart[loaded.index.places[row] >> 32, default: []].append(row)
        }
        for name in values {
            loaded.columns[name] = [UInt32](repeating: TextVector.noValue, count: loaded.index.count)
        }
        var known: [[UInt8]: UInt32] = [:]
        for (number, rows) in rowsOfPart.sorted(by: { $0.key < $1.key }) {
            let reader = GroupReader(parts[number])
            do {
                for name in values.sorted() {
                    guard let column = try reader.column(name), case .texts(let entries) = column.values else {
                        continue
                    }
                    var ids = [UInt32?](repeating: nil, count: entries.entryCount)
                    for row in rows {
                        let place = loaded.index.places[row] & 0xFFFF_FFFF
                        let entry = entries.indices[place]
                        guard entry != TextVector.noValue, column.isValid(place) else { continue }
                        let id = ids[Int(entry)] ?? add(entries.entry(Int(entry)), &known, to: &loaded.texts)
                        ids[Int(entry)] = id
                        loaded.columns[name]?[row] = id
                        if id == TextVector.noValue { refused += 1 }
                    }
                }
            } catch {
                damage.append(Damage(place: parts[number].name, reason: "\(error)"))
            }
        }
    }

    /// The entry of a text; ``TextVector/noValue`` where a new one finds no room.
    private func add(
        _ text: ArraySlice<UInt8>,
        _ known: inout [[UInt8]: UInt32],
        to texts: inout TextVector
    ) -> UInt32 {
        let text = Array(text)
        if let entry = known[text] { return entry }
        guard texts.bytes.count + text.count <= bounds.textBytes else { return TextVector.noValue }
        let entry = UInt32(texts.entryCount)
        texts.bytes += text
        texts.offsets.append(UInt32(texts.bytes.count))
        known[text] = entry
        return entry
    }
}

extension ColumnVector {
    /// A row's number; nil where it has none.
    func integer(_ row: Int) -> Int64? {
        guard case .integers(let values) = values, isValid(row) else { return nil }
        return values[row]
    }
}
