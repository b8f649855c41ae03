import TapioArchive

/// Sends sealed segments as they are into a table of ClickHouse, each with a token by which the server keeps it once.
final class ClickHouseTarget: ExportTarget {
    let place: String
    private let settings: ClickHouseSettings
    private let environment: [String: String]
    private let connection: ExportConnection
    /// The table's columns; nil: to be asked for.
    private var known: Set<String>?

    init(_ settings: ClickHouseSettings, environment: [String: String], connection: ExportConnection) {
        self.settings = settings
        self.environment = environment
        self.connection = connection
        place = "\(ServerURL.trimmed(settings.url))/\(settings.database)/\(settings.table)"
    }

    func deliver(
        _ segment: SealedSegment,
        after part: ExportPosition.Part?,
        keep: (ExportPosition.Part) -> Void
    ) throws(ExportFailure) -> Delivery {
        let table = try segment.openTable()
        guard !table.schema.columns.isEmpty else {
            throw ExportFailure(.refused, "\(segment.path) cannot be read: it is damaged")
        }
        for column in table.schema.columns where !ClickHouseSettings.isName(column.name) {
            throw ExportFailure(.refused, "\(segment.path) has a column that cannot be named: \(column.name)")
        }
        try prepare(table.schema)
        let file = try segment.open()
        let size: Int64
        do throws(FileError) {
            size = try file.size()
        } catch {
            throw ExportFailure(.file, "\(error)")
        }
        let parameters =
            [
                ("query", ClickHouseTable.insert(settings, table.schema)),
                ("insert_deduplication_token", segment.identity), ("log_comment", segment.node),
            ] + ClickHouseTable.insertSettings
        _ = try ask("insert a segment", parameters, .file(file, offset: 0, count: size))
        return Delivery(rows: segment.facts.totals.rows, bytes: size)
    }

    // MARK: - The table

    /// Makes sure that the table has all columns of a segment.
    private func prepare(_ schema: ParquetSchema) throws(ExportFailure) {
        var columns: Set<String>
        if let known { columns = known } else { columns = try askForColumns() }
        if columns.isEmpty {
            guard settings.createsTable else {
                throw ExportFailure(
                    .missing,
                    "there is no table at \(place)",
                    remedy: "make it, or let it be made: export.clickhouse.create_table"
                )
            }
            _ = try ask("make the table", [], .bytes(Array(ClickHouseTable.create(settings, schema).utf8)))
            columns = try askForColumns()
        }
        let missing = schema.columns.filter { !columns.contains($0.name) }
        if !missing.isEmpty {
            let names = missing.map(\.name).joined(separator: ", ")
            guard settings.createsTable else {
                throw ExportFailure(
                    .missing,
                    "the table at \(place) lacks columns: \(names)",
                    remedy: "add them, or let them be added: export.clickhouse.create_table"
                )
            }
            _ = try ask("add columns", [], .bytes(Array(ClickHouseTable.add(missing, to: settings).utf8)))
            columns = try askForColumns()
            guard schema.columns.allSatisfy({ columns.contains($0.name) }) else {
                throw ExportFailure(.answer, "the table at \(place) lacks columns that were added: \(names)")
            }
        }
        known = columns
    }

    private func askForColumns() throws(ExportFailure) -> Set<String> {
        let query = ClickHouseTable.columns(settings)
        let answer = try ask("look at the table", [], .bytes(Array(query.utf8)))
        return Set(String(decoding: answer.body, as: UTF8.self).split(separator: "\n").map(String.init))
    }

    // MARK: - Requests

    private func ask(
        _ what: String,
        _ parameters: [(String, String)],
        _ body: ExportRequest.Body
    ) throws(ExportFailure) -> ExportAnswer {
        let query = PercentEncoding.query([("database", settings.database)] + parameters)
        var request = ExportRequest(
            what: what,
            method: "POST",
            url: "\(ServerURL.trimmed(settings.url))/?\(query)",
            headers: try credentials(),
            body: body,
            caFile: settings.caFile
        )
        request.limits.stallMs = settings.stallMs
        let answer = try connection.send(request)
        let code = answer.headers["x-clickhouse-exception-code"].flatMap { Int($0) } ?? Self.code(answer.text)
        if answer.status == 200, code == nil {
            // Anything can say 200. What is not ClickHouse did not take the rows.
            guard answer.headers.keys.contains(where: { $0.hasPrefix("x-clickhouse-") }) else {
                throw ExportFailure(
                    .answer,
                    "\(what) at \(request.place): the answer is not that of ClickHouse",
                    remedy: "check that the URL is that of its HTTP interface"
                )
            }
            return answer
        }
        throw failure(what, request.place, answer, code: code)
    }

    private func credentials() throws(ExportFailure) -> [(String, String)] {
        var headers: [(String, String)] = []
        if let user = settings.user { headers.append(("X-ClickHouse-User", user)) }
        if let path = settings.passwordFile {
            headers.append(("X-ClickHouse-Key", try SecretFile.text(path, "ClickHouse's password")))
        } else if let name = settings.passwordVariable {
            guard let password = environment[name], !password.isEmpty,
                password.utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x7F })
            else {
                throw ExportFailure(
                    .credentials,
                    "the environment variable \(name) has no password for ClickHouse",
                    remedy: "set it where the agent is started"
                )
            }
            headers.append(("X-ClickHouse-Key", password))
        }
        return headers
    }

    /// The number in `Code: 60. DB::Exception: …`, with which every error of ClickHouse begins.
    private static func code(_ text: String) -> Int? {
        guard text.hasPrefix("Code: ") else { return nil }
        return Int(text.dropFirst("Code: ".count).prefix { $0.isNumber })
    }

    private func failure(_ what: String, _ place: String, _ answer: ExportAnswer, code: Int?) -> ExportFailure {
        var failure = answer.failure(what, at: place)
        guard let code else { return failure }
        // The numbers of its errors: see ErrorCodes.cpp there.
        switch code {
        case 192, 193, 194, 516:
            failure.kind = .credentials
            failure.remedy = "check export.clickhouse.user and its password"
        case 497:
            failure.kind = .credentials
            failure.remedy = "grant SELECT on system.columns, and INSERT, CREATE TABLE and ALTER on the table"
        case 60, 81:
            known = nil
            failure.kind = .missing
            failure.remedy = code == 81 ? "make the database \(settings.database)" : "it is looked for again"
        case 10, 16, 47:
            // The table has changed since it was looked at.
            known = nil
            failure.kind = .missing
            failure.remedy = "the table is looked at again"
        case 202, 252, 241, 439:
            failure.kind = .throttled
            failure.remedy = "the server has too much to do: see its log; it is tried again"
        case 6, 27, 33, 53, 117, 636, 1001:
            failure.kind = .refused
            failure.remedy = "see the server's log; the segment is checked if that goes on"
        default:
            if failure.kind == .refused || failure.kind == .missing || failure.kind == .answer {
                failure.kind = .server
            }
            failure.remedy = "see the server's log; it is tried again"
        }
        return failure
    }
}
