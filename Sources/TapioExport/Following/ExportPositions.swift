import FoundationEssentials
import Glibc
public import TapioArchive

/// What the exporters of a node say that they sent, read from their files: for who wants to put other segments into
/// the place of those that are there.
public struct ExportPositions: Sendable {
    private let positions: [(exporter: String, position: ExportPosition)]

    /// Reads the positions beside a node's archive.
    ///
    /// - Throws: Where one is there and can't be read.
    public init(root: String, node: String, fileSystem: any FileSystem = PosixFileSystem()) throws(FileError) {
        let directory = "\(root)/_export/node=\(node)"
        var positions: [(exporter: String, position: ExportPosition)] = []
        let entries: [DirectoryEntry]
        do throws(FileError) {
            entries = try fileSystem.list(directory)
        } catch  where error.code == ENOENT {
            self.positions = []
            return
        }
        for entry in entries where entry.name.hasSuffix(".json") {
            let path = "\(directory)/\(entry.name)"
            let file = try fileSystem.open(path)
            let bytes = try file.read(at: 0, count: Int(min(try file.size(), 16 << 20)))
            guard let position = try? JSONDecoder().decode(ExportPosition.self, from: Data(bytes)) else {
                throw FileError(call: "read", path: path, code: EINVAL)
            }
            positions.append((String(entry.name.dropLast(".json".count)), position))
        }
        self.positions = positions
    }

    /// Reads the positions beside an archive that is being written. Exporters that run know more.
    ///
    /// - Throws: Where one is there and can't be read.
    public init(_ archive: Archive) throws(FileError) {
        let source = ExportSource(archive)
        try self.init(root: source.root, node: source.node)
    }

    /// The exporters that sent it, with commas between: the same for segments that may be put together.
    ///
    /// A segment in the place of others has the number and time of the first: exporters that sent all of those take it for
    /// sent, and those that sent none send it once.
    public func senders(of segment: SegmentName) -> String {
        positions.filter { $0.position.sent.contains(segment) }.map(\.exporter).joined(separator: ",")
    }

    /// Whether an exporter has sent a part of it.
    public func isUnderWay(_ segment: SegmentName) -> Bool {
        positions.contains { $0.position.part?.segment == segment.description }
    }
}
