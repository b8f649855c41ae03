import FoundationEssentials
import TapioArchive

/// How far an exporter is: what a restart needs to go on. A small file beside the archive, replaced in one step.
struct ExportPosition: Sendable, Hashable, Codable {
    /// A segment of which a part was sent.
    struct Part: Sendable, Hashable, Codable {
        /// Its name.
        var segment: String
        /// Where it lies, from the archive's root on.
        var key: String
        /// The upload that was begun.
        var uploadID: String
        /// Bytes of its parts.
        var partBytes: Int64
        /// The row to go on with, for places that take rows; nil: this one takes files.
        var rows: Rows?
    }

    /// A row of a segment.
    struct Rows: Sendable, Hashable, Codable {
        /// Which row group.
        var group: Int
        /// Which row of it.
        var row: Int
    }

    /// Version of the file's form.
    var version = 1
    /// Where the segments went. Another place begins with the oldest segment again.
    var place: String
    /// What was sent.
    var sent = SentSegments()
    /// The segment under way, where a part of it need not be sent again.
    var part: Part?
    /// Files beside the segments that had not changed since were sent; UTC nanoseconds since 1970.
    var companionsNs: Int64?
}

/// The file of a position: `<root>/_export/node=<node>/<exporter>.json`, passed over by readers of the archive.
struct ExportPositionFile: Sendable {
    let path: String
    private let directories: [String]
    private let fileSystem: any FileSystem

    /// More is no position of ours.
    private static let mostBytes: Int64 = 16 << 20

    init(_ source: ExportSource, exporter: String, fileSystem: any FileSystem = PosixFileSystem()) {
        directories = ["\(source.root)/_export", "\(source.root)/_export/node=\(source.node)"]
        path = "\(directories[1])/\(exporter).json"
        self.fileSystem = fileSystem
    }

    /// What was saved; nil where nothing was.
    ///
    /// - Throws: Where there is a file that can't be read or is damaged.
    func load() throws(ExportFailure) -> ExportPosition? {
        let bytes: [UInt8]
        do throws(FileError) {
            guard try fileSystem.facts(of: path) != nil else { return nil }
            let file = try fileSystem.open(path)
            bytes = try file.read(at: 0, count: Int(min(try file.size(), Self.mostBytes)))
        } catch {
            throw ExportFailure(.file, "the position cannot be read: \(error)", remedy: "check the archive's directory")
        }
        guard let position = try? JSONDecoder().decode(ExportPosition.self, from: Data(bytes)), position.version == 1
        else {
            throw ExportFailure(.file, "\(path) is no position of an exporter", remedy: "")
        }
        return position
    }

    /// Replaces the file. A crash leaves the one before or this one.
    func save(_ position: ExportPosition) throws(ExportFailure) {
        let encoder = JSONEncoder()
        encoder.outputFormatting = .sortedKeys
        guard let data = try? encoder.encode(position) else { return }
        do throws(FileError) {
            for directory in directories { _ = try fileSystem.makeDirectory(directory) }
            let temporary = path + ".new"
            // What an earlier attempt left.
            if try fileSystem.facts(of: temporary) != nil { try fileSystem.remove(temporary) }
            let file = try fileSystem.create(temporary)
            let pieces = [FilePiece.array(Array(data) + [UInt8(ascii: "\n")])]
            var written = 0
            while written <= data.count {
                written += try file.write(pieces, skipping: written, at: Int64(written))
            }
            try file.sync()
            try fileSystem.rename(temporary, to: path)
            try fileSystem.syncDirectory(directories[1])
        } catch {
            throw ExportFailure(
                .file,
                "the position cannot be saved: \(error)",
                remedy: "what was sent since may be sent again after a restart"
            )
        }
    }
}
