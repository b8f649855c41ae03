import TapioBPF
import TapioEvents

/// The rows of a batch of one layout, one after another: a kind's events, or its summaries.
struct KindRun {
    /// The layout's number.
    let layout: Int
    let kind: EventKind
    let isSummary: Bool
    /// Places in the sorted batch.
    let rows: Range<Int>
    /// Where the words of its records begin in ``BatchSorter/fixed``.
    let start: Int
    /// Bytes of a record's fixed part, rounded up to words.
    let stride: Int

    /// Bytes of a word, and from one record's word to the next record's.
    static let wordBytes = 8

    /// Bytes from a column of words to the next: an odd number of cache lines, so that the columns of a record don't all
    /// want the same lines of the cache.
    var columnBytes: Int { KindRun.columnBytes(rows: rows.count) }

    /// Bytes that all of its columns take.
    var byteCount: Int { columnBytes * (stride / KindRun.wordBytes) }

    /// Where in ``BatchSorter/fixed`` the first record's field at this offset lies; the next one's is a word behind it.
    ///
    /// - Precondition: the field doesn't reach over a word's end (``ColumnPlan`` sees to it).
    @inline(__always)
    func place(of field: Int) -> Int { start + (field >> 3) * columnBytes + field & 7 }

    private static func columnBytes(rows: Int) -> Int { ((rows * wordBytes + 63) / 64 | 1) * 64 }
}

