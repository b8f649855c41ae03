/// Finds, for each row of a row group, the row of a table that belongs to it.
struct JoinMatch {
    /// Rows to which none belongs.
    static let none: Int32 = -1

    private let table: JoinTable
    private let loaded: LoadedTable

    init(_ table: JoinTable, _ loaded: LoadedTable) {
        self.table = table
        self.loaded = loaded
    }

    /// What the keys of the group's rows are made of.
    private struct Keys {
        /// What all rows have in common.
        var constant = JoinKey()
        /// By row, the number.
        var numbers: [Int64]?
        var validity: [UInt64]?
        var texts: [Texts] = []

        struct Texts {
            /// By row, the entry of its text.
            var entries: [UInt32]
            /// By entry, the number that the table gave the text; ``TextVector/noValue`` where it has none such.
            var numbers: [UInt32]
            var isFirst: Bool
        }
    }

    /// By row of the group, the row of the table's index, or ``none``.
    ///
    /// - Parameter column: The group's columns by name.
    func rows(count: Int, bootID: String?, _ column: (String) throws -> ColumnVector?) rethrows -> [Int32] {
        let nothing = [Int32](repeating: Self.none, count: count)
        guard loaded.index.count > 0, let keys = try keys(bootID, column),
            case .integers(let times)? = try column("ts")?.values
        else { return nothing }
        return find(keys, times, nothing)
    }

    /// Nil where no row can have a key of the table.
    private func keys(_ bootID: String?, _ column: (String) throws -> ColumnVector?) rethrows -> Keys? {
        var keys = Keys()
        var isFirst = true
        for part in table.key {
            defer { if part.isText { isFirst = false } }
            switch part.source {
            case .bootID:
                guard let bootID, let number = loaded.keyTexts[Array(bootID.utf8)] else { return nil }
                if isFirst { keys.constant.first = number } else { keys.constant.second = number }
            case .protocolOfKind:
                guard case .texts(let kinds)? = try column("kind")?.values else { return nil }
                let numbers = (0..<kinds.entryCount).map { entry in
                    Self.protocolName(kinds.entry(entry)).map { number(of: $0) } ?? TextVector.noValue
                }
                keys.texts.append(Keys.Texts(entries: kinds.indices, numbers: numbers, isFirst: isFirst))
            case .column(let name):
                guard let vector = try column(name) else { return nil }
                switch vector.values {
                case .integers(let numbers) where !part.isText:
                    keys.numbers = numbers
                    keys.validity = vector.validity
                case .texts(let texts) where part.isText:
                    let numbers = (0..<texts.entryCount).map { number(of: texts.entry($0)) }
                    keys.texts.append(Keys.Texts(entries: texts.indices, numbers: numbers, isFirst: isFirst))
                default: return nil
                }
            }
        }
        return keys
    }

    private func find(_ keys: Keys, _ times: [Int64], _ nothing: [Int32]) -> [Int32] {
        var found = nothing
        // Rows are sorted by kind, cgroup and process, so the same key often follows.
        var last = keys.constant
        var candidates = loaded.index.ranges[last]
        rows: for row in found.indices {
            var key = keys.constant
            if let numbers = keys.numbers {
                if let validity = keys.validity, validity[row >> 6] >> UInt64(row & 63) & 1 == 0 { continue }
                key.number = numbers[row]
            }
            for text in keys.texts {
                let entry = text.entries[row]
                guard entry != TextVector.noValue, text.numbers[Int(entry)] != TextVector.noValue else { continue rows }
                if text.isFirst {
                    key.first = text.numbers[Int(entry)]
                } else {
                    key.second = text.numbers[Int(entry)]
                }
            }
            if key != last {
                last = key
                candidates = loaded.index.ranges[key]
            }
            guard let candidates, let match = loaded.index.row(in: candidates, at: times[row]) else { continue }
            found[row] = Int32(match)
        }
        return found
    }

    private func number(of text: ArraySlice<UInt8>) -> UInt32 { loaded.keyTexts[Array(text)] ?? TextVector.noValue }

    private static func protocolName(_ kind: ArraySlice<UInt8>) -> ArraySlice<UInt8>? {
        for name in ["tcp", "udp"] where kind.starts(with: "\(name)_".utf8) { return Array(name.utf8)[...] }
        return nil
    }
}

extension ColumnVector {
    /// A column of `count` texts, none of which is there.
    static func noTexts(count: Int) -> ColumnVector {
        ColumnVector(
            .texts(
                TextVector(bytes: [], offsets: [0], indices: [UInt32](repeating: TextVector.noValue, count: count))
            ),
            validity: [UInt64](repeating: 0, count: (count + 63) / 64)
        )
    }

    /// The column with what a table knows where it has no text. What it has, stays.
    ///
    /// - Parameters:
    ///   - matches: By row, the table's row, or ``JoinMatch/none``.
    ///   - column: The table's column.
    func filled(_ matches: [Int32], from loaded: LoadedTable, column: String) -> ColumnVector {
        guard case .texts(var texts) = values, let entries = loaded.columns[column], !isWhole else { return self }
        var validity = [UInt64](repeating: 0, count: (matches.count + 63) / 64)
        var entryOfText = [UInt32](repeating: TextVector.noValue, count: loaded.texts.entryCount)
        var isWhole = true
        for row in matches.indices {
            if texts.indices[row] == TextVector.noValue || !isValid(row) {
                texts.indices[row] = TextVector.noValue
                guard matches[row] != JoinMatch.none, case let text = entries[Int(matches[row])],
                    text != TextVector.noValue
                else {
                    isWhole = false
                    continue
                }
                if entryOfText[Int(text)] == TextVector.noValue {
                    entryOfText[Int(text)] = UInt32(texts.entryCount)
                    texts.bytes += loaded.texts.entry(Int(text))
                    texts.offsets.append(UInt32(texts.bytes.count))
                }
                texts.indices[row] = entryOfText[Int(text)]
            }
            validity[row >> 6] |= 1 << UInt64(row & 63)
        }
        return ColumnVector(.texts(texts), validity: isWhole ? nil : validity)
    }

    /// Whether each row has a text.
    var isWhole: Bool {
        guard case .texts(let texts) = values else { return true }
        return validity == nil && !texts.indices.contains(TextVector.noValue)
    }
}
