import Glibc

/// Copies what is whole of a damaged or unfinished segment into a sealed file.
struct SegmentSalvage {
    /// What came of it.
    struct Result: Sendable {
        var totals: SegmentTotals
        var bytes: Int64
    }

    private let source: any ReadableFile
    private let target: any WritableFile
    private var end: Int64 = 0
    private var totals = SegmentTotals()
    private var metadata: [[UInt8]] = []

    /// Writes the whole frames of `scan` to a new file, each row group where it was, padding where something is lost;
    /// then closing prologue and footer; makes it durable and gives it `sealedPath`.
    ///
    /// Returns nil, and leaves no file, if there is no whole row group or no prologue. The source is only read.
    /// - Parameter marks: What the closing prologue says beyond the original's.
    static func copy(
        _ scan: FrameScan,
        of source: any ReadableFile,
        to sealedPath: String,
        marks: [Prologue.Fact],
        fileSystem: any FileSystem
    ) throws(FileError) -> Result? {
        guard var prologue = scan.prologue, !scan.groups.isEmpty else { return nil }
        for mark in marks { prologue[mark.key] = mark.value }
        let path = sealedPath + ".tmp"
        if try fileSystem.facts(of: path) != nil { try fileSystem.remove(path) }
        var salvage = SegmentSalvage(source: source, target: try fileSystem.create(path))
        do throws(FileError) {
            try salvage.run(scan, prologue: prologue)
            try fileSystem.rename(path, to: sealedPath)
            try fileSystem.syncDirectory(FilePath.directory(of: sealedPath))
        } catch {
            try? fileSystem.remove(path)
            throw error
        }
        return Result(totals: salvage.totals, bytes: salvage.end)
    }

    private init(source: any ReadableFile, target: any WritableFile) {
        self.source = source
        self.target = target
    }

    private mutating func run(_ scan: FrameScan, prologue: Prologue) throws(FileError) {
        try write(ArchiveFormat.fileMagic)
        var groups = scan.groups[...]
        // Whole frames in file order; behind the last row group there is nothing worth keeping.
        for range in scan.wholeFrames {
            guard let next = groups.first else { break }
            guard try fillGap(to: range.lowerBound) else { continue }
            try copyBytes(range)
            if next.frameOffset == range.lowerBound {
                totals.add(next)
                metadata.append(next.trailer.metadata)
            }
            while let first = groups.first, first.frameOffset <= range.lowerBound { groups = groups.dropFirst() }
        }
        var closing = prologue
        closing.totals = Prologue.Totals(groups: totals.groups, rows: totals.rows)
        try write(closing.frame)
        try write(SegmentFooter.frame(prologue: closing, totals: totals, metadata: metadata))
        try target.sync()
    }

    /// Stands in for what is lost before `offset`. Returns false if the gap is too small for a padding frame, which only
    /// a file can have that nobody of us wrote.
    private mutating func fillGap(to offset: Int64) throws(FileError) -> Bool {
        guard offset > end else { return true }
        let length = offset - end - Int64(ArchiveFormat.headerLength)
        guard length >= 0 else { return false }
        try write(FrameHeader(paddingOf: Int(length)).encoded)
        let chunk = [UInt8](repeating: 0, count: Int(min(length, Self.chunkLength)))
        while end < offset { try write(Array(chunk.prefix(Int(min(Self.chunkLength, offset - end))))) }
        return true
    }

    private static let chunkLength: Int64 = 1 << 20

    private mutating func copyBytes(_ range: Range<Int64>) throws(FileError) {
        var offset = range.lowerBound
        while offset < range.upperBound {
            let bytes = try source.read(at: offset, count: Int(min(Self.chunkLength, range.upperBound - offset)))
            guard !bytes.isEmpty else { throw FileError(call: "pread", path: source.path, code: EIO) }
            try write(bytes)
            offset += Int64(bytes.count)
        }
    }

    private mutating func write(_ bytes: [UInt8]) throws(FileError) {
        var written = 0
        try target.writeAll([.array(bytes)], at: end, written: &written)
        end += Int64(written)
    }
}
