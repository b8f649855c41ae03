import Glibc

/// One open segment. Plain state and the calls that change its file; who owns it serialises the calls.
struct SegmentWriter: Sendable {
    /// Whether footers are written before the last one.
    enum InterimFooters: Sendable {
        /// While old ones stay within their share of the file.
        case rationed
        /// Only the last.
        case never
    }

    /// A row group that stands in the file.
    private struct Group: Sendable {
        /// The batch without its bytes.
        var batch: ArchiveBatch
        var payloadOffset: Int64
        var payloadLength: Int
        var metadata: [UInt8]
    }

    let name: SegmentName
    let openPath: String
    let sealedPath: String
    let openedAtNs: Int64
    private(set) var prologue: Prologue
    private let fileSystem: any FileSystem
    private let file: any WritableFile
    private let interimFooters: InterimFooters

    /// Where the next frame goes.
    private(set) var end: Int64 = 0
    /// How far bytes may stand in the file: beyond `end` after a write that failed halfway.
    private var writtenEnd: Int64 = 0
    private var syncedEnd: Int64 = 0
    private var unsyncedDirectories: [String]
    private var groups: [Group] = []
    private var metadataBytes = 0
    private(set) var totals = SegmentTotals()
    /// Bytes of row groups.
    private(set) var liveBytes: Int64 = 0
    /// Bytes of footers that are not the last.
    private(set) var deadBytes: Int64 = 0
    /// Bytes of the footer that the file ends with now, 0 if it ends otherwise.
    private var lastFooterLength: Int64 = 0
    private var isClosed = false
    private var isRenamed = false
    private var backlog = DurabilityBacklog()
    /// Groups that a sync has covered and ``takeDurable()`` has not told of yet.
    private var durable: [DurableGroup] = []
    /// Groups that found no place in the backlog, since the last ``takeDurable()``.
    private var untimed: UInt64 = 0

    /// Makes the file and writes its prologue.
    /// - Parameter unsyncedDirectories: Directories above the file's own that are to be synced with it.
    init(
        name: SegmentName,
        directory: String,
        openAs role: SegmentName.Role = .open,
        prologue: Prologue,
        openedAtNs: Int64,
        unsyncedDirectories: [String],
        interimFooters: InterimFooters,
        fileSystem: any FileSystem
    ) throws(FileError) {
        self.name = name
        openPath = "\(directory)/\(name.fileName(role))"
        sealedPath = "\(directory)/\(name.fileName(.sealed))"
        self.openedAtNs = openedAtNs
        self.prologue = prologue
        self.fileSystem = fileSystem
        self.interimFooters = interimFooters
        self.unsyncedDirectories = unsyncedDirectories + [directory]
        file = try fileSystem.create(openPath)
        do throws(FileError) {
            try write([.array(ArchiveFormat.fileMagic + prologue.frame)])
        } catch {
            // Nothing of value is in it; what can't be removed now is removed at the next start.
            try? fileSystem.remove(openPath)
            throw error
        }
    }

    var hour: ArchiveHour { ArchiveHour(timestampNs: name.startMicros &* 1000) }
    var isEmpty: Bool { groups.isEmpty }
    /// Rows that a power cut now would take.
    private(set) var unsyncedRows: Int64 = 0
    var needsSync: Bool { writtenEnd > syncedEnd || !unsyncedDirectories.isEmpty }

