import TapioArchive

/// Sends the rows of sealed segments as log records, a batch a request. How far it is, is a row group and a row of it, kept
/// after each batch: after a crash the batch that was under way is sent again, and nothing else.
final class OTLPLogTarget: ExportTarget {
    let place: String
    private let settings: OTLPSettings
    private let client: OTLPClient
    private let isKubernetes: Bool
    private var progress = DeliveryProgress()
    /// What the receiver said of rows that it rejected, so that each is told once.
    private var told: Set<String> = []

    /// More different words are not told.
    private static let mostTold = 32
    /// A batch that is refused is sent again in parts, to find the rows at fault: of this share of it at least.
    private static let smallestShare = 32

    init(_ settings: OTLPSettings, environment: [String: String], connection: ExportConnection) {
        self.settings = settings
        isKubernetes = OTLPIdentity.isPod(environment)
        client = OTLPClient(
            settings,
            path: OTLPSettings.logsPath,
            environment: environment,
            connection: connection
        )
        place = client.url
    }

    func takeProgress() -> DeliveryProgress {
        defer { progress = DeliveryProgress() }
        return progress
    }

    func deliver(
        _ segment: SealedSegment,
        after part: ExportPosition.Part?,
        keep save: (ExportPosition.Part) -> Void
    ) throws(ExportFailure) -> Delivery {
        let table: SegmentTable
        do throws(FileError) {
            table = try SegmentTable(path: segment.path)
        } catch {
            throw SealedSegment.failure(error)
        }
        let envelope = envelope(table, segment)
        let start = part?.rows ?? ExportPosition.Rows(group: 0, row: 0)
        func keep(_ group: Int, _ row: Int) {
            var part = ExportPosition.Part(
                segment: segment.facts.name.description,
                key: segment.key,
                uploadID: "",
                partBytes: 0
            )
            part.rows = ExportPosition.Rows(group: group, row: row)
            save(part)
        }
        for index in table.rowGroups.indices.dropFirst(start.group) {
            let group = table.rowGroups[index]
            guard var encoder = try encoder(table, group) else {
                keep(index + 1, 0)
                continue
            }
            var row = index == start.group ? start.row : 0
            while row < group.rowCount {
                let batch = encoder.batch(from: row, rows: settings.batchRows, bytes: settings.batchBytes)
                try send(batch, envelope)
                row = batch.rows.upperBound
                if row < group.rowCount { keep(index, row) } else { keep(index + 1, 0) }
            }
        }
        // Row groups that are damaged from their frame on are not in the table.
        let readable = table.rowGroups.reduce(0) { $0 + Int64($1.rowCount) }
        progress.lose(max(0, segment.facts.totals.rows - readable), .damaged)
        return Delivery(rows: 0, bytes: 0)
    }

    /// nil: the group is damaged, and counted as lost.
    private func encoder(_ table: SegmentTable, _ group: SegmentRowGroup) throws(ExportFailure) -> OTLPLogEncoder? {
        do throws(ArchiveReadError) {
            return try OTLPLogEncoder(table, group)
        } catch {
            switch error {
            case .file(let error): throw SealedSegment.failure(error)
            case .contents:
                progress.lose(Int64(group.rowCount), .damaged)
                tell("a row group cannot be read, its \(group.rowCount) rows are lost for it: \(error)")
                return nil
            }
        }
    }

    // MARK: - Requests

    /// What stands around the records of a segment: who sends, and what.
    private struct Envelope {
        /// `ResourceLogs.resource`.
        var resource: [UInt8]
        /// `ScopeLogs.scope`.
        var scope: [UInt8]

        /// An `ExportLogsServiceRequest`.
        func request(_ records: ArraySlice<UInt8>) -> [UInt8] {
            let scopeLogs = scope.count + records.count
            let head = 1 + ProtobufWriter.length(ofVarint: UInt64(scopeLogs))
            var writer = ProtobufWriter()
            writer.head(1, byteCount: resource.count + head + scopeLogs)
            writer.raw(resource)
            writer.head(2, byteCount: scopeLogs)
            writer.raw(scope)
            writer.raw(records)
            return writer.bytes
        }
    }

    private func envelope(_ table: SegmentTable, _ segment: SealedSegment) -> Envelope {
        func fact(_ key: String) -> String { table.keyValues.last { $0.key == key }?.value ?? "" }
        let prefix = "tapio version "
        let identity = OTLPIdentity(
            node: segment.node,
            runID: fact(SegmentKey.runID),
            bootID: fact(SegmentKey.bootID),
            version: table.createdBy.hasPrefix(prefix) ? String(table.createdBy.dropFirst(prefix.count)) : "",
            isKubernetes: isKubernetes
        )
        var resource = ProtobufWriter()
        resource.field(1, bytes: identity.resource)
        var scope = ProtobufWriter()
        scope.field(1, bytes: OTLPValue.scope(version: identity.version))
        return Envelope(resource: resource.bytes, scope: scope.bytes)
    }

    /// Sends a batch to its end. What the receiver will never take of it is counted and left out.
    private func send(_ batch: OTLPLogEncoder.Batch, _ envelope: Envelope) throws(ExportFailure) {
        var waiting = [batch.rows]
        var isProbed = false
        // Counted at the end: after a failure on the way all of the batch is sent again.
        var lost: [ExportNews.LossReason: Int] = [:]
        while let rows = waiting.popLast() {
            let verdict = try client.post(envelope.request(batch.bytes(rows)), "send log records")
            progress.bytes += UInt64(client.sentBytes)
            if let notice = client.takeNotice() { tell(notice) }
            let (failure, reason, smallest): (ExportFailure, ExportNews.LossReason, Int)
            switch verdict {
            case .taken(let rejected, let why):
                // It cannot reject more than there were.
                let rejected = min(rejected, UInt64(rows.count))
                progress.rows += UInt64(rows.count) - rejected
                lost[.rejected, default: 0] += Int(rejected)
                if rejected > 0 || !why.isEmpty { tell("\(rejected) rows were rejected: \(why)") }
                continue
            case .refused(let error):
                (failure, reason, smallest) = (error, .refused, max(1, batch.rows.count / Self.smallestShare))
            case .tooLarge(let error): (failure, reason, smallest) = (error, .tooLarge, 1)
            }
            if !isProbed {
                try probe(failure)
                isProbed = true
            }
            if rows.count > smallest {
                let middle = rows.lowerBound + rows.count / 2
                waiting += [middle..<rows.upperBound, rows.lowerBound..<middle]
            } else {
                lost[reason, default: 0] += rows.count
                tell("rows were refused and are lost for it: \(failure.message)")
            }
        }
        for (reason, count) in lost { progress.lose(Int64(count), reason) }
    }

    /// Makes sure that it is the rows that are refused: a receiver takes an empty request, another server does not.
    private func probe(_ refusal: ExportFailure) throws(ExportFailure) {
        guard case .taken = try client.post([], "send an empty request") else {
            var failure = refusal
            failure.kind = .refused
            failure.remedy = "an empty request is refused too: check export.otlp.endpoint and compression"
            throw failure
        }
    }

    private func tell(_ text: String) {
        let line = ExportFailure(.refused, text).message
        // The number of rows makes no other message.
        let key = String(line.drop { $0.isNumber })
        guard told.count < Self.mostTold, told.insert(key).inserted else { return }
        progress.notices.append(line)
    }
}
