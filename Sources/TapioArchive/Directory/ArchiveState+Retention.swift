import Glibc

extension ArchiveState {
    /// Refusals of the disk after which retention waits for its next turn.
    private static let mostRefusals = 16

    /// Deletes sealed segments, oldest first, until the limits are kept. Pinned ones and the open one stay, and so do those that
    /// the disk does not let go: others go in their place.
    mutating func enforceRetention() {
        lastRetentionNs = options.clock.monotonicNs()
        var refused: Set<String> = []
        var isChanged = false
        while refused.count < Self.mostRefusals {
            let known = refused.count
            let deleted = deleteVictims(&refused)
            for deletion in deleted { count(deletion) }
            if !deleted.isEmpty { isChanged = true }
            if refused.count == known { break }
        }
        if isChanged { saveCatalogue() }
    }

    private mutating func deleteVictims(_ refused: inout Set<String>) -> [RetentionDeletion] {
        var deleted: [RetentionDeletion] = []
        for (segment, reason) in chooseVictims(except: refused) where refused.count < Self.mostRefusals {
            var twinBytes: Int64 = 0
            do throws(FileError) {
                try removeTwins(of: segment, freed: &twinBytes)
                try remove(segment)
            } catch {
                counters.bytesDeleted += UInt64(twinBytes)
                refused.insert(segment.relativePath)
                note(.retentionFailed(error))
                continue
            }
            deleted.append(RetentionDeletion(segment: segment, reason: reason, twinBytes: twinBytes))
            removeEmptyDirectories(above: segment.relativePath)
        }
        let paths = Set(deleted.map(\.segment.relativePath))
        sealed.removeAll { paths.contains($0.relativePath) }
        return deleted
    }

    private func remove(_ segment: SegmentFacts) throws(FileError) {
        do throws(FileError) {
            try options.fileSystem.remove("\(directory)/\(segment.relativePath)")
        } catch  where error.code == ENOENT {
            // Somebody else removed it: nothing was freed by us, but it is gone.
        }
    }

    /// Removes what a crash, or a disk that refused, left of the open files whose rows a sealed segment has: left alone, the
    /// next start would save the deleted rows from them. They go before the segment, and durably, so that a crash between them
    /// leaves all rows in one file.
    private func removeTwins(of segment: SegmentFacts, freed: inout Int64) throws(FileError) {
        let hour = "\(directory)/\(segment.hourPath)"
        var isChanged = false
        for name in twinNames(of: segment) {
            let path = "\(hour)/\(name.fileName(.open))"
            guard let facts = try options.fileSystem.facts(of: path) else { continue }
            do throws(FileError) {
                try options.fileSystem.remove(path)
            } catch  where error.code == ENOENT {
                continue
            }
            freed += facts.size
            isChanged = true
        }
        if isChanged { try options.fileSystem.syncDirectory(hour) }
    }

    /// The names under which its rows were written: its own, or those of which it was merged.
    private func twinNames(of segment: SegmentFacts) -> Set<SegmentName> {
        var names: Set<SegmentName> = [segment.name.original]
        guard segment.name.repair > 0 else { return names }
        let file = ArchiveSegment(facts: segment, directory: directory, node: nil, fileSystem: options.fileSystem)
        for original in file.originals ?? [] {
            // What a file says is not a path before it is a name of ours.
            if let (name, role) = SegmentName.parse(original + SegmentName.Role.open.rawValue), role == .open {
                names.insert(name)
            }
        }
        return names
    }

    private mutating func chooseVictims(except refused: Set<String>) -> [(SegmentFacts, RetentionDeletion.Reason)] {
        var space: FileSystemSpace?
        do throws(FileError) {
            space = try options.fileSystem.space(at: directory)
        } catch {
            note(.retentionFailed(error))
        }
        let writing = (open.map { [$0] } ?? []) + unsealed
        var situation = Retention.Situation(
            candidates: sealed.filter {
                !holds.replacing.contains($0.relativePath) && !refused.contains($0.relativePath)
            },
            totalBytes: sealed.reduce(0) { $0 + $1.bytes } + writing.reduce(0) { $0 + $1.end },
            space: space,
            nowNs: options.clock.utcNs()
        )
        // Pins are looked for only where it matters; each round takes at least one candidate away.
        while true {
            let victims = Retention.victims(situation, policy: options.retention)
            let pinned = Set(victims.map(\.0.relativePath).filter(isPinned))
            if pinned.isEmpty {
                noteExhaustion(situation, victims: victims.map(\.0))
                return victims
            }
            situation.candidates.removeAll { pinned.contains($0.relativePath) }
        }
    }

    /// A pin that can't be looked for counts as one: deleting can't be undone.
    private func isPinned(_ relativePath: String) -> Bool {
        do throws(FileError) {
            return try options.fileSystem.facts(of: "\(directory)/\(relativePath).pin") != nil
        } catch {
            return true
        }
    }

    /// Says once that the limits can't be kept, and again only after they were.
    private mutating func noteExhaustion(_ situation: Retention.Situation, victims: [SegmentFacts]) {
        let freed = victims.reduce(0) { $0 + $1.bytes }
        let bytes = situation.totalBytes - freed
        let available = situation.space.map { $0.available + freed }
        let wanted = situation.space.map { Int64(Double($0.total) * (options.retention.minFreeShare ?? 0)) } ?? 0
        let isExceeded = bytes > options.retention.maxBytes ?? .max || (available ?? .max) < wanted
        if isExceeded, !isExhaustionKnown { note(.retentionExhausted(bytes: bytes, available: available)) }
        isExhaustionKnown = isExceeded
    }

    private func removeEmptyDirectories(above relativePath: String) {
        let hour = FilePath.directory(of: relativePath)
        guard (try? options.fileSystem.removeDirectory("\(directory)/\(hour)")) == true else { return }
        _ = try? options.fileSystem.removeDirectory("\(directory)/\(FilePath.directory(of: hour))")
    }

    private mutating func count(_ deletion: RetentionDeletion) {
        counters.segmentsDeleted += 1
        counters.bytesDeleted += UInt64(deletion.segment.bytes + deletion.twinBytes)
        for kind in deletion.segment.totals.kinds { counters.rowsDeleted[kind.name, default: 0] += UInt64(kind.rows) }
        note(.deleted(deletion))
    }
}