    /// Writes a row group, and a footer if there is room in its ration, with one call. If it throws, the segment is as
    /// before and may be used on.
    mutating func append(_ batch: ArchiveBatch) throws(FileError) {
        try coverFailedWrite()
        var group = Group(
            batch: batch,
            payloadOffset: end + Int64(ArchiveFormat.headerLength),
            payloadLength: batch.group.bytes.count,
            metadata: []
        )
        group.metadata = batch.group.metadata(at: group.payloadOffset)
        group.batch.group = EncodedRowGroup(
            bytes: .empty,
            rowCount: batch.group.rowCount,
            columns: batch.group.columns
        )
        let trailer = trailer(of: group).encoded
        let header = FrameHeader(
            rowGroup: batch.group.bytes,
            trailer: trailer,
            rows: UInt32(clamping: batch.group.rowCount),
            ordinal: UInt32(clamping: groups.count)
        )
        var newTotals = totals
        newTotals.add(
            rows: batch.group.rowCount,
            minTimestampNs: batch.minTimestampNs,
            maxTimestampNs: batch.maxTimestampNs,
            kinds: batch.kinds
        )
        let footer = interimFooter(behind: group, totals: newTotals)
        try write([.array(header.encoded), .encoded(batch.group.bytes), .array(trailer), .array(footer)])

        totals = newTotals
        groups.append(group)
        metadataBytes += group.metadata.count
        liveBytes += Int64(group.payloadLength)
        deadBytes += lastFooterLength
        lastFooterLength = Int64(footer.count)
        unsyncedRows += Int64(batch.group.rowCount)
        let isNoted = backlog.append(
            DurableGroup(
                lane: batch.lane,
                minTimestampNs: batch.minTimestampNs,
                maxTimestampNs: batch.maxTimestampNs
            )
        )
        if !isNoted { untimed += 1 }
    }

    private func trailer(of group: Group) -> RowGroupTrailer {
        RowGroupTrailer(
            payloadOffset: group.payloadOffset,
            rowsBefore: totals.rows,
            batchSequence: group.batch.sequence,
            lane: group.batch.lane,
            minTimestampNs: group.batch.minTimestampNs,
            maxTimestampNs: group.batch.maxTimestampNs,
            kinds: group.batch.kinds,
            metadata: group.metadata
        )
    }

    /// A footer to follow `group`, or nothing if old footers would take more than their share.
    private func interimFooter(behind group: Group, totals: SegmentTotals) -> [UInt8] {
        guard interimFooters == .rationed else { return [] }
        let live = liveBytes + Int64(group.payloadLength)
        let ration = live / ArchiveFormat.interimFooterShare - deadBytes - lastFooterLength
        // Metadata is nearly all of a footer: this spares building one that is thrown away.
        guard Int64(metadataBytes + group.metadata.count) <= ration else { return [] }
        let metadata = groups.map(\.metadata) + [group.metadata]
        let footer = SegmentFooter.frame(prologue: prologue, totals: totals, metadata: metadata)
        return Int64(footer.count) <= ration ? footer : []
    }

    /// Writes behind the last whole frame.
    private mutating func write(_ pieces: [FilePiece]) throws(FileError) {
        var written = 0
        defer { writtenEnd = max(writtenEnd, end + Int64(written)) }
        try file.writeAll(pieces, at: end, written: &written)
        end += Int64(written)
        written = 0
    }

    /// Declares the remains of a failed write to be padding: nothing is ever cut off.
    private mutating func coverFailedWrite() throws(FileError) {
        guard writtenEnd > end else { return }
        let length = max(0, writtenEnd - end - Int64(ArchiveFormat.headerLength))
        try write([.array(FrameHeader(paddingOf: Int(length)).encoded)])
        end += length
    }

    /// What must be done for all that was written until now to survive a power cut. Can be carried out on any thread.
    func syncWork() -> SyncWork {
        SyncWork(
            file: file,
            directories: unsyncedDirectories,
            fileSystem: fileSystem,
            name: name,
            end: writtenEnd,
            rows: unsyncedRows,
            groups: backlog.end
        )
    }

    /// Notes that `work` was carried out.
    mutating func noteSynced(_ work: SyncWork) {
        guard work.name == name else { return }
        syncedEnd = max(syncedEnd, work.end)
        unsyncedRows -= min(unsyncedRows, work.rows)
        unsyncedDirectories.removeAll { work.directories.contains($0) }
        durable += backlog.take(before: work.groups)
    }

