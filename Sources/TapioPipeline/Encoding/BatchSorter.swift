import TapioBPF
import TapioEvents
import TapioRings

/// The rows of a batch of one layout, one after another: a kind's events, or its summaries.
struct KindRun {
    /// The layout's number.
    let layout: Int
    let kind: EventKind
    let isSummary: Bool
    /// Places in the sorted batch.
    let rows: Range<Int>
    /// Words of a record's fixed part.
    let words: Int
    /// Number of the first of its columns of words: see ``BatchSorter/words(_:_:_:)``.
    let firstColumn: Int

    /// Bytes of a word, and from one record's word to the next record's.
    static let wordBytes = 8

    /// Rows of a piece: four of its columns fill a buffer of the pool's middle size.
    static let pieceRows = 1992

    /// Its pieces.
    var pieces: Range<Int> { 0..<(rows.count + KindRun.pieceRows - 1) / KindRun.pieceRows }

    /// The rows of a piece, counted from the first of the run.
    @inline(__always)
    func rows(ofPiece piece: Int) -> Range<Int> {
        piece * KindRun.pieceRows..<min((piece + 1) * KindRun.pieceRows, rows.count)
    }

    /// Bytes of a column of words of so many rows: an odd number of cache lines, so that the columns of a record don't all
    /// want the same lines of the cache.
    static func columnBytes(rows: Int) -> Int { ((rows * wordBytes + 63) / 64 | 1) * 64 }
}

/// Puts the rows of a batch in the order (layout, cgroup, pid), within that as they came: neighbours are then alike, which is
/// worth a third of the archive's size.
///
/// The fixed parts of the records are copied in that order and turned on their side: of each piece of a run the first words of
/// all records, then the second ones, and so on. A column of the archive is then read from memory that lies together, and not
/// from a few bytes of every record, which would fetch the whole batch into the cache once for each column. Strings stay where
/// they are.
///
/// The memory is taken for each batch, for as long as it is needed: see ``giveBack()``.
///
/// Invariants of the unsafe code: while a batch is sorted, `keys` and `spare` hold `count` elements each. After
/// ``sort(_:layouts:)`` `positions` has `count`, `enrichmentIDs` as well if the batch has enrichment; `columns` has the start of
/// each column of words of each piece of each run, with room for the piece's rows, in memory of `blocks`.
@safe
final class BatchSorter {
    /// Bits of a key: layout 8, rank of the cgroup 17, pid 22, row 17.
    private static let rowBits: UInt64 = 17
    private static let pidBits: UInt64 = 22
    private static let rankBits: UInt64 = 17
    /// Bits of a digit: its counters take a third of the first-level cache.
    private static let digitBits: UInt64 = 11

    private(set) var runs: [KindRun] = []
    private(set) var count = 0
    /// For each place, the position of its record in the batch.
    var positions: UnsafeMutablePointer<UInt32> { unsafe positionBuffer.base }
    /// For each place, its enrichment id, if the batch has enrichment.
    var enrichmentIDs: UnsafeMutablePointer<EnrichmentID> { unsafe idBuffer.base }

    private let memory: ScratchMemory
    private var positionBuffer: ScratchBuffer<UInt32>
    private var idBuffer: ScratchBuffer<EnrichmentID>
    private var keyBuffer: ScratchBuffer<UInt64>
    private var spareBuffer: ScratchBuffer<UInt64>
    private var digitBuffer: ScratchBuffer<UInt32>
    /// Blocks of ``blockBytes``, more than the columns need where they are kept from a larger batch.
    private var blocks: [ScratchBlock] = []
    private var columns: [UnsafeMutableRawPointer] = unsafe []
    private var cgroups = CgroupRanks()

    private static let blockBytes = PoolTier.medium.byteCount

    /// The most blocks that the columns of records of so many bytes take: a block may be a quarter empty, and each run begins
    /// with whole lines.
    static func mostBlocks(recordBytes: Int) -> Int { recordBytes / (blockBytes / 4 * 3) + 16 }

