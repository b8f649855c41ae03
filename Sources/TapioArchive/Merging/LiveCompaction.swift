/// Compacts an archive that is being written, a group of segments at a time: what ``Compaction`` does while nobody writes.
///
/// What an agent appends meanwhile is not held up: the archive's lock is taken for moments only. For one thread, and an
/// archive has at most one. An hour is compacted once, when it has all of its segments: what was merged is left alone.
public struct LiveCompaction {
    /// After so many attempts that the disk ended, a group is left alone.
    public static let mostAttempts = 3
    /// Rows of row groups that overlap in time that are in memory together: 12 MiB.
    static let mostOpenRows = 512 << 10
    /// Bytes of different texts of a column of the row group that is made.
    static let mostTextBytes = 16 << 20

    /// Bytes of memory that a merge holds at most: the times of the rows that are open, and the row group that is made. The
    /// column of a row group that is read comes on top for a moment. What is mapped of files is the kernel's to take back.
    public static let mostBytes =
        mostOpenRows * MemoryLayout<TimeRun.Key>.stride + SegmentMerger.groupRows * PortionEncoder.bytesOfRow
        + mostTextBytes

    /// What came of a group.
    public enum Outcome: Sendable {
        /// A segment took the place of the group's.
        case replaced(SegmentFacts)
        /// Somebody else needed one, or it is gone: all is as it was.
        case yielded
    }

    /// A replacement that the disk ended halfway: nothing else is begun before it is settled.
    private struct Pending {
        var replacement: Replacement
        var merged: SegmentMerger.Merged
        var merger: SegmentMerger
        /// Kept: nobody else may open the archive meanwhile.
        var lock: ArchiveLock
    }

    private let archive: Archive
    private let fileSystem: any FileSystem
    private var files = CompactionFiles()
    private var attempts: [SegmentName: Int] = [:]
    private var pending: Pending?
    /// Whether the last plan left a group alone for want of space on the file system.
    public private(set) var isShortOfRoom = false

    /// A compaction of `archive`.
    public init(_ archive: Archive) {
        self.archive = archive
        fileSystem = archive.fileSystem
    }

    /// Segments that are left alone until the next start, since a merge of them failed.
    public var blockedSegments: Int { files.blockedCount }

    /// The segments that should become one next, oldest first; nil where nothing is to be done.
    ///
    /// - Parameters:
    ///   - nowNs: UTC, nanoseconds since 1970.
    ///   - use: What others do with a segment.
    ///   - pause: Called after each file that was looked into. False ends the search.
    public mutating func next(
        _ policy: Compaction.Policy,
        nowNs: Int64,
        use: (SegmentName) -> Compaction.Use,
        pause: () -> Bool = { true }
    ) -> [MergePlan.Candidate]? {
        isShortOfRoom = false
        let segments = archive.segments
        files.keep(segments)
        attempts = attempts.filter { files.isPresent($0.key) }
        guard segments.count > policy.minSegments else { return nil }
        // One that the start could not settle: which files have which rows is not known.
        if Replacement.hasJournal(in: archive.directory, fileSystem: fileSystem) { return nil }
        var plan = CompactionPlan(policy, nowNs: nowNs)
        // The newest keeps its number: the next start counts on from it.
        let newest = segments.map(\.name.sequence).max()
        let hours = Dictionary(grouping: segments, by: \.hourPath).mapValues(\.count)
        let copies = Dictionary(grouping: segments, by: \.name.original).mapValues(\.count)
        // Most hours have nothing to be merged any more, and are not looked into.
        func isAlone(_ facts: SegmentFacts) -> Bool { hours[facts.hourPath, default: 0] < policy.minSegments }
        for facts in segments where !isAlone(facts) {
            let path = "\(archive.directory)/\(facts.relativePath)"
            _ = files.look(facts, path: path, fileSystem: fileSystem)
            if !pause() { return nil }
        }
        for facts in segments {
            let path = "\(archive.directory)/\(facts.relativePath)"
            let file = isAlone(facts) ? .other : files.look(facts, path: path, fileSystem: fileSystem)
            var state = CompactionPlan.State.free(mark: "")
            if case .run = file {
                let isYoung = (facts.totals.maxTimestampNs ?? .max) > nowNs - policy.minAgeNs
                if isYoung || facts.name.sequence == newest {
                    state = .waiting
                } else {
                    switch use(facts.name) {
                    case .inUse: state = .waiting
                    case .free(let mark):
                        let isOnly =
                            copies[facts.name.original, default: 0] == 1 && !hasTwin(facts)
                            && !files.isElsewhere(facts.name)
                        state = isOnly && !isPinned(path) ? .free(mark: mark) : .fixed
                    }
                }
            } else {
                state = .fixed
            }
            plan.add(facts, path: path, run: file.run, state)
            if !pause() { return nil }
        }
        for group in plan.groups {
            guard archive.hasRoom(for: group.reduce(0) { $0 + $1.bytes }) else {
                isShortOfRoom = true
                continue
            }
            return group
        }
        return nil
    }

