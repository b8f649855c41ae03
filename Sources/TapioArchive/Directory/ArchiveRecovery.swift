/// Deals with what a crash left behind. Runs under the archive's lock, before anything is written.
struct ArchiveRecovery {
    private let directory: String
    private let fileSystem: any FileSystem
    private let tree: ArchiveTree

    init(directory: String, tree: ArchiveTree, fileSystem: any FileSystem) {
        self.directory = directory
        self.tree = tree
        self.fileSystem = fileSystem
    }

    /// Goes through all open and temporary files, oldest first. One that fails doesn't stop the others.
    func run() -> [RecoveryReport.Orphan] {
        removeUnfinishedCopies()
        settleRepairs()
        return tree.entries.filter { $0.role == .open }.map { entry in
            do throws(FileError) {
                return try recover(entry)
            } catch {
                return orphan(entry, .failed(error))
            }
        }
    }

    /// A temporary file is a copy of what is still there. Should its original be gone it is kept for a person to look at.
    private func removeUnfinishedCopies() {
        for entry in tree.entries where entry.role == .temporary {
            let hasOriginal = tree.entries.contains {
                $0.name == entry.name && ($0.role == .open || $0.role == .sealed)
            }
            // A repaired copy (-r1) is made of a file of another name, which is not renamed before the copy is done.
            if hasOriginal || entry.name.repair > 0 {
                try? fileSystem.remove(path(entry))
            } else {
                _ = try? SegmentRepair.setAside(path(entry), fileSystem: fileSystem)
            }
        }
    }

    /// A repair that a crash ended left a damaged file beside its copy. The one that has more rows stays; where they have as
    /// many, the copy, unless the file is whole. What the disk refuses is tried again at the next start.
    private func settleRepairs() {
        let sealed = tree.entries.filter { $0.role == .sealed }
        let copies = Dictionary(grouping: sealed, by: \.name.original).mapValues(\.count)
        for entry in sealed where copies[entry.name.original, default: 0] > 1 { try? settleRepairs(of: path(entry)) }
    }

    private func settleRepairs(of path: String) throws(FileError) {
        let copies = try RepairedCopy.all(of: path, fileSystem: fileSystem)
        guard !copies.isEmpty else { return }
        let scan = try FrameScanner.scan(try fileSystem.open(path), depth: .everything)
        let rows = scan.isWhole ? scan.rows + 1 : scan.rows
        if try RepairedCopy.settle(copies, rows: rows, fileSystem: fileSystem) != nil {
            _ = try SegmentRepair.setAside(path, fileSystem: fileSystem)
        } else {
            for copy in copies { _ = try SegmentRepair.setAside(copy.path, fileSystem: fileSystem) }
        }
    }

    private func path(_ entry: ArchiveTree.Entry) -> String { "\(directory)/\(entry.relativePath)" }

    private func recover(_ entry: ArchiveTree.Entry) throws(FileError) -> RecoveryReport.Orphan {
        let openPath = path(entry)
        let file = try fileSystem.open(openPath)
        let scan = try FrameScanner.scan(file, depth: .everything)
        guard try isOurs(scan, file) else { return orphan(entry, .leftAlone) }
        if scan.groups.isEmpty, scan.damagedGroups.isEmpty, scan.knownEnd >= scan.fileSize || !scan.isOurs {
            try removeOpen(openPath)
            return orphan(entry, .removedEmpty)
        }
        let sealedPath = "\(FilePath.directory(of: openPath))/\(entry.name.fileName(.sealed))"
        if try fileSystem.facts(of: sealedPath) != nil,
            let settled = try settleTwin(entry, scan: scan, openPath: openPath, sealedPath: sealedPath)
        {
            return settled
        }
        if isMerged(entry, rows: scan.rows) {
            try removeOpen(openPath)
            return orphan(entry, .alreadySealed)
        }
        let copies = try RepairedCopy.all(of: openPath, fileSystem: fileSystem)
        if try RepairedCopy.settle(copies, rows: scan.rows, fileSystem: fileSystem) != nil {
            return orphan(entry, .alreadySealed, corruptPath: try settleOpen(openPath, scan))
        }
        // They have less than it. Aside before it is saved, since nothing tells afterwards that they are of it.
        for copy in copies where scan.prologue != nil && !scan.groups.isEmpty {
            _ = try SegmentRepair.setAside(copy.path, fileSystem: fileSystem)
        }
        let marks = [
            Prologue.Fact(key: SegmentKey.recovered, value: "true"),
            Prologue.Fact(key: SegmentKey.recoveredBytesLost, value: String(scan.lostBytes)),
        ]
        guard
            let saved = try SegmentSalvage.copy(scan, of: file, to: sealedPath, marks: marks, fileSystem: fileSystem)
        else {
            let corrupt = try SegmentRepair.setAside(openPath, fileSystem: fileSystem)
            return orphan(entry, .setAside(path: corrupt), scan: scan)
        }
        // The directories may be as young as the orphan: the crash came before they were durable.
        for parent in [
            FilePath.directory(of: entry.relativePath),
            FilePath.directory(of: FilePath.directory(of: entry.relativePath)), "",
        ] {
            try fileSystem.syncDirectory(parent.isEmpty ? directory : "\(directory)/\(parent)")
        }
        let corruptPath = try settleOpen(openPath, scan)
        return orphan(entry, .saved(path: sealedPath), scan: scan, saved: saved.totals, corruptPath: corruptPath)
    }

