import ArgumentParser
import Glibc
import TapioArchive
import TapioEvents

struct MergeCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "merge",
        abstract: "Make one archive of many: fewer and larger segments, in the order of time.",
        discussion: """
            Reads the sealed segments of one or more archives and writes a new one: a node=… for each node, and in it the \
            segments of each hour and run of the agent merged up to --size. Ledger rows stay with their events, so that \
            tapio verify proves the result as it does the originals. Nothing of them is changed. What was written is read \
            back and compared, value by value. The tables beside the archives (_dimensions) are copied.

            Rows of a segment are in the order of time; --order kind sorts within row groups as agents do, which is \
            smaller. What is damaged is left out and named; exit code 3 then.

            EXAMPLES
              tapio merge --output ./week monday/ tuesday/ wednesday/
              tapio merge --output ./one --order kind --level 9 ./tapio-archive
            """
    )

    @Argument(help: ArgumentHelp("Archives, nodes' directories or segments.", valueName: "path"))
    var paths: [String]

    @Option(
        name: [.customShort("o"), .customLong("output")],
        help: ArgumentHelp("The new archive: a directory that is empty, or not there yet.", valueName: "directory")
    )
    var target: String

    @OptionGroup var form: MergeOptions
    @OptionGroup var output: OutputOptions

    private struct Answer: Encodable {
        var path: String
        var segmentsRead: Int
        var segmentsWritten: Int
        var rows: Int64
        var bytesRead: Int64
        var bytesWritten: Int64
        var skipped: [String]
    }

    func run() throws {
        let files = PosixFileSystem()
        try requireEmpty(files)
        var skipped: [String] = []
        let nodes = try candidates(&skipped)
        if nodes.isEmpty { throw CommandFailure(.failed, "there is no sealed segment to merge") }
        var answer = Answer(
            path: target,
            segmentsRead: 0,
            segmentsWritten: 0,
            rows: 0,
            bytesRead: 0,
            bytesWritten: 0,
            skipped: []
        )
        let total = nodes.values.joined().reduce(Int64(0)) { $0 + $1.bytes }
        var progress = ScanProgress()
        defer { progress.clear() }
        let merger = SegmentMerger(order: form.order ?? .time, level: form.level ?? 6)
        for (node, candidates) in nodes.sorted(by: { $0.key < $1.key }) {
            let plan = MergePlan(candidates, targetBytes: form.sizeBytes, includesSingles: true)
            for group in plan.groups {
                progress.update(done: answer.bytesRead, of: total, "merging")
                answer.bytesRead += group.reduce(0) { $0 + $1.bytes }
                try merge(group, "\(target)/node=\(node)", merger, &answer, &skipped)
            }
        }
        try copyTables(files, nodes: Set(nodes.keys))
        progress.clear()
        answer.skipped = skipped
        try tell(answer)
        if !skipped.isEmpty { throw ExitStatus.incomplete.code }
    }

    /// What is damaged is left out; a disk that fails ends it all.
    private func merge(
        _ group: [MergePlan.Candidate],
        _ directory: String,
        _ merger: SegmentMerger,
        _ answer: inout Answer,
        _ skipped: inout [String]
    ) throws {
        var left = group
        while !left.isEmpty {
            do throws(MergeError) {
                let merged = try merger.merge(left.map(\.path), as: MergePlan.name(of: left), in: directory)
                do throws(FileError) { try merger.publish(merged) } catch { throw .file(error) }
                answer.segmentsRead += left.count
                answer.segmentsWritten += 1
                answer.rows += merged.facts.totals.rows
                answer.bytesWritten += merged.facts.bytes
                return
            } catch {
                switch error {
                case .damaged(let path, _):
                    skipped.append("\(error)")
                    let count = left.count
                    left.removeAll { $0.path == path }
                    if left.count < count { continue }
                    throw CommandFailure(.failed, TerminalText.escape("\(error)"))
                case .file(let error): throw ArchiveAccess.failure(error, path: target)
                case .different, .unlike, .cancelled:
                    throw CommandFailure(.failed, TerminalText.escape("\(error)"))
                }
            }
        }
    }

    private func requireEmpty(_ files: PosixFileSystem) throws {
        do throws(FileError) {
            if try files.list(target).isEmpty { return }
        } catch  where error.code == ENOENT {
            return
        } catch {
            throw ArchiveAccess.failure(error, path: target)
        }
        throw CommandFailure(.usage, "\(TerminalText.escape(target)) is not empty: name a new directory")
    }

    /// The sealed segments by node. One that is there twice counts once.
    private func candidates(_ skipped: inout [String]) throws -> [String: [MergePlan.Candidate]] {
        var nodes: [String: [MergePlan.Candidate]] = [:]
        var known: Set<String> = []
        for path in paths {
            let reader: ArchiveReader
            do {
                reader = try ArchiveReader(path: path, scope: .sealed)
            } catch {
                throw ArchiveAccess.failure(error, path: path)
            }
            skipped += reader.warnings
            for segment in reader.segments {
                guard let name = segment.name, !segment.isOpen else {
                    skipped.append("\(segment.path): not a sealed segment of an archive")
                    continue
                }
                let node = segment.node ?? ""
                guard !node.isEmpty, !node.contains("/") else {
                    skipped.append("\(segment.path) does not say of which node it is")
                    continue
                }
                guard known.insert("\(node)/\(name)").inserted else {
                    skipped.append("\(segment.path) was there already: it counts once")
                    continue
                }
                do throws(ArchiveReadError) {
                    nodes[node, default: []].append(try MergePlan.Candidate(segment, name: name))
                } catch {
                    skipped.append("\(error)")
                }
            }
        }
        return nodes
    }

    /// Copies what lies beside the segments of those nodes; a file that is there already stays.
    private func copyTables(_ files: PosixFileSystem, nodes: Set<String>) throws {
        for path in paths {
            let isNode = path.split(separator: "/").last?.hasPrefix("node=") == true
            let beside = "\(path)/\(isNode ? "../" : "")_dimensions"
            guard let tables = try? files.list(beside) else { continue }
            for table in tables where table.isDirectory {
                for node in nodes.sorted() {
                    let directory = "\(beside)/\(table.name)/node=\(node)"
                    guard let entries = try? files.list(directory) else { continue }
                    for entry in entries where !entry.isDirectory && entry.name.hasSuffix(".pq") {
                        let copy = "\(target)/_dimensions/\(table.name)/node=\(node)"
                        do throws(FileError) {
                            try files.copy("\(directory)/\(entry.name)", into: copy, as: entry.name)
                        } catch {
                            throw ArchiveAccess.failure(error, path: copy)
                        }
                    }
                }
            }
        }
    }

    private func tell(_ answer: Answer) throws {
        let out = Output()
        if output.json {
            try out.line(JSONOutput.text(answer))
        } else {
            let read = "\(answer.segmentsRead) segment\(answer.segmentsRead == 1 ? "" : "s")"
            try out.line(
                "\(read), \(HumanUnits.bytes(answer.bytesRead)) → \(answer.segmentsWritten), "
                    + "\(HumanUnits.bytes(answer.bytesWritten)); \(HumanUnits.count(answer.rows)) rows in "
                    + TerminalText.escape(answer.path)
            )
            for line in answer.skipped { StandardError.warning(TerminalText.escape(line)) }
        }
        try out.flush()
    }
}
