/// An empty file that is there while an archive is open for writing. Found at the next start, it tells of a crash also
/// where no open segment was left behind: between two segments, or before the first batch.
///
/// A hint beside the segments: where it can't be written, crashes are told by open segments alone.
enum RunningMark {
    /// In the node's directory.
    static let fileName = ".running"

    /// Sets the mark, with the lock held.
    /// - Returns: Whether it was there already.
    static func set(_ directory: String, fileSystem: any FileSystem) -> Bool {
        do throws(FileError) {
            _ = try fileSystem.create("\(directory)/\(fileName)")
            try fileSystem.syncDirectory(directory)
            return false
        } catch {
            return ((try? fileSystem.facts(of: "\(directory)/\(fileName)")) ?? nil) != nil
        }
    }

    /// Takes the mark away, before the lock is given back.
    static func clear(_ directory: String, fileSystem: any FileSystem) {
        try? fileSystem.remove("\(directory)/\(fileName)")
    }
}