    /// Makes one segment of a group, proves it value by value, and puts it into the place of the group's.
    ///
    /// - Parameters:
    ///   - isFree: Asked once nobody can begin to work with them any more: whether nobody does.
    ///   - pause: The place to wait, called often. False ends the merge; then all is as it was.
    /// - Throws: Where it failed; the segments are as they were, or will be as soon as ``settle()`` succeeds.
    public mutating func compact(
        _ group: [MergePlan.Candidate],
        _ policy: Compaction.Policy,
        isFree: () -> Bool,
        pause: @escaping @Sendable () -> Bool
    ) throws(MergeError) -> Outcome {
        guard pending == nil, archive.hold(group.map(\.name)) else { return .yielded }
        guard isFree() else {
            archive.release()
            return .yielded
        }
        var merger = SegmentMerger(order: policy.order, level: policy.level, fileSystem: fileSystem, pause: pause)
        merger.mostOpenRows = Self.mostOpenRows
        merger.mostTextBytes = Self.mostTextBytes
        let merged: SegmentMerger.Merged
        do throws(MergeError) {
            merged = try merger.merge(group.map(\.path), as: MergePlan.name(of: group), in: archive.directory)
        } catch {
            archive.release()
            // Retention came first.
            guard group.allSatisfy({ candidate in archive.segments.contains { $0.name == candidate.name } }) else {
                return .yielded
            }
            note(error, group)
            throw error
        }
        return try replace(group, merged, merger)
    }

    /// Ends what the disk interrupted.
    ///
    /// - Returns: What took the place of the originals; nil where they are as they were, or nothing was to be done.
    /// - Throws: Where the disk still fails; until it succeeds nothing is compacted.
    @discardableResult
    public mutating func settle() throws(FileError) -> SegmentFacts? {
        guard let pending else { return nil }
        // A file of that name alone tells nothing: a repair may have made it.
        let named = try fileSystem.facts(of: pending.merged.sealedPath)
        let unnamed = try fileSystem.facts(of: pending.merged.temporaryPath)
        let settlement = try Replacement.settle(in: archive.directory, fileSystem: fileSystem)
        let isReplaced =
            switch settlement {
            case .replaced: true
            case .kept: false
            case .unknown(let error): throw error
            // It was removed as the last step, or never written.
            case .nothing: named != nil && unnamed == nil
            }
        if !isReplaced { pending.merger.discard(pending.merged) }
        let new = isReplaced ? pending.merged.facts : nil
        archive.endReplacement(pending.replacement, by: new)
        self.pending = nil
        return new
    }

    private mutating func replace(
        _ group: [MergePlan.Candidate],
        _ merged: SegmentMerger.Merged,
        _ merger: SegmentMerger
    ) throws(MergeError) -> Outcome {
        let prefix = archive.directory.utf8.count + 1
        let replacement = Replacement(
            new: merged.facts.relativePath,
            old: group.map { String(decoding: $0.path.utf8.dropFirst(prefix), as: UTF8.self) }
        )
        // A person may have pinned one meanwhile, and retention may have removed one.
        guard !group.contains(where: { isPinned($0.path) }), let lock = archive.beginReplacement(replacement) else {
            merger.discard(merged)
            archive.release()
            return .yielded
        }
        do throws(FileError) {
            try replacement.carryOut(merged, by: merger, in: archive.directory, fileSystem: fileSystem)
        } catch {
            pending = Pending(replacement: replacement, merged: merged, merger: merger, lock: lock)
            if let new = try? settle() { return .replaced(new) }
            note(.file(error), group)
            throw .file(error)
        }
        archive.endReplacement(replacement, by: merged.facts)
        // Until here the lock is ours, whatever became of the archive.
        withExtendedLifetime(lock) {}
        return .replaced(merged.facts)
    }

    /// What cannot be merged is left alone until the next start; what the disk refused is tried a few times.
    private mutating func note(_ error: MergeError, _ group: [MergePlan.Candidate]) {
        switch error {
        case .cancelled: break
        case .damaged(let path, _), .unlike(let path, _):
            let culprits = group.filter { $0.path == path }
            for candidate in culprits.isEmpty ? group : culprits { files.block(candidate.name) }
        case .different: for candidate in group { files.block(candidate.name) }
        case .file:
            attempts[group[0].name, default: 0] += 1
            guard attempts[group[0].name, default: 0] >= Self.mostAttempts else { break }
            for candidate in group { files.block(candidate.name) }
        }
    }

    /// Whether the file from which it was sealed or saved is still there: the disk refused to remove it. That one is known by
    /// the sealed one's name alone, until the next start.
    private func hasTwin(_ facts: SegmentFacts) -> Bool {
        isThere("\(archive.directory)/\(facts.hourPath)/\(facts.name.original.fileName(.open))")
    }

    private func isPinned(_ path: String) -> Bool { isThere(path + ".pin") }

    /// What can't be looked for counts as there.
    private func isThere(_ path: String) -> Bool {
        do throws(FileError) {
            return try fileSystem.facts(of: path) != nil
        } catch {
            return true
        }
    }
}

extension SegmentFacts {
    /// The directory of its hour, from the node's directory on.
    var hourPath: String { FilePath.directory(of: relativePath) }
}
