/// Makes a node's archive smaller while nobody writes to it: old segments of an hour become one, sorted and compressed
/// harder. A crash at any moment costs nothing; see ``Replacement``. While an agent writes, ``LiveCompaction`` does it.
public struct Compaction: Sendable {
    /// What is compacted, and how.
    public struct Policy: Sendable, Hashable {
        /// Nanoseconds since a segment's last event before it is touched.
        public var minAgeNs: Int64 = 7_200_000_000_000
        /// Bytes that the originals of one segment have together at most.
        public var targetBytes: Int64 = 256 << 20
        /// Fewer segments are left as they are.
        public var minSegments = 2
        /// zstd's level.
        public var level: Int32 = 9
        /// How rows lie within a row group.
        public var order = RowOrder.kind

        /// The defaults.
        public init() {}
    }

    /// What somebody else does with a segment.
    public enum Use: Sendable, Hashable {
        /// It has to stay as it is.
        case inUse
        /// Nobody minds; only segments of equal marks are put together.
        case free(mark: String)
    }

    /// What came of a compaction.
    public struct Report: Sendable, Hashable {
        /// Segments that were replaced.
        public var replaced = 0
        /// Segments that took their place.
        public var written = 0
        /// Rows in them.
        public var rows: Int64 = 0
        /// Bytes of what was replaced.
        public var bytesBefore: Int64 = 0
        /// Bytes of what took its place.
        public var bytesAfter: Int64 = 0
        /// Segments that could not be read, or the disk that failed: a line each. They are as they were.
        public var problems: [String] = []
    }

    /// `<root>/node=<node>`.
    public let directory: String
    private let policy: Policy
    private let fileSystem: any FileSystem
    private let lock: ArchiveLock

    /// Takes the archive's lock, and ends what a crash interrupted.
    ///
    /// - Throws: Where an agent has the lock.
    public init(
        directory: String,
        policy: Policy,
        fileSystem: any FileSystem = PosixFileSystem()
    ) throws(ArchiveOpenError) {
        self.directory = directory
        self.policy = policy
        self.fileSystem = fileSystem
        lock = try ArchiveLock(directory: directory, fileSystem: fileSystem)
        do throws(FileError) {
            try Replacement.settle(in: directory, fileSystem: fileSystem).check()
        } catch {
            throw .file(error)
        }
    }

    /// What would be merged now.
    ///
    /// - Parameter use: What others do with a segment.
    public func plan(nowNs: Int64, use: (SegmentName) -> Use) throws(FileError) -> MergePlan {
        let inventory = try ArchiveInventory(directory, fileSystem: fileSystem)
        let duplicates = MergedSegments.duplicates(
            in: inventory.sealed.map {
                ArchiveSegment(facts: $0, directory: directory, node: nil, fileSystem: fileSystem)
            }
        )
        // The newest keeps its number: the agent's next start counts on from it.
        let newest = inventory.sealed.map(\.name.sequence).max()
        // What a crash left beside its sealed form, or beside what a repair saved of it, is known by that one's name alone,
        // until the agent starts.
        let open = Set(inventory.tree.entries.filter { $0.role == .open }.map(\.name.original))
        let covering = Set(duplicates.values)
        let counted = inventory.sealed.filter { duplicates["\(directory)/\($0.relativePath)"] == nil }
        let taken = Set(inventory.tree.entries.filter { $0.role == .sealed }.map(\.name))
        let copies = Dictionary(grouping: counted, by: \.name.original).mapValues(\.count)
        var candidates: [MergePlan.Candidate] = []
        for facts in inventory.sealed {
            let path = "\(directory)/\(facts.relativePath)"
            // Merged once more, its rows would be there twice for good.
            if duplicates[path] != nil { continue }
            var isFixed =
                facts.name.sequence == newest || facts.isDamaged || open.contains(facts.name.original)
                || facts.isRecovered && covering.contains(path) || isPinned(path)
                || copies[facts.name.original, default: 0] > 1
                // The merged one would need that name.
                || taken.contains(facts.name.repaired)
            if (facts.totals.maxTimestampNs ?? .max) > nowNs - policy.minAgeNs { isFixed = true }
            var mark = ""
            switch use(facts.name) {
            case .inUse: isFixed = true
            case .free(let told): mark = told
            }
            // The file is opened only where that can matter.
            let runID =
                isFixed
                ? nil : (try? FrameScanner.scan(fileSystem.open(path), depth: .facts))?.prologue?[SegmentKey.runID]
            candidates.append(
                MergePlan.Candidate(
                    name: facts.name,
                    path: path,
                    hour: FilePath.directory(of: facts.relativePath),
                    runID: runID.map { $0 + "\n" + mark },
                    bytes: facts.bytes,
                    rows: facts.totals.rows,
                    isFixed: isFixed
                )
            )
        }
        return MergePlan(candidates, targetBytes: policy.targetBytes, leastSegments: policy.minSegments)
    }

