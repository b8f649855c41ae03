import ArgumentParser
import TapioCollectors
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
              Where rows were sampled, each count, sum, average and percentile has the interval beside it that holds the true \
            value with 95 %, given that rows were drawn each on its own (95 %; in other forms …_low and …_high). min, max and \
            distinct are of the rows that were kept.

            LIVE
              --live asks the running agent instead of the archive: what happens from now on, for --for, until Ctrl-C, or until \
            there are --limit rows. On a terminal, groups are shown again each second. Events are as the agent shows them live: \
            under a load that its live view cannot follow, it leaves some out, and the answer says how many.

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
              tapio query 'kind=tcp_close and pod~"api-.*" and rtt_ns>50ms' --since 10m
              tapio query 'kind = tcp_close' --order=-duration_ns --limit 10
              tapio query --by kind --between 14:00..14:05 --parquet kinds.parquet
              tapio query --live 'kind = dns_query' --by dns_name --top 10 --for 10s
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

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("The first N groups: --limit for tables.", valueName: "n")
    )
    var top: Int?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "Order by these columns of the answer, or fields of rows, with commas between; '-' in front for the greatest first.",
            valueName: "columns"
        )
    )
    var order: String?

    @Option(help: ArgumentHelp("Fields to show of single rows, with commas between.", valueName: "fields"))
    var select: String?

    @Option(parsing: .unconditional, help: ArgumentHelp("At most so many rows of the answer.", valueName: "n"))
    var limit: Int?

    @Flag(help: "Ask the running agent what happens from now on.")
    var live = false

    @Option(name: .customLong("for"), help: ArgumentHelp("With --live, how long.", valueName: "duration"))
    var duration: String?

    @Flag(help: "Write CSV (RFC 4180).")
    var csv = false

    @Option(
        help: ArgumentHelp(
            "Write a Parquet file (zstd), in the place of one that is there; - for standard output.",
            valueName: "file"
        )
    )
    var parquet: String?

    @OptionGroup var join: JoinOptions
    @OptionGroup var range: TimeRange
    @OptionGroup var archive: ArchiveOptions
    @OptionGroup var agent: AgentOptions
    @OptionGroup var output: OutputOptions

    func validate() throws {
        let forms = [csv ? "--csv" : nil, output.json ? "--json" : nil, parquet == nil ? nil : "--parquet"].compactMap {
            $0
        }
        if forms.count > 1 { throw ValidationError("\(forms.joined(separator: " and ")) exclude each other") }
        for (name, text) in [("--by", by), ("--agg", agg), ("--select", select)] {
            guard let text, QueryCommand.list(text).isEmpty else { continue }
            throw ValidationError("\(name) '\(text)': it names nothing")
        }
        if let top, top < 1 { throw ValidationError("--top \(top): at least 1") }
        if let limit, limit < 1 { throw ValidationError("--limit \(limit): at least 1") }
        if top != nil && limit != nil { throw ValidationError("--top and --limit say the same: give one") }
        if select != nil && (by != nil || agg != nil) {
            throw ValidationError("--select is for single rows; with --by and --agg the answer's columns are theirs")
        }
        if top != nil && by == nil && agg == nil {
            throw ValidationError("--top is for groups: add --by, or use --limit")
        }
        try validateLive()
    }

    private func validateLive() throws {
        guard live else {
            if duration != nil { throw ValidationError("--for is for --live") }
            if agent.socket != nil { throw ValidationError("--socket is for --live") }
            return
        }
        if range.isGiven { throw ValidationError("--live is about what happens from now on: leave out the time range") }
        if archive.archive != nil { throw ValidationError("--live asks the agent: leave out --archive") }
        if order != nil && by == nil && agg == nil {
            throw ValidationError("--live shows rows as they come: --order is for groups there")
        }
        _ = try liveNs()
    }

    private func liveNs() throws -> Int64? {
        guard let duration else { return nil }
        guard let ns = HumanUnits.durationNs(duration), ns > 0 else {
            throw ValidationError("--for \(duration): no duration; write one as in 30s")
        }
        return ns
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
        // What happens now is in no table beside an archive yet.
        spec.joins = !join.isOff && !live
        try range.apply(to: &spec)
        return spec
    }

    private var form: AnswerForm {
        if let parquet { return .parquet(parquet) }
        return csv ? .csv : output.json ? .json : .text
    }

    func run() throws {
        if live {
            let schema = QuerySchema(CollectorRegistry.schemas)
            let query = try Query(try spec(), schema: schema)
            var session = LiveSession(agent.client, query, schema, form: form, output: output, durationNs: try liveNs())
            let status = try session.run()
            if status != .ok { throw status.code }
            return
        }
        let question = try ArchiveQuestion(path: try archive.path(), spec: try spec())
        let out = Output()
        let status: ExitStatus
        if question.query.spec.isAggregate {
            let table = try ArchiveQuestion.withProgress { try question.engine.table(question.query, progress: $0) }
            try form.write(table, of: question.query, notes: notes(table.notes, question), to: out)
            try out.flush()
            status = question.note(table.notes, isIncomplete: table.summary.exitCode != 0)
        } else {
            let summary = try writeRows(question, to: out)
            try out.flush()
            status = question.note(summary.notes, isIncomplete: summary.exitCode != 0)
        }
        if status != .ok { throw status.code }
    }

    /// What goes into a file beside the answer: all that is said on standard error.
    private func notes(_ notes: [String], _ question: ArchiveQuestion) -> [String] {
        guard case .parquet = form else { return [] }
        return notes + question.gaps().map(\.description)
    }

    private func writeRows(_ question: ArchiveQuestion, to out: Output) throws -> ScanSummary {
        let bar = ScanBar()
        defer { bar.clear() }
        // Among rows on the same terminal it would only be in the way.
        let rows = try RowWriter(form, question.query, output, out, willShow: bar.clear)
        let summary = try question.engine.forEachRow(
            question.query,
            progress: { rows.isShowing ? true : bar.show($0, $1) }
        ) { event in
            try rows.write(event)
            return true
        }
        try rows.finish(notes: notes(summary.notes, question))
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