    /// The groups that became durable since the last call, and how many more there are whose times are not known.
    mutating func takeDurable() -> (groups: [DurableGroup], untimed: UInt64) {
        defer {
            durable = []
            untimed = 0
        }
        return (durable, untimed)
    }

    mutating func sync() throws(FileError) {
        guard needsSync else { return }
        let work = syncWork()
        try work.run()
        noteSynced(work)
    }

    /// Ends the segment: closing prologue, footer, sync, the sealed name. If it throws, it can be called again.
    mutating func seal(closingFacts: [Prologue.Fact]) throws(FileError) {
        if !isClosed {
            note(closingFacts)
            if interimFooters == .rationed, (deadBytes + lastFooterLength) * 10 > end, (try? sealCopy()) != nil {
                return
            }
        }
        try complete()
        if !isRenamed {
            try fileSystem.rename(openPath, to: sealedPath)
            isRenamed = true
        }
        try fileSystem.syncDirectory(FilePath.directory(of: sealedPath))
    }

    private mutating func note(_ closingFacts: [Prologue.Fact]) {
        for fact in closingFacts { prologue[fact.key] = fact.value }
        prologue.totals = Prologue.Totals(groups: totals.groups, rows: totals.rows)
    }

    /// Ends the file, durably, under the name that it has. If it throws, it can be called again.
    mutating func complete() throws(FileError) {
        if !isClosed {
            note([])
            try coverFailedWrite()
            let footer = SegmentFooter.frame(prologue: prologue, totals: totals, metadata: groups.map(\.metadata))
            try write([.array(prologue.frame), .array(footer)])
            deadBytes += lastFooterLength
            lastFooterLength = Int64(footer.count)
            isClosed = true
        }
        try sync()
    }

    /// Writes the groups to a new file without the old footers, and that takes the sealed name instead.
    private mutating func sealCopy() throws(FileError) {
        let source = try fileSystem.open(openPath)
        let directory = FilePath.directory(of: openPath)
        var copy = try SegmentWriter(
            name: name,
            directory: directory,
            openAs: .temporary,
            prologue: prologue,
            openedAtNs: openedAtNs,
            unsyncedDirectories: unsyncedDirectories,
            interimFooters: .never,
            fileSystem: fileSystem
        )
        do throws(FileError) {
            for group in groups {
                guard let bytes = try source.readExactly(at: group.payloadOffset, count: group.payloadLength) else {
                    throw FileError(call: "pread", path: openPath, code: EIO)
                }
                var batch = group.batch
                batch.group = EncodedRowGroup(
                    bytes: bytes,
                    rowCount: batch.group.rowCount,
                    columns: batch.group.columns
                )
                try copy.append(batch)
            }
            // It tells of those groups alone that this file has not told of.
            copy.backlog = backlog
            copy.durable = durable
            copy.untimed = untimed
            try copy.seal(closingFacts: [])
        } catch {
            try? fileSystem.remove(copy.openPath)
            throw error
        }
        // From here on the copy is the segment. An original that stays is recognised and removed at the next start.
        try? fileSystem.remove(openPath)
        try? fileSystem.syncDirectory(directory)
        self = copy
    }

    /// Removes the file of a segment without rows.
    func discard() { try? fileSystem.remove(openPath) }
}

/// A sync that can be carried out while others write on.
struct SyncWork: Sendable {
    let file: any WritableFile
    let directories: [String]
    let fileSystem: any FileSystem
    let name: SegmentName
    let end: Int64
    let rows: Int64
    /// Ordinal of the first row group that it doesn't cover.
    let groups: UInt64

    /// The call that makes data durable, as errors name it.
    static let call = "fdatasync"
    /// All that it calls: the names' durability is one of them.
    static let calls = [call, "fsync"]

    /// About 1 ms on a solid-state disk; longer than a second has been seen on busy ones.
    func run() throws(FileError) {
        try file.sync()
        for directory in directories { try fileSystem.syncDirectory(directory) }
    }
}
