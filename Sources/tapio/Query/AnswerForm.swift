import Glibc
import TapioAgent
import TapioEvents
import TapioQuery

/// The form in which an answer is written.
enum AnswerForm: Equatable {
    /// An aligned table; where no fields are selected, a line for each row.
    case text
    /// A line of JSON for each row.
    case json
    /// RFC 4180.
    case csv
    /// A Parquet file at this path; `-` for standard output.
    case parquet(String)

    /// Writes groups.
    func write(_ table: QueryTable, of query: Query, notes: [String], to out: Output) throws {
        switch self {
        case .text:
            if table.rows.isEmpty { return StandardError.line("tapio: note: no row passes") }
            try out.text(QueryOutput.table(table))
        case .json: try out.text(QueryOutput.jsonLines(table))
        case .csv: try out.text(QueryOutput.csv(table))
        case .parquet(let path):
            let (columns, rows) = table.withBounds
            let file = try ParquetTarget(path, columns)
            for row in rows { try file.append(row) }
            try file.finish(query.description, notes)
        }
    }
}

/// Single rows in some form.
final class RowWriter {
    private let form: AnswerForm
    private let query: Query
    private let out: Output
    private let printer: RowPrinter
    private var table: AlignedRows?
    private var file: ParquetTarget?
    private let willShow: () -> Void
    /// Rows that were taken.
    private(set) var count = 0
    /// Whether a row went to standard output.
    private(set) var isShowing = false

    /// - Parameters:
    ///   - isLive: Whether a row has to be seen when it comes.
    ///   - willShow: Called before the first row goes to standard output.
    init(
        _ form: AnswerForm,
        _ query: Query,
        _ output: OutputOptions,
        _ out: Output,
        isLive: Bool = false,
        willShow: @escaping () -> Void = {}
    ) throws {
        self.form = form
        self.query = query
        self.out = out
        self.willShow = willShow
        printer = RowPrinter(output: output)
        let columns = query.selected.map { ResultColumn(name: $0.name, type: $0.type, unit: $0.unit) }
        switch form {
        case .csv: try out.text(QueryOutput.csvHeader(query.selected))
        case .parquet(let path):
            file = try ParquetTarget(path, columns)
        case .text: if !query.spec.select.isEmpty { table = AlignedRows(columns, holdsBack: !isLive) }
        case .json: break
        }
    }

    func write(_ event: DecodedEvent) throws {
        count += 1
        switch form {
        case .text: try show(table?.add(values(event)) ?? printer.text(event) + "\n")
        case .json: try show(printer.text(event) + "\n")
        case .csv: try show(QueryOutput.csvLine(values(event)))
        case .parquet: try file?.append(values(event))
        }
    }

    /// Nothing follows.
    func finish(notes: [String]) throws {
        try show(table?.finish() ?? "")
        try file?.finish(query.description, notes)
        if count == 0 { StandardError.line("tapio: note: no row passes") }
    }

    private func show(_ text: String) throws {
        guard !text.isEmpty else { return }
        if !isShowing { willShow() }
        isShowing = true
        try out.text(text)
    }

    /// The event has its values in the order of the selected columns, without those that are null.
    private func values(_ event: DecodedEvent) -> [EventValue] {
        var next = 0
        return query.selected.map { column in
            guard next < event.values.count, event.values[next].column.name == column.name else { return .null }
            next += 1
            return event.values[next - 1].value
        }
    }
}

/// A Parquet file that appears when it is complete; or standard output.
final class ParquetTarget {
    private var output: ParquetOutput
    /// Nil: standard output.
    private let file: OutputFile?

    init(_ path: String, _ columns: [ResultColumn]) throws {
        let program = "tapio version \(TapioVersion.current)"
        guard path == "-" else {
            let file = try OutputFile(path)
            self.file = file
            output = try ParquetOutput(columns, createdBy: program) { bytes in try file.write(bytes) }
            return
        }
        guard isatty(STDOUT_FILENO) != 1 else {
            throw CommandFailure(.usage, "a Parquet file is nothing for a terminal: name a file, or use a pipe")
        }
        file = nil
        let out = Output()
        output = try ParquetOutput(columns, createdBy: program) { bytes in
            try out.bytes(bytes)
            try out.flush()
        }
    }

    func append(_ row: [EventValue]) throws { try output.append(row) }

    func finish(_ query: String, _ notes: [String]) throws {
        try output.finish(query: query, notes: notes)
        try file?.finish()
        noteLosses()
    }

    /// Says which texts are not in the file as they were.
    private func noteLosses() {
        if output.cutTexts > 0 {
            let count = HumanUnits.count(Int64(output.cutTexts))
            StandardError.line("tapio: note: incomplete: texts cut in the Parquet file, being too long: \(count)")
        }
        if output.refusedTexts > 0 {
            let count = HumanUnits.count(Int64(output.refusedTexts))
            StandardError.line("tapio: note: incomplete: texts empty in the Parquet file, for want of room: \(count)")
        }
    }
}
