import Glibc
import TapioArchive
import TapioEvents
import TapioQuery

/// What `tapio verify` found: frame by frame, then sum by sum.
struct Verification {
    let path: String
    private(set) var verdicts: [SegmentVerdict] = []
    private(set) var ledger: LedgerVerdict?
    private(set) var warnings: [String] = []

    private init(path: String) {
        self.path = path
    }

    /// Checks every frame of every file that is, or ought to be, a segment.
    static func frames(_ path: String) throws -> Verification {
        var result = Verification(path: path)
        let files = try SegmentFiles.find(path)
        let total = files.reduce(0) { $0 + SegmentFiles.size($1) }
        var done: Int64 = 0
        var progress = ScanProgress()
        defer { progress.clear() }
        for file in files {
            progress.update(done: done, of: total, "checking every byte")
            done += SegmentFiles.size(file)
            do {
                let verdict = try SegmentVerifier().verify(file)
                if verdict.state == .foreign && !SegmentFiles.isOurs(file) {
                    result.warnings.append("\(file): not a segment of an archive, not checked")
                } else {
                    result.verdicts.append(verdict)
                }
            } catch  where error.code == ENOENT && files.count > 1 {
                // Sealed or deleted meanwhile. A sealed one has a new name, under which it can be checked.
                let sealed = String(file.dropLast(SegmentFiles.isOpen(file) ? ".part".count : 0))
                if let verdict = try? SegmentVerifier().verify(sealed) { result.verdicts.append(verdict) }
            } catch {
                throw ArchiveAccess.failure(error, path: file)
            }
        }
        return result
    }

    /// Proves the ledger from its rows, as far as they can be read.
    mutating func proveLedger() throws {
        guard verdicts.contains(where: { $0.totals.rows > 0 }) else { return }
        let source: ArchiveSource
        do {
            source = try ArchiveSource(path: path)
        } catch let error as FileError {
            throw ArchiveAccess.failure(error, path: path)
        }
        ledger = ArchiveQuestion.withProgress { LedgerVerifier.verify(source.segments, progress: $0) }
    }

    private var damaged: [SegmentVerdict] { verdicts.filter { $0.state == .damaged || $0.state == .foreign } }

    private var doesAddUp: Bool {
        // What is damaged is told by the frames; here are the sums.
        ledger.map { !$0.findings.contains { $0.severity == .problem && $0.check != .damage } } ?? true
    }

    var status: ExitStatus {
        if !damaged.isEmpty || !doesAddUp { return .failed }
        return (ledger?.lost ?? 0) > 0 || !warnings.isEmpty || ledger?.isProven == false ? .incomplete : .ok
    }

    func lines(_ paint: Paint) -> [String] {
        var lines: [String] = []
        for verdict in damaged {
            let said = TerminalText.escapeLines("\(verdict)")
            lines.append(paint(.red, "✗ ") + (said.first ?? ""))
            lines += said.dropFirst().map { "    " + $0 }
        }
        let rows = HumanUnits.count(verdicts.reduce(0) { $0 + $1.totals.rows })
        let bytes = HumanUnits.bytes(verdicts.reduce(0) { $0 + $1.bytes })
        let count = "\(verdicts.count) segment\(verdicts.count == 1 ? "" : "s")"
        let shown = TerminalText.escape(path)
        if verdicts.isEmpty {
            // Nothing was proven, so nothing is called whole.
            lines.append(paint(.yellow, "nothing to verify: ") + "no segment in \(shown)")
        } else if damaged.isEmpty {
            lines.append(paint(.green, "✓ whole: ") + "\(count), \(rows) rows, \(bytes) in \(shown)")
        } else {
            let hint = "tapio repair \(shown) saves them to copies"
            lines.append(paint(.red, "✗ damaged: ") + "\(damaged.count) of \(count); \(rows) rows are whole, \(hint)")
        }
        return lines + ledgerLines(paint)
    }

    private func ledgerLines(_ paint: Paint) -> [String] {
        guard let ledger else { return [] }
        var lines: [String] = []
        // Of what holds, weights are worth a line: how far an estimate is from the exact total.
        for finding in ledger.findings where finding.severity != .ok || finding.check == .weights {
            let mark =
                switch finding.severity {
                case .ok: paint(.green, "✓ ")
                case .note: paint(.blue, "· ")
                case .problem: paint(.red, "✗ ")
                }
            let subject = finding.kind.map { "\($0): " } ?? ""
            lines.append(mark + TerminalText.escape("ledger: \(finding.place): \(subject)\(finding.message)"))
        }
        let runs = "\(HumanUnits.count(Int64(ledger.runs))) run\(ledger.runs == 1 ? "" : "s")"
        let merged = ledger.aggregated > 0 ? ", \(HumanUnits.count(ledger.aggregated)) aggregated" : ""
        let archived = "\(HumanUnits.count(ledger.archived)) archived\(merged)"
        if !ledger.isProven {
            lines.append(paint(.red, "✗ ledger not proven: ") + "\(runs), \(archived); see above")
        } else if ledger.lost > 0 {
            lines.append(
                paint(.yellow, "! ledger closes: ") + "\(runs), \(archived), \(HumanUnits.count(ledger.lost)) lost; "
                    + "tapio query 'kind = _ledger and ledger_entry = gap' tells when"
            )
        } else {
            lines.append(paint(.green, "✓ ledger closes: ") + "\(runs), \(archived), nothing lost")
        }
        return lines
    }

    // MARK: JSON

    struct Document: Encodable {
        var path: String
        var isWhole: Bool
        var segments: [Segment]
        var ledger: LedgerPart?
        var warnings: [String]
    }

    struct Segment: Encodable {
        var path: String
        var state: String
        var bytes: Int64
        var rows: Int64
        var lostBytes: Int64
        var rowsLost: Int64
        var isRowsLostExact: Bool
        var problems: [Problem]
    }

    struct Problem: Encodable {
        var kind: String
        var offset: Int64
        var detail: String
    }

    struct LedgerPart: Encodable {
        var isProven: Bool
        var runs: Int
        var rows: Int64
        var archived: Int64
        var aggregated: Int64
        var lost: Int64
        var findings: [Finding]
    }

    struct Finding: Encodable {
        var severity: String
        var check: String
        var place: String
        var kind: String?
        var expected: Int64?
        var actual: Int64?
        var message: String
    }

    var document: Document {
        Document(
            path: path,
            isWhole: damaged.isEmpty,
            segments: verdicts.map { verdict in
                Segment(
                    path: verdict.path,
                    state: verdict.state.rawValue,
                    bytes: verdict.bytes,
                    rows: verdict.totals.rows,
                    lostBytes: verdict.lostBytes,
                    rowsLost: verdict.rowsLost,
                    isRowsLostExact: verdict.isRowsLostExact,
                    problems: verdict.problems.map {
                        Problem(kind: $0.kind.rawValue, offset: $0.offset, detail: $0.detail)
                    }
                )
            },
            ledger: ledger.map { ledger in
                LedgerPart(
                    isProven: ledger.isProven,
                    runs: ledger.runs,
                    rows: ledger.rows,
                    archived: ledger.archived,
                    aggregated: ledger.aggregated,
                    lost: ledger.lost,
                    findings: ledger.findings.map {
                        Finding(
                            severity: $0.severity.rawValue,
                            check: $0.check.rawValue,
                            place: $0.place,
                            kind: $0.kind,
                            expected: $0.expected,
                            actual: $0.actual,
                            message: $0.message
                        )
                    }
                )
            },
            warnings: warnings
        )
    }
}
