import Glibc

/// What lies in a node's directory: `date=…/hour=…/<segment>`.
struct ArchiveTree: Sendable {
    /// A file whose name is one of ours.
    struct Entry: Sendable, Hashable {
        var name: SegmentName
        var role: SegmentName.Role
        /// From the node's directory on.
        var relativePath: String
    }

    /// Ours, oldest first.
    var entries: [Entry] = []
    /// What we don't know, as paths from the node's directory on. Never touched.
    var foreign: [String] = []

    /// Walks the directory. What vanishes meanwhile is left out.
    init(_ directory: String, fileSystem: any FileSystem) throws(FileError) {
        for day in try fileSystem.list(directory) {
            guard day.isDirectory, day.name.hasPrefix("date=") else {
                if !Self.isOwnFile(day.name) { foreign.append(day.name) }
                continue
            }
            for hour in try Self.list("\(directory)/\(day.name)", fileSystem) {
                guard hour.isDirectory, hour.name.hasPrefix("hour=") else {
                    foreign.append("\(day.name)/\(hour.name)")
                    continue
                }
                let path = "\(day.name)/\(hour.name)"
                for file in try Self.list("\(directory)/\(path)", fileSystem) {
                    if !file.isDirectory, let parsed = SegmentName.parse(file.name) {
                        entries.append(
                            Entry(name: parsed.name, role: parsed.role, relativePath: "\(path)/\(file.name)")
                        )
                    } else {
                        foreign.append("\(path)/\(file.name)")
                    }
                }
            }
        }
        entries.sort { ($0.name, $0.relativePath) < ($1.name, $1.relativePath) }
    }

    private static func list(_ path: String, _ fileSystem: any FileSystem) throws(FileError) -> [DirectoryEntry] {
        do throws(FileError) {
            return try fileSystem.list(path)
        } catch  where error.code == ENOENT {
            return []
        }
    }

    private static func isOwnFile(_ name: String) -> Bool {
        name == ".lock" || name == RunningMark.fileName || name.hasPrefix(Catalogue.fileName)
            || name.hasPrefix(Replacement.fileName)
    }
}
