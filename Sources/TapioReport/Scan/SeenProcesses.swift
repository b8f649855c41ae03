import TapioEvents
import TapioQuery

/// A row group that holds no more than which processes were seen and when: what is known of them can be filled in.
struct SeenProcesses: RowGroupSource {
    /// By row.
    let pids: [Int64]
    /// By row, microseconds since 1970.
    let timesUs: [Int64]
    let bootID: String?

    var name: String { "processes of the report" }
    var rowCount: Int { pids.count }
    var columns: [SourceColumn] {
        [SourceColumn(name: "ts", type: .timestamp), SourceColumn(name: "pid", type: .int64)]
    }
    var byteCount: Int { 0 }

    func bounds(_ column: Int) -> ColumnBounds { ColumnBounds(nullCount: 0) }

    func read(_ column: Int) -> ColumnVector { ColumnVector(.integers(column == 0 ? timesUs : pids)) }
}