    /// Segments that are damaged, as far as that shows without reading their rows; no plan has them.
    public func damaged() throws(FileError) -> [String] {
        let inventory = try ArchiveInventory(directory, fileSystem: fileSystem)
        var paths = inventory.sealed.filter(\.isDamaged).map(\.relativePath)
        // Nothing of them is whole but their names.
        paths += inventory.foreign.filter { SegmentName.parse(FilePath.name(of: $0))?.role == .sealed }
        return paths.map { "\(directory)/\($0)" }
    }

    /// Merges what `plan` says. What fails is told, and the rest goes on.
    ///
    /// - Parameters:
    ///   - budget: What it may take of a core.
    ///   - progress: Called with bytes done; false stops after the segment under way.
    public func run(_ plan: MergePlan, budget: CPUBudget, progress: (Int64) -> Bool = { _ in true }) -> Report {
        var report = Report()
        var done: Int64 = 0
        let merger = SegmentMerger(order: policy.order, level: policy.level, fileSystem: fileSystem) {
            budget.rest()
            return true
        }
        for group in plan.groups {
            do throws(MergeError) {
                let facts = try replace(group, merger)
                report.replaced += group.count
                report.written += 1
                report.rows += facts.totals.rows
                report.bytesBefore += group.reduce(0) { $0 + $1.bytes }
                report.bytesAfter += facts.bytes
            } catch {
                report.problems.append("\(error)")
                // A disk that is full or broken is not better for the next.
                if case .file = error { break }
            }
            done += group.reduce(0) { $0 + $1.bytes }
            if !progress(done) { break }
        }
        if report.written > 0, let inventory = try? ArchiveInventory(directory, fileSystem: fileSystem) {
            // Only a cache.
            try? Catalogue.save(inventory.sealed, directory, fileSystem: fileSystem)
        }
        return report
    }

    private func replace(_ group: [MergePlan.Candidate], _ merger: SegmentMerger) throws(MergeError) -> SegmentFacts {
        let merged = try merger.merge(group.map(\.path), as: MergePlan.name(of: group), in: directory)
        // A person may have pinned one meanwhile.
        guard !group.contains(where: { isPinned($0.path) }) else {
            merger.discard(merged)
            throw .unlike(path: group[0].path, reason: "it was pinned meanwhile, or one behind it")
        }
        let prefix = directory.utf8.count + 1
        let replacement = Replacement(
            new: merged.facts.relativePath,
            old: group.map { String(decoding: $0.path.utf8.dropFirst(prefix), as: UTF8.self) }
        )
        do throws(FileError) {
            try replacement.carryOut(merged, by: merger, in: directory, fileSystem: fileSystem)
        } catch {
            // There only where it got no name.
            merger.discard(merged)
            throw .file(error)
        }
        return merged.facts
    }

    /// A pin that can't be looked for counts as one.
    private func isPinned(_ path: String) -> Bool {
        do throws(FileError) {
            return try fileSystem.facts(of: path + ".pin") != nil
        } catch {
            return true
        }
    }
}
