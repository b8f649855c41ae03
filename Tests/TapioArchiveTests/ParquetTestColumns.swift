import TapioArchive

/// Columns of every type with every pattern and every kind of gaps, from a seed.
struct ParquetTestColumns {
    enum Gaps: String, CaseIterable { case none, some, runs, all }
    enum NumberPattern: String, CaseIterable { case constant, monotone, random, small, runs, extreme }
    enum TextPattern: String, CaseIterable { case constant, few, distinct, broken, long }

    var generator: SeededGenerator
    let rowCount: Int
    private var columns: [ParquetTestColumn] = []

    static func make(rowCount: Int, seed: UInt64) -> [ParquetTestColumn] {
        var maker = Self(generator: SeededGenerator(seed: seed), rowCount: rowCount)
        for type in ParquetType.allCases {
            if type == .string {
                for pattern in TextPattern.allCases { maker.addText(pattern) }
            } else {
                for pattern in NumberPattern.allCases { maker.addNumbers(type, pattern) }
            }
        }
        return maker.columns
    }

    private mutating func addText(_ pattern: TextPattern) {
        for gaps in [nil] + Gaps.allCases.map(Optional.some) {
            let present = presence(gaps)
            add(.string, pattern.rawValue, gaps, .strings(present.map { $0 ? text(pattern, row: $0) : nil }))
        }
    }

    private mutating func addNumbers(_ type: ParquetType, _ pattern: NumberPattern) {
        for gaps in [nil] + Gaps.allCases.map(Optional.some) {
            var previous: Int64 = type == .timestampMicros ? 1_700_000_000_000_000 : -50
            let numbers = presence(gaps).map { present -> Int64? in
                previous = number(type, pattern, after: previous)
                return present ? previous : nil
            }
            if type == .double {
                add(type, pattern.rawValue, gaps, .doubles(numbers.map { $0.map { double(pattern, $0) } }))
            } else {
                add(type, pattern.rawValue, gaps, .integers(numbers))
            }
        }
    }

    private mutating func add(
        _ type: ParquetType,
        _ pattern: String,
        _ gaps: Gaps?,
        _ values: ParquetTestColumn.Values
    ) {
        let column = ParquetColumn(
            name: "\(type)_\(pattern)_\(gaps?.rawValue ?? "required")",
            type: type,
            isRequired: gaps == nil,
            fieldID: Int32(columns.count + 100)
        )
        columns.append(ParquetTestColumn(column: column, values: values))
    }

    private mutating func presence(_ gaps: Gaps?) -> [Bool] {
        var isPresent = true
        return (0..<rowCount).map { _ in
            switch gaps {
            case nil, .none?: return true
            case .all?: return false
            case .some?: return Bool.random(using: &generator)
            case .runs?:
                if Int.random(in: 0..<40, using: &generator) == 0 { isPresent.toggle() }
                return isPresent
            }
        }
    }

    private mutating func number(_ type: ParquetType, _ pattern: NumberPattern, after previous: Int64) -> Int64 {
        let isTimestamp = type == .timestampMicros
        let base: Int64 = isTimestamp ? 1_600_000_000_000_000 : 0
        switch pattern {
        case .constant: return base + 42
        case .monotone: return previous + Int64.random(in: 0...3000, using: &generator)
        case .small: return base + Int64.random(in: -3...12, using: &generator)
        case .runs: return Int.random(in: 0..<30, using: &generator) == 0 ? previous &+ 977 : previous
        case .random:
            if isTimestamp { return base + Int64.random(in: 0...200_000_000_000_000, using: &generator) }
            return type == .int32
                ? Int64(Int32.random(in: .min ... .max, using: &generator))
                : .random(in: .min ... .max, using: &generator)
        case .extreme:
            if isTimestamp { return Bool.random(using: &generator) ? 0 : 4_000_000_000_000_000 }
            let choices: [Int64] =
                type == .int32
                ? [Int64(Int32.min), Int64(Int32.max), 0, -1] : [.min, .max, .min + 1, .max - 1, 0, -1, 1]
            return choices.randomElement(using: &generator) ?? 0
        }
    }

    private mutating func double(_ pattern: NumberPattern, _ number: Int64) -> Double {
        guard pattern == .extreme else { return Double(number) / 8 }
        let choices: [Double] = [
            .nan, -0.0, 0.0, .infinity, -.infinity, .greatestFiniteMagnitude, .leastNonzeroMagnitude, 1,
        ]
        return choices.randomElement(using: &generator) ?? 0
    }

    private mutating func text(_ pattern: TextPattern, row: Bool) -> [UInt8] {
        switch pattern {
        case .constant: return Array("systemd".utf8)
        case .few:
            return Array(["", "a", "nginx: worker", "päivää", "日本語", "🦊"].randomElement(using: &generator)!.utf8)
        case .distinct: return Array("/proc/\(UInt64.random(in: 0 ... .max, using: &generator))/status".utf8)
        case .broken:
            let length = Int.random(in: 0...12, using: &generator)
            let bytes: [UInt8] = [
                0x41, 0x80, 0xBF, 0xC0, 0xC3, 0xE0, 0xA0, 0xED, 0xF0, 0x90, 0xF4, 0xFF, 0xE2, 0x82, 0x00,
            ]
            return (0..<length).map { _ in bytes.randomElement(using: &generator)! }
        case .long:
            // Bounds must be cut, at characters of every length, and at ones that can't grow.
            let characters = ["\u{10FFFF}", "z", "é", "\u{D7FF}", "\u{7F}", "漢"]
            let stem = String(
                repeating: characters.randomElement(using: &generator)!,
                count: 15 + Int(generator.next() % 60)
            )
            return Array((stem + "\(generator.next() % 50)").utf8)
        }
    }
}
