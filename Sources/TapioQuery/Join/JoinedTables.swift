import Synchronization

/// The tables of one node, each read when the first row asks for it, and once: for the question's time and columns.
final class JoinedTables: Sendable {
    /// Those that there are, and that fill in something that is asked for; in their order.
    let present: [JoinTable]
    private let source: any DimensionSource
    private let joined: Set<String>
    private let times: ClosedRange<Int64>
    private let numbers: Set<Int64>?
    private let budget: JoinBudget
    private let loaded = Mutex<[String: LoadedTable]>([:])

    init(
        _ source: any DimensionSource,
        joined: Set<String>,
        times: ClosedRange<Int64>,
        numbers: Set<Int64>?,
        budget: JoinBudget
    ) {
        self.source = source
        self.joined = joined
        self.times = times
        self.numbers = numbers
        self.budget = budget
        present = JoinTable.all.filter { !joined.isDisjoint(with: $0.targets.keys) && source.has($0.name) }
    }

    /// The table in memory.
    func loaded(_ table: JoinTable) -> LoadedTable {
        loaded.withLock { tables in
            if let known = tables[table.name] { return known }
            let (parts, damage) = source.parts(of: table.name)
            var loader = TableLoader(
                table,
                values: Set(joined.compactMap { table.targets[$0] }),
                range: times,
                numbers: numbers,
                bounds: budget.left
            )
            let result = loader.load(parts)
            budget.spend(result, refused: loader.refused, of: table.name, damage: damage + loader.damage)
            tables[table.name] = result
            return result
        }
    }
}

/// What the tables of a question may hold in all, and what they met.
final class JoinBudget: Sendable {
    private struct State {
        var left: TableLoader.Bounds
        var refused: [String: Int] = [:]
        var damage: [Damage] = []
    }

    private let state: Mutex<State>

    init(_ limits: QueryLimits) {
        state = Mutex(State(left: TableLoader.Bounds(rows: limits.joinRows, textBytes: limits.joinTextBytes)))
    }

    /// What the next table may hold.
    var left: TableLoader.Bounds { state.withLock { $0.left } }

    /// Takes off what a table holds.
    func spend(_ table: LoadedTable, refused: Int, of name: String, damage: [Damage]) {
        state.withLock { state in
            state.left.rows = max(0, state.left.rows - table.index.count)
            state.left.textBytes = max(0, state.left.textBytes - table.texts.bytes.count)
            if refused > 0 { state.refused[name, default: 0] += refused }
            state.damage += damage
        }
    }

    /// What could not be read, and by table the rows that found no room.
    var outcome: (damage: [Damage], refused: [String: Int]) { state.withLock { ($0.damage, $0.refused) } }
}