    init(_ memory: ScratchMemory) {
        self.memory = memory
        positionBuffer = ScratchBuffer(memory)
        idBuffer = ScratchBuffer(memory)
        keyBuffer = ScratchBuffer(memory)
        spareBuffer = ScratchBuffer(memory)
        digitBuffer = ScratchBuffer(memory)
    }

    deinit { for block in blocks { memory.giveBack(block) } }

    /// Where the words with this number of a piece's records lie: the first record's, the next one's behind it.
    @inline(__always)
    @unsafe func words(_ run: KindRun, _ piece: Int, _ word: Int) -> UnsafeRawPointer {
        precondition(word >= 0 && word < run.words)
        return unsafe UnsafeRawPointer(columns[run.firstColumn + piece * run.words + word])
    }

    /// Where the field at an offset lies in the first of a piece's records; the next one's is a word behind it.
    ///
    /// - Precondition: the field doesn't reach over a word's end (``ColumnPlan`` sees to it).
    @inline(__always)
    @unsafe func field(_ run: KindRun, _ piece: Int, at offset: Int) -> UnsafeRawPointer {
        unsafe words(run, piece, offset >> 3) + offset & 7
    }

    /// Gives back ``positions``: nothing reads the records any more.
    func giveBackPositions() { positionBuffer.giveBack() }

    /// Forgets the batch, and gives memory back that others could use meanwhile.
    func giveBack() {
        positionBuffer.giveBack()
        idBuffer.giveBack()
        unsafe columns.removeAll(keepingCapacity: true)
        runs.removeAll(keepingCapacity: true)
        count = 0
        guard memory.pool != nil else { return }
        for block in blocks { memory.giveBack(block) }
        blocks.removeAll(keepingCapacity: true)
    }

    /// Sorts. All rows have to be of one of `layouts`.
    func sort(_ batch: RowBatch, layouts: RecordLayouts) {
        count = batch.rowCount
        layOut(batch, layouts)
        keyBuffer.reserve(count)
        spareBuffer.reserve(count)
        digitBuffer.reserve(1 << Int(Self.digitBits))
        positionBuffer.reserve(count)
        let hasEnrichment = batch.enrichment.entries.count > 1 || batch.enrichment.hasRemote
        if hasEnrichment { idBuffer.reserve(count) }
        unsafe batch.withUnsafeRows { rows in
            let varying = unsafe layouts.withUnsafeNumbers { unsafe makeKeys(rows, $0) }
            let keys = unsafe sortKeys(varying)
            unsafe collect(rows, keys)
            guard hasEnrichment else { return }
            let (ids, positions) = unsafe (enrichmentIDs, positions)
            for place in 0..<count { unsafe ids[place] = unsafe rows.enrichmentID(at: positions[place]) }
        }
        keyBuffer.giveBack()
        spareBuffer.giveBack()
        digitBuffer.giveBack()
    }

    /// Finds the runs and makes room.
    private func layOut(_ batch: RowBatch, _ layouts: RecordLayouts) {
        runs.removeAll(keepingCapacity: true)
        unsafe columns.removeAll(keepingCapacity: true)
        var row = 0
        var place = ColumnPlace()
        for (number, layout) in layouts.all.enumerated() {
            let rows = layout.isSummary ? batch.summaryCount(of: layout.kind) : batch.rowCount(of: layout.kind)
            guard rows > 0 else { continue }
            let run = unsafe KindRun(
                layout: number,
                kind: layout.kind,
                isSummary: layout.isSummary,
                rows: row..<row + rows,
                words: layout.stride / KindRun.wordBytes,
                firstColumn: columns.count
            )
            runs.append(run)
            row += rows
            for piece in run.pieces {
                let bytes = KindRun.columnBytes(rows: run.rows(ofPiece: piece).count)
                for _ in 0..<run.words { unsafe columns.append(column(bytes, &place)) }
            }
        }
        precondition(row == count, "a kind is in a batch and not in the registry")
        precondition(count <= RowBatch.Limits.maxRows)
    }

    /// Where the next column of words goes.
    private struct ColumnPlace {
        var block = 0
        var offset = 0
    }

