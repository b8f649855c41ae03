import ArgumentParser
import Glibc
import TapioArchive
import TapioEvents
import TapioExport

struct CompactCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "compact",
        abstract: "Make an archive smaller: old segments of an hour become one.",
        discussion: """
            Merges the segments of each node, hour and run of the agent in place, sorted and compressed harder. Each \
            merged segment is read back and compared with its originals, value by value, before they are removed; a crash \
            at any moment leaves either them or it. Ledger rows stay with their events. No agent may write there meanwhile: one \
            that runs does the same by itself (archive.compact in its configuration).

            Left as they are: segments younger than --older-than, the newest, pinned ones (….parquet.pin), and those of \
            which exporters sent a part. Segments that an exporter has sent are merged with others that it sent alone, so \
            that none is sent again. What is damaged is named; exit code 3 then.

            EXAMPLES
              tapio compact --archive ./tapio-archive
              tapio compact --older-than 1d --cpu 25 --archive /var/lib/tapio
              tapio compact --dry-run --json
            """
    )

    @Option(help: ArgumentHelp("Only segments whose last event is so old.", valueName: "time"))
    var olderThan = "2h"

    @Option(help: ArgumentHelp("Use so many percent of a core, and rest in between.", valueName: "percent"))
    var cpu = 100

    @Flag(help: "Only tell what would be merged.")
    var dryRun = false

    @OptionGroup var form: MergeOptions
    @OptionGroup var archive: ArchiveOptions
    @OptionGroup var output: OutputOptions

    private struct Answer: Encodable {
        var path: String
        var isDryRun: Bool
        var segmentsBefore = 0
        var segmentsAfter = 0
        var rows: Int64 = 0
        var bytesBefore: Int64 = 0
        /// Nil where nothing was written.
        var bytesAfter: Int64?
        var problems: [String] = []
    }

    func validate() throws {
        if !(1...100).contains(cpu) { throw ValidationError("--cpu \(cpu): from 1 to 100") }
        if HumanUnits.durationNs(olderThan) == nil {
            throw ValidationError("--older-than \(olderThan) is no time; write one as in 30m, 2h or 1d")
        }
    }

    func run() throws {
        let path = try archive.path()
        var answer = Answer(path: path, isDryRun: dryRun)
        if cpu < 100 { _ = nice(19) }
        let budget = CPUBudget(share: Double(cpu) / 100)
        for (root, node) in try nodes(path) {
            try compact(root: root, node: node, budget, &answer)
        }
        try tell(answer)
        if !answer.problems.isEmpty { throw ExitStatus.incomplete.code }
    }

    /// The nodes of an archive, or the one that is named.
    private func nodes(_ path: String) throws -> [(root: String, node: String)] {
        let own = path.split(separator: "/").last.map(String.init) ?? ""
        if own.hasPrefix("node=") { return [("\(path)/..", String(own.dropFirst(5)))] }
        let entries: [DirectoryEntry]
        do throws(FileError) {
            entries = try PosixFileSystem().list(path)
        } catch {
            throw ArchiveAccess.failure(error, path: path)
        }
        // No node has written yet.
        if entries.isEmpty { return [] }
        let nodes = entries.filter { $0.isDirectory && $0.name.hasPrefix("node=") }
        if nodes.isEmpty {
            throw CommandFailure(.failed, "there is no archive at \(TerminalText.escape(path)): no node=… is in it")
        }
        return nodes.map { (path, String($0.name.dropFirst(5))) }
    }

    private func compact(root: String, node: String, _ budget: CPUBudget, _ answer: inout Answer) throws {
        let directory = "\(root)/node=\(node)"
        var policy = Compaction.Policy()
        policy.minAgeNs = HumanUnits.durationNs(olderThan) ?? policy.minAgeNs
        policy.targetBytes = form.sizeBytes
        policy.level = form.level ?? policy.level
        policy.order = form.order ?? policy.order
        let compaction: Compaction
        do throws(ArchiveOpenError) {
            compaction = try Compaction(directory: directory, policy: policy)
        } catch {
            throw failure(error, directory)
        }
        let plan: MergePlan
        do throws(FileError) {
            let positions = try ExportPositions(root: root, node: node)
            let now = ClockOffset.measure().utcNanoseconds(boot: ClockOffset.bootNow())
            plan = try compaction.plan(nowNs: now) { name in
                positions.isUnderWay(name) ? .inUse : .free(mark: positions.senders(of: name))
            }
            for path in try compaction.damaged() {
                answer.problems.append("\(path) is damaged: tapio repair saves what is whole of it")
            }
        } catch {
            throw ArchiveAccess.failure(error, path: directory)
        }
        if dryRun {
            answer.segmentsBefore += plan.groups.reduce(0) { $0 + $1.count }
            answer.segmentsAfter += plan.groups.count
            answer.rows += plan.groups.joined().reduce(0) { $0 + $1.rows }
            answer.bytesBefore += plan.groups.joined().reduce(0) { $0 + $1.bytes }
            return
        }
        var progress = ScanProgress()
        defer { progress.clear() }
        let total = plan.groups.joined().reduce(Int64(0)) { $0 + $1.bytes }
        let report = compaction.run(plan, budget: budget) { done in
            progress.update(done: done, of: total, "compacting")
            return true
        }
        answer.segmentsBefore += report.replaced
        answer.segmentsAfter += report.written
        answer.rows += report.rows
        answer.bytesBefore += report.bytesBefore
        answer.bytesAfter = (answer.bytesAfter ?? 0) + report.bytesAfter
        answer.problems += report.problems
    }

    private func failure(_ error: ArchiveOpenError, _ directory: String) -> CommandFailure {
        switch error {
        case .locked(_, let pid):
            let who = pid.map { "an agent (pid \($0))" } ?? "an agent"
            return CommandFailure(
                .failed,
                "\(who) writes to \(TerminalText.escape(directory)): stop it, or compact a copy of the archive"
            )
        case .file(let error): return ArchiveAccess.failure(error, path: directory)
        case .invalidNode: return CommandFailure(.failed, TerminalText.escape("\(error)"))
        }
    }

    private func tell(_ answer: Answer) throws {
        let out = Output()
        if output.json {
            try out.line(JSONOutput.text(answer))
            return try out.flush()
        }
        let before = "\(answer.segmentsBefore) segments, \(HumanUnits.bytes(answer.bytesBefore))"
        if answer.segmentsBefore == 0 {
            try out.line("nothing to compact in \(TerminalText.escape(answer.path))")
        } else if dryRun {
            try out.line("would merge \(before), into \(answer.segmentsAfter)")
        } else {
            let after = "\(answer.segmentsAfter), \(HumanUnits.bytes(answer.bytesAfter ?? 0))"
            try out.line("\(before) → \(after); \(HumanUnits.count(answer.rows)) rows")
        }
        try out.flush()
        for problem in answer.problems { StandardError.warning(TerminalText.escape(problem)) }
    }
}
