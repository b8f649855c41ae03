import ArgumentParser
import Glibc
import TapioArchive
import TapioEvents
import TapioQuery

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
            smaller. Row groups that are damaged are left out and named; exit code 3 then. Each row is there once: of what \
            is there twice, also as a segment and as the one that it was merged into, one is taken.

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
        /// Segments whose rows came from others.
        var repeated: [String]
    }

    /// What is not taken.
    private struct LeftOut {
        /// Damaged or no segment: a line each.
        var skipped: [String] = []
        /// Paths of what is there in another place.
        var repeated: [String] = []
        /// Damaged segments of which what is whole is taken.
        var salvaged: Set<String> = []
        /// The version of the first archive that is of a later one than this program.
        var newerSchemaVersion: String?
    }

    func run() throws {
        let files = PosixFileSystem()
        let isThere = try requireEmpty(files)
        var left = LeftOut()
        let nodes = try candidates(&left)
        if nodes.isEmpty {
            for line in left.skipped { StandardError.warning(TerminalText.escape(line)) }
            throw CommandFailure(.failed, "there is no sealed segment to merge")
        }
        var answer = Answer(
            path: target,
            segmentsRead: 0,
            segmentsWritten: 0,
            rows: 0,
            bytesRead: 0,
            bytesWritten: 0,
            skipped: [],
            repeated: []
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
                try merge(group, "\(target)/node=\(node)", merger, &answer, &left)
            }
        }
        if answer.segmentsWritten == 0 {
            progress.clear()
            for line in left.skipped { StandardError.warning(TerminalText.escape(line)) }
            removeEmpty(target, files, isTop: isThere)
            throw CommandFailure(.failed, "nothing that could be merged is whole, so nothing was written")
        }
        try copyTables(files, nodes: Set(nodes.keys))
        progress.clear()
        answer.skipped = left.skipped
        answer.repeated = left.repeated
        try tell(answer)
        if !output.json { ArchiveAccess.note(newerSchemaVersion: left.newerSchemaVersion) }
        if !left.skipped.isEmpty { throw ExitStatus.incomplete.code }
    }

    /// What is damaged is left out; a disk that fails ends it all.
    private func merge(
        _ group: [MergePlan.Candidate],
        _ directory: String,
        _ merger: SegmentMerger,
        _ answer: inout Answer,
        _ left: inout LeftOut
    ) throws {
        var rest = group
        while !rest.isEmpty {
            let name = MergePlan.name(of: rest)
            let hour = ArchiveHour(timestampNs: name.startMicros &* 1000).path
            let temporary = "\(directory)/\(hour)/\(name.fileName(.temporary))"
            TemporaryFiles.add(temporary)
            defer { TemporaryFiles.remove(temporary) }
            do throws(MergeError) {
                let merged = try merger.merge(rest.map(\.path), as: name, in: directory, salvaging: left.salvaged)
                do throws(FileError) { try merger.publish(merged) } catch { throw .file(error) }
                answer.segmentsRead += rest.count
                answer.segmentsWritten += 1
                answer.rows += merged.facts.totals.rows
                answer.bytesWritten += merged.facts.bytes
                left.skipped += merged.losses
                return
            } catch {
                switch error {
                case .damaged(let path, _):
                    // What is whole of it, or else nothing.
                    if left.salvaged.insert(path).inserted, rest.contains(where: { $0.path == path }) { continue }
                    left.skipped.append("\(error)")
                    let count = rest.count
                    rest.removeAll { $0.path == path }
                    if rest.count < count { continue }
                    throw CommandFailure(.failed, TerminalText.escape("\(error)"))
                case .file(let error): throw failure(error)
                case .different, .unlike, .cancelled:
                    throw CommandFailure(.failed, TerminalText.escape("\(error)"))
                }
            }
        }
    }

    /// The words for a disk that fails: where it is written, or where it is read.
    private func failure(_ error: FileError) -> CommandFailure {
        let isTarget =
            error.path == target || error.path.hasPrefix(target + "/") || target.hasPrefix(error.path + "/")
        guard isTarget else {
            return CommandFailure(.failed, TerminalText.escape("\(ArchiveReadError.file(error))"))
        }
        let isForbidden = error.code == EACCES || error.code == EPERM
        return CommandFailure(
            isForbidden ? .privileges : .failed,
            "cannot write \(TerminalText.escape(target)): \(TerminalText.escape("\(error)"))"
        )
    }

    /// Whether the directory is there, and nothing in it.
    private func requireEmpty(_ files: PosixFileSystem) throws -> Bool {
        do throws(FileError) {
            if try files.list(target).isEmpty { return true }
        } catch  where error.code == ENOENT {
            return false
        } catch  where error.code == ENOTDIR {
            throw CommandFailure(.usage, "\(TerminalText.escape(target)) is a file: name a new directory")
        } catch {
            throw failure(error)
        }
        throw CommandFailure(.usage, "\(TerminalText.escape(target)) is not empty: name a new directory")
    }

    /// Takes back the directories in which nothing was written.
    private func removeEmpty(_ path: String, _ files: PosixFileSystem, isTop: Bool) {
        for entry in (try? files.list(path)) ?? [] where entry.isDirectory {
            removeEmpty("\(path)/\(entry.name)", files, isTop: false)
        }
        // Refused where something is in it.
        if !isTop { _ = try? files.removeDirectory(path) }
    }

    /// The sealed segments by node, each row in one of them.
    private func candidates(_ left: inout LeftOut) throws -> [String: [MergePlan.Candidate]] {
        var nodes: [String: [MergePlan.Candidate]] = [:]
        for (node, found) in try segments(&left).sorted(by: { $0.key < $1.key }) {
            let duplicates = MergedSegments.duplicates(in: found)
            for segment in found {
                guard let name = segment.name else { continue }
                if duplicates[segment.path] != nil {
                    left.repeated.append(segment.path)
                    continue
                }
                do throws(ArchiveReadError) {
                    nodes[node, default: []].append(try MergePlan.Candidate(segment, name: name))
                } catch {
                    left.skipped.append("\(error)")
                }
            }
        }
        return nodes
    }

    /// The sealed segments by node, no two of the same name.
    private func segments(_ left: inout LeftOut) throws -> [String: [ArchiveSegment]] {
        var nodes: [String: [ArchiveSegment]] = [:]
        var places: [String: Int] = [:]
        for path in paths {
            let reader: ArchiveReader
            do {
                reader = try ArchiveReader(path: path, scope: .sealed)
            } catch {
                throw ArchiveAccess.failure(error, path: path)
            }
            left.skipped += reader.warnings
            let newer = ArchiveSource.newerSchemaVersion(of: reader.segments)
            left.newerSchemaVersion = left.newerSchemaVersion ?? newer
            left.repeated += reader.duplicates.keys.sorted()
            for segment in reader.segments {
                guard let name = segment.name, !segment.isOpen else {
                    left.skipped.append("\(segment.path): not a sealed segment of an archive")
                    continue
                }
                let node = segment.node ?? ""
                guard !node.isEmpty, !node.contains("/") else {
                    left.skipped.append("\(segment.path) does not say of which node it is")
                    continue
                }
                guard let place = places["\(node)/\(name)"], let known = nodes[node]?[place] else {
                    places["\(node)/\(name)"] = nodes[node]?.count ?? 0
                    nodes[node, default: []].append(segment)
                    continue
                }
                // One copy may be cut off, or have grown since the other one was made.
                let isBetter =
                    segment.totals.rows > known.totals.rows || known.isDamaged && !segment.isDamaged
                if isBetter { nodes[node]?[place] = segment }
                left.repeated.append(isBetter ? known.path : segment.path)
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
                            throw failure(error)
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
            if let first = answer.repeated.first {
                let count = answer.repeated.count
                let what = count == 1 ? "1 segment was" : "\(HumanUnits.count(Int64(count))) segments were"
                let shown = TerminalText.escape(first)
                StandardError.line(
                    "tapio: note: \(what) left out, whose rows others have: \(shown)\(count > 1 ? ", …" : "")"
                )
            }
            for line in answer.skipped { StandardError.warning(TerminalText.escape(line)) }
        }
        try out.flush()
    }
}
