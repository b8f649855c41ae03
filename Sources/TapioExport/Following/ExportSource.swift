import Glibc
public import TapioArchive

/// The archive of a node, as its exporters see it: sealed segments that appear and disappear.
public struct ExportSource: Sendable {
    /// The archive's root.
    public let root: String
    /// The node's name.
    public let node: String
    /// All sealed segments, oldest first. Must not wait for the disk.
    let segments: @Sendable () -> [SegmentFacts]
    /// Whether one is there and nobody is about to replace it. Must not wait for the disk.
    let isAvailable: @Sendable (SegmentName) -> Bool

    /// The segments of an archive.
    public init(_ archive: Archive) {
        let path = archive.directory
        let slash = path.lastIndex(of: "/") ?? path.startIndex
        let name = path[slash...].dropFirst("/node=".count)
        root = String(path[..<slash])
        node = String(name)
        segments = { archive.segments }
        isAvailable = { archive.isAvailable($0) }
    }

    /// Segments from elsewhere, which nobody replaces.
    public init(root: String, node: String, segments: @escaping @Sendable () -> [SegmentFacts]) {
        self.root = root
        self.node = node
        self.segments = segments
        isAvailable = { _ in true }
    }

    func sealed(_ facts: SegmentFacts) -> SealedSegment { SealedSegment(facts: facts, root: root, node: node) }
}

/// A segment to be sent.
struct SealedSegment: Sendable {
    let facts: SegmentFacts
    let root: String
    let node: String

    /// From the archive's root on: `node=…/date=…/hour=…/….parquet`.
    var key: String { "node=\(node)/\(facts.relativePath)" }
    var path: String { "\(root)/\(key)" }
    /// The same for the same segment, wherever it is asked, and for no other one.
    var identity: String { "\(node)/\(facts.name)" }

    /// Opens it. It can be read to its end also when it is deleted meanwhile.
    func open() throws(ExportFailure) -> any ReadableFile {
        do throws(FileError) {
            return try PosixFileSystem().open(path)
        } catch {
            throw Self.failure(error)
        }
    }

    /// Opens it as a table.
    func openTable() throws(ExportFailure) -> OpenedSegment {
        do {
            guard let segment = try ArchiveReader(path: path).segments.first else {
                throw ExportFailure(.gone, "\(path) is not there")
            }
            return try segment.open()
        } catch let error as FileError {
            throw Self.failure(error)
        } catch ArchiveReadError.file(let error) {
            throw Self.failure(error)
        } catch let error as ExportFailure {
            throw error
        } catch {
            throw ExportFailure(.file, "\(error)")
        }
    }

    static func failure(_ error: FileError) -> ExportFailure {
        ExportFailure(error.code == ENOENT ? .gone : .file, "the segment cannot be read: \(error)")
    }
}
