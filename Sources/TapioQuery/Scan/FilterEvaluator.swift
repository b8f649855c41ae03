/// Evaluates a filter on one row group: column by column, cheap tests first, reading a column only when rows are left.
struct FilterEvaluator {
    private let group: GroupReader

    init(_ group: GroupReader) {
        self.group = group
    }

    /// The rows that pass.
    func select(_ filter: Filter) throws -> Selection {
        try select(filter, from: Selection(rowCount: group.rowCount, all: true))
    }

    private func select(_ filter: Filter, from rows: Selection) throws -> Selection {
        switch filter {
        case .all: return rows
        case .none: return Selection(rowCount: rows.rowCount, all: false)
        case .leaf(let leaf): return try select(leaf, from: rows)
        case .and(let parts):
            var kept = rows
            for part in parts.sorted(by: { Self.cost($0) < Self.cost($1) }) {
                if kept.isEmpty { break }
                kept = try select(part, from: kept)
            }
            return kept
        case .or(let parts):
            var pending = rows
            var kept = Selection(rowCount: rows.rowCount, all: false)
            for part in parts {
                if pending.isEmpty { break }
                let found = try select(part, from: pending)
                kept.formUnion(found)
                pending.subtract(found)
            }
            return kept
        }
    }

    private static func cost(_ filter: Filter) -> Int {
        switch filter {
        case .all, .none: 0
        case .leaf(let leaf): leaf.test.cost
        case .and(let parts), .or(let parts): 3 + (parts.map(cost).max() ?? 0)
        }
    }

    private func select(_ leaf: Filter.Leaf, from rows: Selection) throws -> Selection {
        var kept = rows
        guard let column = try group.column(leaf.column) else {
            // A file from before the column: no row has a value.
            let keepsNull = leaf.test == .isNull && !leaf.isNegated
            return keepsNull ? rows : Selection(rowCount: rows.rowCount, all: false)
        }
        if case .isNull = leaf.test {
            if let validity = column.validity {
                kept.formIntersection(validity, isInverted: !leaf.isNegated)
                return kept
            }
            return leaf.isNegated ? rows : Selection(rowCount: rows.rowCount, all: false)
        }
        if let validity = column.validity { kept.formIntersection(validity) }
        if kept.isEmpty { return kept }
        let isNegated = leaf.isNegated
        switch (column.values, leaf.test) {
        case (.integers(let values), .integers(let bounds)):
            kept.keep { (bounds.low <= values[$0] && values[$0] <= bounds.high) != isNegated }
        case (.integers(let values), let test):
            kept.keep { test.passes(values[$0]) != isNegated }
        case (.doubles(let values), let test):
            kept.keep { test.passes(values[$0]) != isNegated }
        case (.texts(let texts), let test):
            select(texts, test, isNegated, &kept)
        }
        return kept
    }

    private func select(_ texts: TextVector, _ test: Filter.Test, _ isNegated: Bool, _ kept: inout Selection) {
        var matcher: PatternMatcher?
        if texts.entryCount > kept.count {
            kept.keep { row in
                let index = texts.indices[row]
                guard index != TextVector.noValue else { return false }
                return test.passes(texts.entry(Int(index)), &matcher) != isNegated
            }
            return
        }
        let passes = (0..<texts.entryCount).map { test.passes(texts.entry($0), &matcher) != isNegated }
        kept.keep { row in
            let index = texts.indices[row]
            return index != TextVector.noValue && passes[Int(index)]
        }
    }
}

/// A row group's columns by name, each read once.
final class GroupReader {
    private let source: any RowGroupSource
    private var columns: [String: ColumnVector] = [:]

    init(_ source: any RowGroupSource) {
        self.source = source.reading()
    }

    var rowCount: Int { source.rowCount }

    /// The column of that name; nil where the file has none.
    func column(_ name: String) throws -> ColumnVector? {
        if let known = columns[name] { return known }
        guard let place = source.place(of: name) else { return nil }
        let column = try source.read(place)
        columns[name] = column
        return column
    }

    /// What is known of it without reading; nil where the file has no such column.
    func bounds(_ name: String) -> ColumnBounds? { source.place(of: name).map { source.bounds($0) } }
}