/// Puts the rows of a batch in the order (layout, cgroup, pid), within that as they came: neighbours are then alike, which is
/// worth a third of the archive's size.
///
/// The fixed parts of the records are copied in that order and turned on their side: the first words of all records of a run,
/// then the second ones, and so on. A column of the archive is then read from memory that lies together, and not from a
/// few bytes of every record, which would fetch the whole batch into the cache once for each column. Strings stay where they
/// are.
///
/// Invariants of the unsafe code: `keys` and `spare` have room for `capacity` elements and `positions`, `enrichmentIDs` as well;
/// `fixed` has `fixedCapacity` bytes. After ``sort(_:layouts:)`` the first `count` elements are set, and run r has
/// `byteCount` bytes from `start`.
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
    private(set) var positions: UnsafeMutablePointer<UInt32>
    /// For each place, its enrichment id.
    private(set) var enrichmentIDs: UnsafeMutablePointer<UInt32>
    /// The words of the fixed parts.
    private(set) var fixed: UnsafeMutableRawPointer

    private var capacity: Int
    private var fixedCapacity: Int
    private var keys: UnsafeMutablePointer<UInt64>
    private var spare: UnsafeMutablePointer<UInt64>
    private let digits: UnsafeMutablePointer<UInt32>
    private var cgroups = CgroupRanks()

    init() {
        capacity = 1024
        fixedCapacity = 1 << 16
        unsafe positions = .allocate(capacity: capacity)
        unsafe enrichmentIDs = .allocate(capacity: capacity)
        unsafe keys = .allocate(capacity: capacity)
        unsafe spare = .allocate(capacity: capacity)
        unsafe digits = .allocate(capacity: 1 << Int(Self.digitBits))
        unsafe fixed = .allocate(byteCount: fixedCapacity, alignment: 64)
    }

    deinit {
        unsafe positions.deallocate()
        unsafe enrichmentIDs.deallocate()
        unsafe keys.deallocate()
        unsafe spare.deallocate()
        unsafe digits.deallocate()
        unsafe fixed.deallocate()
    }

    /// Sorts. All rows have to be of one of `layouts`.
    func sort(_ batch: RowBatch, layouts: RecordLayouts) {
        count = batch.rowCount
        layOut(batch, layouts)
        unsafe batch.withUnsafeRows { rows in
            let varying = unsafe layouts.withUnsafeNumbers { unsafe makeKeys(rows, $0) }
            sortKeys(varying)
            unsafe collect(rows, hasEnrichment: batch.enrichment.entries.count > 1)
        }
    }

    /// Finds the runs and makes room.
    private func layOut(_ batch: RowBatch, _ layouts: RecordLayouts) {
        runs.removeAll(keepingCapacity: true)
        var row = 0
        var start = 0
        for (number, layout) in layouts.all.enumerated() {
            let rows = layout.isSummary ? batch.summaryCount(of: layout.kind) : batch.rowCount(of: layout.kind)
            guard rows > 0 else { continue }
            let run = KindRun(
                layout: number,
                kind: layout.kind,
                isSummary: layout.isSummary,
                rows: row..<row + rows,
                start: start,
                stride: layout.stride
            )
            runs.append(run)
            row += rows
            start += run.byteCount
        }
        precondition(row == count, "a kind is in a batch and not in the registry")
        precondition(count <= RowBatch.Limits.maxRows)
        if count > capacity {
            unsafe positions.deallocate()
            unsafe enrichmentIDs.deallocate()
            unsafe keys.deallocate()
            unsafe spare.deallocate()
            capacity = count
            unsafe positions = .allocate(capacity: capacity)
            unsafe enrichmentIDs = .allocate(capacity: capacity)
            unsafe keys = .allocate(capacity: capacity)
            unsafe spare = .allocate(capacity: capacity)
        }
        if start > fixedCapacity {
            unsafe fixed.deallocate()
            fixedCapacity = start
            unsafe fixed = .allocate(byteCount: fixedCapacity, alignment: 64)
        }
    }

    /// Fills `keys`; returns the bits above the row's in which they differ.
    @unsafe private func makeKeys(_ rows: UnsafeRows, _ numbers: UnsafePointer<UInt8>) -> UInt64 {
        cgroups.reset()
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

    /// Sorts `keys` digit by digit from the lowest; bits that don't vary are left out.
    private func sortKeys(_ varying: UInt64) {
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
    }

    /// Copies the fixed parts in order, word by word.
    @unsafe private func collect(_ rows: UnsafeRows, hasEnrichment: Bool) {
        for run in runs {
            let target = unsafe fixed + run.start
            let columnBytes = run.columnBytes
            let words = run.stride / KindRun.wordBytes
            var place = 0
            // A cache line of each column at a time.
            while place + 8 <= run.rows.count {
                let sorted = run.rows.lowerBound + place
                let r0 = unsafe record(rows, sorted)
                let r1 = unsafe record(rows, sorted + 1)
                let r2 = unsafe record(rows, sorted + 2)
                let r3 = unsafe record(rows, sorted + 3)
                let r4 = unsafe record(rows, sorted + 4)
                let r5 = unsafe record(rows, sorted + 5)
                let r6 = unsafe record(rows, sorted + 6)
                let r7 = unsafe record(rows, sorted + 7)
                var column = unsafe target + place * KindRun.wordBytes
                for word in 0..<words {
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
                    unsafe column.storeBytes(of: line, as: SIMD8<UInt64>.self)
                    unsafe column += columnBytes
                }
                place += 8
            }
            while place < run.rows.count {
                let record = unsafe record(rows, run.rows.lowerBound + place)
                var column = unsafe target + place * KindRun.wordBytes
                for word in 0..<words {
                    unsafe column.storeBytes(of: record[word], as: UInt64.self)
                    unsafe column += columnBytes
                }
                place += 1
            }
        }
        guard hasEnrichment else { return }
        for place in 0..<count {
            unsafe enrichmentIDs[place] = unsafe rows.enrichmentID(at: positions[place])
        }
    }

    /// The record that the sorted key at `place` stands for; its position is noted.
    @inline(__always)
    @unsafe private func record(_ rows: UnsafeRows, _ place: Int) -> UnsafePointer<UInt64> {
        let rowMask = UInt64(1) << Self.rowBits - 1
        let position = unsafe rows.position(of: Int(keys[place] & rowMask))
        unsafe positions[place] = position
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
