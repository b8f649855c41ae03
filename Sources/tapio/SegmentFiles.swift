import Glibc
import TapioArchive

/// Every file of an archive that is, or ought to be, a segment: found by name alone, so that neither a catalogue nor
/// damage can hide one.
enum SegmentFiles {
    /// Levels below the given directory: node, date, hour.
    private static let depth = 3

    /// Paths in order of their names; `path` itself where it is a file.
    static func find(_ path: String, in files: any FileSystem = PosixFileSystem()) throws(CommandFailure) -> [String] {
        do throws(FileError) {
            return try find(path, depth: depth, in: files).sorted()
        } catch  where error.code == ENOTDIR {
            return [path]
        } catch {
            throw ArchiveAccess.failure(error, path: path)
        }
    }

    private static func find(_ path: String, depth: Int, in files: any FileSystem) throws(FileError) -> [String] {
        var found: [String] = []
        for entry in try files.list(path) {
            let child = path.hasSuffix("/") ? path + entry.name : "\(path)/\(entry.name)"
            if entry.isDirectory {
                guard depth > 0, isPartition(entry.name) else { continue }
                do throws(FileError) {
                    found += try find(child, depth: depth - 1, in: files)
                } catch  where error.code == ENOENT {
                    // Removed meanwhile by retention.
                    continue
                }
            } else if entry.name.hasSuffix(".parquet") || entry.name.hasSuffix(".parquet.part") {
                found.append(child)
            }
        }
        return found
    }

    private static func isPartition(_ name: String) -> Bool {
        name.hasPrefix("node=") || name.hasPrefix("date=") || name.hasPrefix("hour=")
    }

    /// Bytes of a file; 0 where it is gone.
    static func size(_ path: String, in files: any FileSystem = PosixFileSystem()) -> Int64 {
        ((try? files.facts(of: path)) ?? nil)?.size ?? 0
    }

    /// Whether its name says that an agent writes it, or wrote it until a crash.
    static func isOpen(_ path: String) -> Bool { path.hasSuffix(".part") }

    /// Whether its name is one that only an agent gives.
    static func isOurs(_ path: String) -> Bool {
        SegmentName.parse(String(path.split(separator: "/").last ?? "")) != nil
    }
}