    /// Ours, or nothing but the first bytes of one of ours: the crash came before the prologue was written.
    private func isOurs(_ scan: FrameScan, _ file: any ReadableFile) throws(FileError) -> Bool {
        if scan.isOurs { return true }
        let start = ArchiveFormat.fileStart
        let head = try file.read(at: 0, count: start.count)
        return head == Array(start.prefix(head.count))
    }

    /// Both the open and the sealed file are there: a crash came after the copy and before the removal. Nil where the sealed
    /// one was damaged since: then it is set aside, as the open one has no less.
    private func settleTwin(
        _ entry: ArchiveTree.Entry,
        scan: FrameScan,
        openPath: String,
        sealedPath: String
    ) throws(FileError) -> RecoveryReport.Orphan? {
        let sealed = try FrameScanner.scan(try fileSystem.open(sealedPath), depth: .everything)
        if sealed.isSealed, sealed.rows >= scan.rows {
            try removeOpen(openPath)
            return orphan(entry, .alreadySealed)
        }
        // Without a prologue nothing of the open one could be saved.
        if !sealed.isSealed, scan.prologue != nil, scan.rows >= sealed.rows {
            _ = try SegmentRepair.setAside(sealedPath, fileSystem: fileSystem)
            return nil
        }
        let corrupt = try SegmentRepair.setAside(openPath, fileSystem: fileSystem)
        return orphan(entry, .setAside(path: corrupt), scan: scan)
    }

    /// Whether its sealed form went into a merged segment that is whole: saved once more, its rows would be there twice.
    private func isMerged(_ entry: ArchiveTree.Entry, rows: Int64) -> Bool {
        let hour = FilePath.directory(of: entry.relativePath)
        return tree.entries.contains { other in
            guard other.role == .sealed, other.name.repair > 0, other.name.bootID == entry.name.bootID,
                FilePath.directory(of: other.relativePath) == hour, let file = try? fileSystem.open(path(other)),
                let facts = try? FrameScanner.scan(file, depth: .facts),
                facts.prologue?.mergedFrom?.contains(entry.name.description) == true,
                let scan = try? FrameScanner.scan(file, depth: .everything)
            else { return false }
            return scan.isSealed && scan.rows >= rows
        }
    }

    /// Removes an open file that was saved: a torn end holds nothing that could ever be saved. Damage elsewhere is kept for a
    /// person to look at, and where is returned.
    private func settleOpen(_ path: String, _ scan: FrameScan) throws(FileError) -> String? {
        if scan.isDamagedBeforeEnd { return try SegmentRepair.setAside(path, fileSystem: fileSystem) }
        try removeOpen(path)
        return nil
    }

    private func removeOpen(_ path: String) throws(FileError) {
        try fileSystem.remove(path)
        try fileSystem.syncDirectory(FilePath.directory(of: path))
    }

    private func orphan(
        _ entry: ArchiveTree.Entry,
        _ outcome: RecoveryReport.Outcome,
        scan: FrameScan? = nil,
        saved: SegmentTotals? = nil,
        corruptPath: String? = nil
    ) -> RecoveryReport.Orphan {
        let lost = scan?.rowsLost(wasSealed: false) ?? (0, true)
        let unsaved = saved == nil ? scan?.rows ?? 0 : 0
        return RecoveryReport.Orphan(
            path: path(entry),
            outcome: outcome,
            rowsRecovered: saved?.rows ?? 0,
            rowsLost: lost.0 + unsaved,
            isRowsLostExact: lost.1,
            bytesLost: scan?.lostBytes ?? 0,
            lastTimestampNs: saved?.maxTimestampNs,
            corruptPath: corruptPath
        )
    }
}

extension FrameScan {
    /// Something is damaged other than one stretch that reaches to the end.
    var isDamagedBeforeEnd: Bool {
        let firstProblem = problems.map(\.offset).min() ?? fileSize
        return wholeFrames.contains { $0.lowerBound > firstProblem } || problems.contains { $0.kind == .unreadable }
    }
}
