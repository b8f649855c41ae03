import Glibc

/// What a repair saved of a file that is still there: a crash, or a disk that refused, came before it was set aside.
struct RepairedCopy: Sendable, Hashable {
    /// The copy.
    let path: String
    /// Rows of its row groups that are whole.
    let rows: Int64
    /// Every byte is as it was written.
    let isWhole: Bool

    /// The copies that lie beside the file at `path`, each read as a whole; as a rule none.
    ///
    /// Of an open segment also those of its sealed form, which had all that was written to it, and the other way around. What a
    /// disk does not give of a copy counts as damaged.
    static func all(of path: String, fileSystem: any FileSystem) throws(FileError) -> [RepairedCopy] {
        let fileName = FilePath.name(of: path)
        guard let (name, _) = SegmentName.parse(fileName) else { return [] }
        let sources: Set<String> = [name.fileName(.open), name.fileName(.sealed)]
        let directory = FilePath.directory(of: path)
        var copies: [RepairedCopy] = []
        for entry in try fileSystem.list(directory.isEmpty ? "." : directory) where entry.name != fileName {
            guard let other = SegmentName.parse(entry.name), other.role == .sealed, other.name.repair > 0,
                other.name.original == name.original
            else { continue }
            let copyPath = directory.isEmpty ? entry.name : "\(directory)/\(entry.name)"
            do throws(FileError) {
                let file = try fileSystem.open(copyPath)
                let told = try FrameScanner.scan(file, depth: .facts).prologue?.repairedFrom ?? []
                guard !sources.isDisjoint(with: told) else { continue }
                let scan = try FrameScanner.scan(file, depth: .everything)
                copies.append(RepairedCopy(path: copyPath, rows: scan.rows, isWhole: scan.isWhole))
            } catch  where error.code == ENOENT {
                continue
            }
        }
        return copies
    }

    /// Of the copies of a file that has so many whole rows, the one that makes it needless; the others are set aside then.
    /// Nil where the file has more than any that is whole.
    static func settle(
        _ copies: [RepairedCopy],
        rows: Int64,
        fileSystem: any FileSystem
    ) throws(FileError) -> RepairedCopy? {
        let whole = copies.filter { $0.isWhole && $0.rows >= rows }
        guard let best = whole.max(by: { $0.rows < $1.rows }) else { return nil }
        for copy in copies where copy != best { _ = try SegmentRepair.setAside(copy.path, fileSystem: fileSystem) }
        return best
    }
}