    /// Room for a column of words, behind the one before or in the next block.
    @unsafe private func column(_ bytes: Int, _ place: inout ColumnPlace) -> UnsafeMutableRawPointer {
        if place.offset + bytes > Self.blockBytes {
            place.block += 1
            // Blocks begin at the same lines of the cache, which the columns in them shall not all want.
            place.offset = place.block % 8 * 3 * 64
        }
        if place.block == blocks.count { blocks.append(memory.take(Self.blockBytes)) }
        defer { place.offset += bytes }
        return unsafe blocks[place.block].base + place.offset
    }

    /// Fills `keys`; returns the bits above the row's in which they differ.
    @unsafe private func makeKeys(_ rows: UnsafeRows, _ numbers: UnsafePointer<UInt8>) -> UInt64 {
        cgroups.reset()
        let keys = unsafe keyBuffer.base
        let mostPid = UInt64(1) << Self.pidBits - 1
        var any: UInt64 = 0
        var all = UInt64.max
        for row in 0..<count {
            let record = unsafe rows.record(at: rows.position(of: row))
            let word = unsafe record.load(fromByteOffset: RecordLayouts.wordOffset, as: UInt64.self)
            let layout = unsafe UInt64(numbers[RecordLayouts.place(ofWord: word)])
            let rank = UInt64(unsafe cgroups.rank(of: record.load(fromByteOffset: Self.cgroupAt, as: UInt64.self)))
            let pid = min(unsafe UInt64(record.load(fromByteOffset: Self.pidAt, as: UInt32.self)), mostPid)
            let key =
                ((layout << Self.rankBits | rank) << Self.pidBits | pid) << Self.rowBits | UInt64(row)
            unsafe keys[row] = key
            any |= key
            all &= key
        }
        return (any & ~all) & ~((1 << Self.rowBits) - 1)
    }

    /// Sorts the keys digit by digit from the lowest, and says where they are then; bits that don't vary are left out.
    @unsafe private func sortKeys(_ varying: UInt64) -> UnsafeMutablePointer<UInt64> {
        var keys = unsafe keyBuffer.base
        var spare = unsafe spareBuffer.base
        let digits = unsafe digitBuffer.base
        var left = varying
        let size = 1 << Int(Self.digitBits)
        while left != 0 {
            let shift = UInt64(left.trailingZeroBitCount)
            let mask = UInt64(size - 1)
            unsafe digits.update(repeating: 0, count: size)
            for index in 0..<count { unsafe digits[Int(keys[index] >> shift & mask)] += 1 }
            var sum: UInt32 = 0
            for digit in 0..<size {
                let here = unsafe digits[digit]
                unsafe digits[digit] = sum
                sum += here
            }
            for index in 0..<count {
                let key = unsafe keys[index]
                let digit = Int(key >> shift & mask)
                let place = unsafe digits[digit]
                unsafe digits[digit] = place + 1
                unsafe spare[Int(place)] = key
            }
            unsafe swap(&keys, &spare)
            left &= ~(mask << shift)
        }
        return unsafe keys
    }

    /// Copies the fixed parts in the order of `keys`, word by word.
    @unsafe private func collect(_ rows: UnsafeRows, _ keys: UnsafeMutablePointer<UInt64>) {
        unsafe columns.withUnsafeBufferPointer { columns in
            for run in runs {
                for piece in run.pieces {
                    let range = run.rows(ofPiece: piece)
                    let sorted = run.rows.lowerBound + range.lowerBound
                    let first = run.firstColumn + piece * run.words
                    unsafe collect(
                        rows,
                        keys + sorted,
                        positions + sorted,
                        count: range.count,
                        into: UnsafeBufferPointer(rebasing: columns[first..<first + run.words])
                    )
                }
            }
        }
    }

