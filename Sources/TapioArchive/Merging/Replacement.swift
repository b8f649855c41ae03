import Glibc

/// One segment in the place of several, so that a crash at any moment leaves either those or that one, never both and never
/// neither.
///
/// Steps, each durable before the next: the merged file lies complete under a temporary name; a journal names it and its
/// originals; it gets its name; the originals are removed; the journal is removed. While the journal is there and the merged
/// segment has its name, the originals count as removed, for our readers at once. (Other readers can see both for the
/// moment that the removal takes.) Without the name, the journal counts for nothing; so it does where a file has the name
/// that is damaged, or does not say that it was merged from the originals that are there.
struct Replacement: Sendable, Hashable {
    /// The merged segment, from the node's directory on.
    var new: String
    /// Its originals, from the node's directory on.
    var old: [String]

    /// The journal of a node: there for a moment, or after a crash.
    static let fileName = ".compacting"
    private static let temporaryEnding = ".tmp"
    private static let firstLine = "tapio-compacting\t1"
    /// A journal that is longer is none of ours.
    private static let mostBytes: Int64 = 1 << 20

    // MARK: The journal

    var encoded: [UInt8] {
        let lines = [Self.firstLine, "new\t\(new)"] + old.map { "old\t\($0)" }
        let text = lines.joined(separator: "\n") + "\n"
        return Array((text + "end\t\(String(XXHash64.hash(Array(text.utf8)), radix: 16))\n").utf8)
    }

    /// Nil where the bytes are not a whole journal.
    init?(_ bytes: [UInt8]) {
        let text = String(decoding: bytes, as: UTF8.self)
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
        guard lines.count >= 4, lines[0] == Self.firstLine, lines[lines.count - 1].isEmpty,
            lines[lines.count - 2].hasPrefix("end\t"), lines[1].hasPrefix("new\t")
        else { return nil }
        let body = lines.dropLast(2).joined(separator: "\n") + "\n"
        guard lines[lines.count - 2].dropFirst(4) == String(XXHash64.hash(Array(body.utf8)), radix: 16) else {
            return nil
        }
        new = String(lines[1].dropFirst(4))
        old = []
        for line in lines[2..<lines.count - 2] {
            guard line.hasPrefix("old\t") else { return nil }
            old.append(String(line.dropFirst(4)))
        }
        // Nothing outside the node's directory is ever touched.
        guard ([new] + old).allSatisfy({ $0.hasPrefix("date=") && !$0.contains("..") }) else { return nil }
    }

    init(new: String, old: [String]) {
        self.new = new
        self.old = old
    }

    /// The journal in a node's directory; nil where there is none, or none that is whole.
    ///
    /// - Throws: Where it cannot be read: what it says is not known then, and nothing may be concluded.
    static func journal(in directory: String, fileSystem: any FileSystem) throws(FileError) -> Replacement? {
        do throws(FileError) {
            let file = try fileSystem.open("\(directory)/\(fileName)")
            let size = try file.size()
            guard size <= mostBytes else { return nil }
            return try file.readExactly(at: 0, count: Int(size)).flatMap { Replacement($0) }
        } catch  where error.code == ENOENT {
            return nil
        }
    }

    /// What ``settle(in:fileSystem:)`` found and did.
    enum Settlement: Sendable, Hashable {
        /// There was no journal.
        case nothing
        /// The new one is in the originals' place.
        case replaced
        /// The originals are as they were.
        case kept
        /// The disk does not give what tells whether the new one has their rows: all is as it was, the journal too.
        case unknown(FileError)

        /// - Throws: What the disk refused.
        func check() throws(FileError) {
            if case .unknown(let error) = self { throw error }
        }
    }

    /// Whether there is a journal, or that is not known.
    static func hasJournal(in directory: String, fileSystem: any FileSystem) -> Bool {
        do throws(FileError) {
            return try fileSystem.facts(of: "\(directory)/\(fileName)") != nil
        } catch {
            return true
        }
    }

    /// The replacement whose originals count as removed though their files may be there.
    ///
    /// Nil where the disk does not give what tells so: then the originals count, and ``MergedSegments`` tells which rows are
    /// there twice.
    static func underWay(in directory: String, fileSystem: any FileSystem) -> Replacement? {
        guard let journal = try? journal(in: directory, fileSystem: fileSystem),
            (try? journal.hasMerged(in: directory, depth: .facts, fileSystem: fileSystem)) == true
        else { return nil }
        return journal
    }

