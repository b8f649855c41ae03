/// Sealed segments of an open archive that are on their way into one.
struct SegmentHolds: Sendable {
    /// Nobody else begins to work with them. Retention may still delete them: then nothing comes of the merge.
    var merging: Set<SegmentName> = []
    /// Files that stay as the journal has them, from the node's directory on: for moments, or while the disk fails.
    var replacing: Set<String> = []
}

// The steps by which segments of an archive that is being written are replaced by one: hold, merge without any lock,
// begin, replace on disk, end. None waits for the disk but the last, which writes the catalogue.
extension Archive {
    /// Keeps others from beginning to work with sealed segments.
    ///
    /// - Returns: False where one is gone, or others are held.
    func hold(_ names: [SegmentName]) -> Bool {
        withState { state in
            let present = Set(state.sealed.map(\.name))
            guard state.lock != nil, state.holds.merging.isEmpty, names.allSatisfy(present.contains) else {
                return false
            }
            state.holds.merging = Set(names)
            return true
        }
    }

    /// Lets go of what was held.
    func release() { withState { $0.holds.merging = [] } }

    /// Keeps the files of a replacement from retention, once it is known that none of them is gone.
    ///
    /// - Returns: The archive's lock, which must live until the files are as they shall be; nil where an original is gone or
    ///   the archive was closed.
    func beginReplacement(_ replacement: Replacement) -> ArchiveLock? {
        withState { state in
            let present = Set(state.sealed.map(\.relativePath))
            guard let lock = state.lock, replacement.old.allSatisfy(present.contains) else { return nil }
            state.holds.replacing = Set(replacement.old + [replacement.new])
            return lock
        }
    }

    /// Notes what became of a replacement, and lets go.
    ///
    /// - Parameter new: What took the place of the originals; nil: they are as they were.
    func endReplacement(_ replacement: Replacement, by new: SegmentFacts?) {
        withState { state in
            state.holds = SegmentHolds()
            guard let new else { return }
            let old = Set(replacement.old)
            state.sealed.removeAll { old.contains($0.relativePath) }
            state.insert(new)
            state.saveCatalogue()
        }
    }

    /// Whether the file system can take so many bytes more without retention having to make room for them.
    func hasRoom(for bytes: Int64) -> Bool {
        let (share, fileSystem) = withState { ($0.options.retention.minFreeShare ?? 0, $0.options.fileSystem) }
        guard let space = try? fileSystem.space(at: directory) else { return false }
        return space.available - bytes >= Int64(Double(space.total) * share)
    }

    /// The file system on which it is.
    var fileSystem: any FileSystem { withState { $0.options.fileSystem } }
}
