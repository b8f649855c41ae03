import Glibc

/// A file of an archive that can be opened for reading.
public struct ArchiveSegment: Sendable {
    /// The file.
    public let path: String
    /// The node that wrote it, if the path says so.
    public let node: String?
    /// Its name taken apart; nil for a file of another name.
    public let name: SegmentName?
    /// Bytes, when it was listed.
    public let bytes: Int64
    /// What it holds: rows, time range, rows and weight per kind. Empty for a Parquet file that is not framed.
    public let totals: SegmentTotals
    /// What the catalogue says that it held when it was sealed; nil where no catalogue knows it.
    public internal(set) var cataloguedTotals: SegmentTotals?
    /// Whether it is being written (or was when a crash came).
    public let isOpen: Bool
    /// Whether it was saved after a crash or repaired.
    public let isRecovered: Bool
    /// Whether it ought to be complete and is not, as far as that shows without reading its rows.
    public let isDamaged: Bool
    /// Whether it tells its columns in its first frame, without which an open one cannot be read.
    let hasPrologue: Bool
    private let fileSystem: any FileSystem

    init(facts: SegmentFacts, directory: String, node: String?, fileSystem: any FileSystem) {
        path = "\(directory)/\(facts.relativePath)"
        self.node = node
        name = facts.name
        bytes = facts.bytes
        totals = facts.totals
        isOpen = false
        isRecovered = facts.isRecovered
        isDamaged = facts.isDamaged
        hasPrologue = true
        self.fileSystem = fileSystem
    }

    init(file path: String, node: String?, name: SegmentName?, fileSystem: any FileSystem) throws(FileError) {
        let scan = try FrameScanner.scan(try fileSystem.open(path), depth: .facts)
        var totals = SegmentTotals()
        for group in scan.groups { totals.add(group) }
        self.path = path
        self.node = node ?? scan.prologue?[SegmentKey.node]
        self.name = name ?? SegmentName.parse(FilePath.name(of: path))?.name
        self.bytes = scan.fileSize
        self.totals = totals
        let isOpen = path.hasSuffix(SegmentName.Role.open.rawValue)
        self.isOpen = isOpen
        hasPrologue = scan.prologue != nil
        self.isRecovered = scan.prologue?[SegmentKey.recovered] == "true"
        self.isDamaged = !isOpen && (scan.isOurs || scan.startsAsOurs) && !scan.isSealed
        self.fileSystem = fileSystem
    }

    /// Names of the segments of which it was merged; nil where it was not, or cannot tell. Reads the file's first frame.
    var originals: Set<String>? {
        let start = ArchiveFormat.firstFrameOffset
        guard let file = try? fileSystem.open(path),
            let headerBytes = try? file.readExactly(at: start, count: ArchiveFormat.headerLength),
            let header = FrameHeader(headerBytes), header.kind == .prologue, header.trailerLength == 0,
            let payload = try? file.readExactly(
                at: start + Int64(ArchiveFormat.headerLength),
                count: header.payloadLength
            ),
            FrameHeader.check(payload: payload, trailer: []) == header.bodyCheck,
            let prologue = Prologue(payload)
        else { return nil }
        return prologue.mergedFrom
    }

    /// Whether every byte is as it was written. Reads all of it.
    var isWhole: Bool {
        (try? FrameScanner.scan(fileSystem.open(path), depth: .everything))?.isWhole ?? false
    }

    /// Names of the files, with their endings, of which a repair made it; empty where none did, or it cannot tell. Walks the
    /// file's frames.
    var repairSources: Set<String> {
        guard let scan = try? FrameScanner.scan(fileSystem.open(path), depth: .facts) else { return [] }
        return Set(scan.prologue?.repairedFrom ?? [])
    }

    /// Maps the file and reads where its row groups are. If it was sealed since it was listed, the sealed file is opened;
    /// if it grew, what is there now is read.
    ///
    /// - Parameter isWanted: Asked of each framed row group; those that nobody wants are left out, unread.
    public func open(
        where isWanted: (SegmentGroupFacts) -> Bool = { _ in true }
    ) throws(ArchiveReadError) -> OpenedSegment {
        do throws(FileError) {
            return try open(path, isWanted)
        } catch  where error.code == ENOENT && isOpen {
            do throws(FileError) {
                return try open(String(path.dropLast(".part".count)), isWanted)
            } catch {
                throw .file(error)
            }
        } catch {
            throw .file(error)
        }
    }

    private func open(
        _ path: String,
        _ isWanted: (SegmentGroupFacts) -> Bool
    ) throws(FileError) -> OpenedSegment {
        let scan = try FrameScanner.scan(try fileSystem.open(path), depth: .facts)
        // Mapped after the walk, so that everything the walk found lies inside.
        return OpenedSegment(scan: scan, file: try fileSystem.map(path), path: path, isWanted: isWanted)
    }
}

/// Why a segment can't be read.
public enum ArchiveReadError: Error, Sendable, CustomStringConvertible {
    /// The disk.
    case file(FileError)
    /// The contents, and the file in which they are.
    case contents(path: String, ParquetError)

    /// One line.
    public var description: String {
        switch self {
        case .file(let error) where error.code == ENOENT:
            "\(error.path) is gone since it was listed: deleted, or merged into another one; ask again"
        case .file(let error): "\(error)"
        case .contents(let path, let error): "\(path): \(error)"
        }
    }
}