    /// Ends what a crash interrupted. Under the archive's lock. Reads all of the new file before an original is removed.
    ///
    /// - Throws: Where the disk refuses a change. The journal stays.
    static func settle(in directory: String, fileSystem: any FileSystem) throws(FileError) -> Settlement {
        let path = "\(directory)/\(fileName)"
        let unfinished = path + temporaryEnding
        if try fileSystem.facts(of: unfinished) != nil { try fileSystem.remove(unfinished) }
        guard try fileSystem.facts(of: path) != nil else { return .nothing }
        var settlement = Settlement.kept
        let replaced: Replacement?
        do throws(FileError) {
            let journal = try journal(in: directory, fileSystem: fileSystem)
            let isMerged = try journal?.hasMerged(in: directory, depth: .everything, fileSystem: fileSystem)
            replaced = isMerged == true ? journal : nil
        } catch {
            return .unknown(error)
        }
        if let journal = replaced {
            settlement = .replaced
            // Its name may not be durable yet, and the originals go only after that.
            try fileSystem.syncDirectory("\(directory)/\(FilePath.directory(of: journal.new))")
            try journal.removeOriginals(in: directory, fileSystem: fileSystem)
        }
        // Without the merged segment nothing was replaced; its temporary file goes with other unfinished copies.
        try fileSystem.remove(path)
        try fileSystem.syncDirectory(directory)
        return settlement
    }

    /// Whether the file that has the new one's name is whole and was merged from all originals that are there. It need not
    /// be the one that was meant: a repair gives such a name to what it saves of the first original.
    private func hasMerged(
        in directory: String,
        depth: ScanDepth,
        fileSystem: any FileSystem
    ) throws(FileError) -> Bool {
        guard let scan = try Self.scan("\(directory)/\(new)", depth: depth, fileSystem: fileSystem), scan.isWhole,
            let merged = scan.prologue?.mergedFrom
        else { return false }
        for path in old where path != new {
            let name = SegmentName.parse(FilePath.name(of: path))?.name
            if let name, merged.contains(name.description) { continue }
            guard let original = try Self.scan("\(directory)/\(path)", depth: .facts, fileSystem: fileSystem) else {
                continue
            }
            // One that was merged itself is told by those of which it was.
            guard let names = original.prologue?.mergedFrom, !names.isEmpty, names.isSubset(of: merged) else {
                return false
            }
        }
        return true
    }

    /// Nil where there is no such file.
    private static func scan(
        _ path: String,
        depth: ScanDepth,
        fileSystem: any FileSystem
    ) throws(FileError) -> FrameScan? {
        do throws(FileError) {
            let scan = try FrameScanner.scan(try fileSystem.open(path), depth: depth)
            if let readError = scan.readError { throw readError }
            return scan
        } catch  where error.code == ENOENT {
            return nil
        }
    }

    // MARK: Carrying it out

    /// Puts the merged file into the place of the originals.
    ///
    /// If it throws, either the originals are as they were, or the journal is there and ``settle(in:fileSystem:)`` ends it.
    func carryOut(
        _ merged: SegmentMerger.Merged,
        by merger: SegmentMerger,
        in directory: String,
        fileSystem: any FileSystem
    ) throws(FileError) {
        try saveJournal(in: directory, fileSystem: fileSystem)
        do throws(FileError) {
            try merger.publish(merged)
        } catch {
            // Where even the name was not given, nothing happened.
            if try fileSystem.facts(of: merged.sealedPath) == nil {
                try? fileSystem.remove("\(directory)/\(Self.fileName)")
            }
            throw error
        }
        try removeOriginals(in: directory, fileSystem: fileSystem)
        try fileSystem.remove("\(directory)/\(Self.fileName)")
        try fileSystem.syncDirectory(directory)
    }

    private func saveJournal(in directory: String, fileSystem: any FileSystem) throws(FileError) {
        let path = "\(directory)/\(Self.fileName)"
        let temporary = path + Self.temporaryEnding
        if try fileSystem.facts(of: temporary) != nil { try fileSystem.remove(temporary) }
        let file = try fileSystem.create(temporary)
        var written = 0
        do throws(FileError) {
            try file.writeAll([.array(encoded)], at: 0, written: &written)
            try file.sync()
            try fileSystem.rename(temporary, to: path)
            try fileSystem.syncDirectory(directory)
        } catch {
            try? fileSystem.remove(temporary)
            throw error
        }
    }

    private func removeOriginals(in directory: String, fileSystem: any FileSystem) throws(FileError) {
        for path in old where path != new {
            do throws(FileError) {
                try fileSystem.remove("\(directory)/\(path)")
            } catch  where error.code == ENOENT {
                continue
            }
        }
        for hour in Set(old.map { FilePath.directory(of: $0) }).sorted() {
            do throws(FileError) {
                try fileSystem.syncDirectory("\(directory)/\(hour)")
            } catch  where error.code == ENOENT {
                continue
            }
        }
    }
}