    /// Copies the fixed parts of a piece.
    @unsafe private func collect(
        _ rows: UnsafeRows,
        _ keys: UnsafeMutablePointer<UInt64>,
        _ noted: UnsafeMutablePointer<UInt32>,
        count: Int,
        into columns: UnsafeBufferPointer<UnsafeMutableRawPointer>
    ) {
        var place = 0
        // A cache line of each column at a time.
        while place + 8 <= count {
            let r0 = unsafe record(rows, keys[place], noted + place)
            let r1 = unsafe record(rows, keys[place + 1], noted + place + 1)
            let r2 = unsafe record(rows, keys[place + 2], noted + place + 2)
            let r3 = unsafe record(rows, keys[place + 3], noted + place + 3)
            let r4 = unsafe record(rows, keys[place + 4], noted + place + 4)
            let r5 = unsafe record(rows, keys[place + 5], noted + place + 5)
            let r6 = unsafe record(rows, keys[place + 6], noted + place + 6)
            let r7 = unsafe record(rows, keys[place + 7], noted + place + 7)
            let offset = place * KindRun.wordBytes
            for word in 0..<columns.count {
                let line = unsafe SIMD8(
                    r0[word],
                    r1[word],
                    r2[word],
                    r3[word],
                    r4[word],
                    r5[word],
                    r6[word],
                    r7[word]
                )
                unsafe columns[word].storeBytes(of: line, toByteOffset: offset, as: SIMD8<UInt64>.self)
            }
            place += 8
        }
        while place < count {
            let record = unsafe record(rows, keys[place], noted + place)
            for word in 0..<columns.count {
                unsafe columns[word].storeBytes(
                    of: record[word],
                    toByteOffset: place * KindRun.wordBytes,
                    as: UInt64.self
                )
            }
            place += 1
        }
    }

    /// The record that a sorted key stands for; its position is noted.
    @inline(__always)
    @unsafe private func record(
        _ rows: UnsafeRows,
        _ key: UInt64,
        _ noted: UnsafeMutablePointer<UInt32>
    ) -> UnsafePointer<UInt64> {
        let rowMask = UInt64(1) << Self.rowBits - 1
        let position = unsafe rows.position(of: Int(key & rowMask))
        unsafe noted.pointee = position
        return unsafe rows.record(at: position).assumingMemoryBound(to: UInt64.self)
    }

    private static let cgroupAt = MemoryLayout<tapio_header>.offset(of: \.cgroup_id)!
    private static let pidAt = MemoryLayout<tapio_header>.offset(of: \.pid)!
}

/// Numbers cgroups in the order in which a batch names them.
///
/// Cgroup ids are inodes that the kernel chose: nobody can choose them to collide.
private struct CgroupRanks {
    private var ids: [UInt64] = []
    private var table = [UInt32](repeating: 0, count: 1024)
    private var lastID: UInt64 = 0
    private var lastRank: UInt32 = .max

    mutating func reset() {
        ids.removeAll(keepingCapacity: true)
        for slot in table.indices { table[slot] = 0 }
        lastRank = .max
    }

    @inline(__always)
    mutating func rank(of id: UInt64) -> UInt32 {
        if id == lastID && lastRank != .max { return lastRank }
        lastID = id
        lastRank = lookUp(id)
        return lastRank
    }

    private mutating func lookUp(_ id: UInt64) -> UInt32 {
        var slot = CgroupRanks.slot(id, table.count)
        while table[slot] != 0 {
            if ids[Int(table[slot]) - 1] == id { return table[slot] - 1 }
            slot = (slot + 1) & (table.count - 1)
        }
        ids.append(id)
        table[slot] = UInt32(ids.count)
        if ids.count * 2 > table.count { grow() }
        return UInt32(ids.count - 1)
    }

    private mutating func grow() {
        table = [UInt32](repeating: 0, count: table.count * 4)
        for (rank, id) in ids.enumerated() {
            var slot = CgroupRanks.slot(id, table.count)
            while table[slot] != 0 { slot = (slot + 1) & (table.count - 1) }
            table[slot] = UInt32(rank + 1)
        }
    }

    @inline(__always)
    private static func slot(_ id: UInt64, _ count: Int) -> Int {
        Int(truncatingIfNeeded: (id &* 0x9E37_79B9_7F4A_7C15) >> 32) & (count - 1)
    }
}
