import ArgumentParser
import Glibc
import TapioEvents
import TapioQuery

struct QueryCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "query",
        abstract: "Ask the archive: filter, group, count, percentiles.",
        discussion: """
            The filter compares fields (tapio schema) with values, joined by and, or, not and parentheses. Without \
            --by and --agg the rows that pass are shown, in the order of time. Counts and sums are weighted: sampled \
            events count for all that they stand for.

            FILTERS
              kind = process_exec and comm in ("bash", "sh")
              duration_ns > 50ms and exit_code != 0
              exe ~ "^/tmp/"                 A regular expression.
              pod is not null

            AGGREGATES
              count, count(x), sum(x), avg(x), min(x), max(x), distinct(x), p50(x) … p99.9(x)

            JOINS
              Where a row has null, what was found out later fills it in, from the tables beside the archive \
            (_dimensions). Nothing that is there is replaced. Filters and groups see it too; *_status stays what it was.
              container      container_id, container_runtime, container, pod_uid, pod,
                             namespace, workload, service, unit: of the row's cgroup
              pod            pod, namespace, workload, service: of the row's pod_uid
              process        exe, args, cwd, ancestry: of the row's pid, for every kind
              service        dst_service: of dst_addr and dst_port, for tcp_* and udp_*
              dns            dst_name: what was resolved to dst_addr in the row's netns
              Only columns that the question uses are filled in; without --by, --agg \
            and --select, that is all. A row's time decides: a pid or an address that is used twice gets what it was then. \
            --no-join shows rows as they were written.

            On standard error it notes what the answer lacks: damage, and gaps that the ledger knows of in that time. \
            Exit code 3 then, 2 for a question that is wrong.

            EXAMPLES
              tapio query --by kind
              tapio query 'kind = process_exec' --by comm --top 10 --since 1h
              tapio query 'kind = tcp_connect' --by dst_addr,dst_port
                  --agg 'count,p99(latency_ns)'
              tapio query 'exit_code != 0' --by 'time(1m)' --csv > failures.csv
              tapio query 'pid = 4711' --select ts,kind,exe,args --json
              tapio query 'kind = tcp_close' --by exe,dst_name --agg 'sum(bytes_sent)'
            """
    )

    @Argument(help: ArgumentHelp("Which rows; all but the ledger's where there is none.", valueName: "filter"))
    var filter: String = ""

    @Option(
        help: ArgumentHelp("Group by these fields, with commas between; time(10s) groups by time.", valueName: "fields")
    )
    var by: String?

    @Option(help: ArgumentHelp("What to compute of each group, with commas between.", valueName: "aggregates"))
    var agg: String?

    @Option(help: ArgumentHelp("The first N groups: --limit for tables.", valueName: "n"))
    var top: Int?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("Order groups by this column; '-' in front for the greatest first.", valueName: "column")
    )
    var order: String?

    @Option(help: ArgumentHelp("Fields to show of single rows, with commas between.", valueName: "fields"))
    var select: String?

    @Option(help: ArgumentHelp("At most so many rows of the answer.", valueName: "n"))
    var limit: Int?

    @Flag(help: "Write CSV (RFC 4180).")
    var csv = false

    @OptionGroup var join: JoinOptions
    @OptionGroup var range: TimeRange
    @OptionGroup var archive: ArchiveOptions
    @OptionGroup var output: OutputOptions

    func validate() throws {
        if csv && output.json { throw ValidationError("--csv and --json exclude each other") }
        if let top, top < 1 { throw ValidationError("--top \(top): at least 1") }
        if let limit, limit < 1 { throw ValidationError("--limit \(limit): at least 1") }
        if top != nil && limit != nil { throw ValidationError("--top and --limit say the same: give one") }
        if select != nil && (by != nil || agg != nil) {
            throw ValidationError("--select is for single rows; with --by and --agg the answer's columns are theirs")
        }
        if top != nil && by == nil && agg == nil {
            throw ValidationError("--top is for groups: add --by, or use --limit")
        }
    }

    /// The question as the engine takes it.
    func spec() throws -> QuerySpec {
        var spec = QuerySpec()
        spec.filter = filter
        spec.groupBy = QueryCommand.list(by)
        spec.aggregates = QueryCommand.list(agg)
        spec.select = QueryCommand.list(select)
        spec.order = order
        spec.limit = limit ?? top
        spec.joins = !join.isOff
        try range.apply(to: &spec)
        return spec
    }

    func run() throws {
        let question = try ArchiveQuestion(path: try archive.path(), spec: try spec())
        let out = Output()
        let status: ExitStatus
        if question.query.spec.isAggregate {
            let table = try ArchiveQuestion.withProgress { try question.engine.table(question.query, progress: $0) }
            try write(table, to: out)
            try out.flush()
            status = question.note(table.notes, isIncomplete: table.summary.exitCode != 0)
        } else {
            let summary = try writeRows(question, to: out)
            try out.flush()
            status = question.note(summary.notes, isIncomplete: summary.exitCode != 0)
        }
        if status != .ok { throw status.code }
    }

    private func write(_ table: QueryTable, to out: Output) throws {
        if csv { return try out.text(QueryOutput.csv(table)) }
        if output.json { return try out.text(QueryOutput.jsonLines(table)) }
        if table.rows.isEmpty { return StandardError.line("tapio: note: no row passes") }
        try out.text(QueryOutput.table(table))
    }

    private func writeRows(_ question: ArchiveQuestion, to out: Output) throws -> ScanSummary {
        if csv { try out.text(QueryOutput.csvHeader(question.query.selected)) }
        let rows = RowPrinter(output: output, isRaw: select != nil)
        var count = 0
        let summary = try ArchiveQuestion.withProgress { progress in
            try question.engine.forEachRow(question.query, progress: count == 0 ? progress : nil) { event in
                count += 1
                if csv {
                    try out.text(QueryOutput.csvLine(question.query.selected.map { event[$0.name] }))
                } else {
                    try out.line(rows.text(event))
                }
                return true
            }
        }
        if count == 0 { StandardError.line("tapio: note: no row passes") }
        return summary
    }

    /// The items of a list with commas; those within parentheses belong to an item.
    static func list(_ text: String?) -> [String] {
        guard let text else { return [] }
        var items: [String] = []
        var item = ""
        var depth = 0
        for character in text {
            if character == "," && depth == 0 {
                items.append(item)
                item = ""
                continue
            }
            if character == "(" { depth += 1 }
            if character == ")" { depth -= 1 }
            item.append(character)
        }
        items.append(item)
        return items.map { item in
            var trimmed = item[...]
            while trimmed.first == " " { trimmed.removeFirst() }
            while trimmed.last == " " { trimmed.removeLast() }
            return String(trimmed)
        }.filter { !$0.isEmpty }
    }
}
