/// Puts the rows of many row groups into the order of time, a portion at a time: a k-way merge.
///
/// A group is opened when the time of its first row has come, and of an open one only its rows' times are held: 24 bytes a row.
/// If more rows than ``mostOpenRows`` overlap in time, those that are open are taken first: the portions are whole all the
/// same, but their times overlap.
struct TimeMerge {
    /// Rows of all open groups together: 48 MiB of times.
    static let mostOpenRows = 2 << 20

    /// Rows of one group that a portion takes, and where they stand in it.
    struct Piece {
        let source: MergeSource
        /// Places in the group.
        var rows: [Int32] = []
        /// Places in the portion, one for each of `rows`.
        var places: [Int32] = []
    }

    /// A row group to be.
    struct Portion {
        var pieces: [Piece] = []
        /// By place.
        var keyHashes: [UInt64] = []
        /// UTC nanoseconds since 1970.
        var minTimestampNs = Int64.max
        var maxTimestampNs = Int64.min

        var rowCount: Int { keyHashes.count }
    }

    private let mostOpenRows: Int
    /// The earliest last.
    private var pending: [MergeSource]
    private var runs: [TimeRun] = []
    private var openRows = 0
    /// Whether no more may be opened until all that are open have been taken.
    private var isDraining = false
    /// How often too many rows overlapped, so that the times of portions overlap.
    private(set) var overlaps = 0

    init(_ sources: [MergeSource], mostOpenRows: Int = TimeMerge.mostOpenRows) {
        pending = sources.filter { $0.group.rowCount > 0 }.sorted { $0.earliestNs > $1.earliestNs }
        self.mostOpenRows = mostOpenRows
    }

    /// The next rows, at most `limit`; nil at the end.
    mutating func next(limit: Int) throws(ArchiveReadError) -> Portion? {
        var portion = Portion()
        // By place in `runs`, the piece that takes from it; runs that end in this portion leave their piece.
        var pieces: [Piece?] = runs.map { _ in nil }
        while portion.rowCount < limit {
            try openDue(&pieces)
            guard let first = earliestRun() else { break }
            let bound = secondHead(beside: first)
            var piece = pieces[first] ?? Piece(source: runs[first].source)
            pieces[first] = nil
            // Rows are taken as long as no other run has an earlier one.
            while portion.rowCount < limit, let head = runs[first].head, bound.map({ head <= $0 }) ?? true {
                if let due = pending.last, !isDraining, due.earliestNs <= head.ns { break }
                piece.rows.append(head.row)
                piece.places.append(Int32(portion.rowCount))
                portion.keyHashes.append(head.hash)
                portion.minTimestampNs = min(portion.minTimestampNs, head.ns)
                portion.maxTimestampNs = max(portion.maxTimestampNs, head.ns)
                runs[first].advance()
            }
            if runs[first].head == nil {
                portion.pieces.append(piece)
                openRows -= runs[first].rowCount
                runs.remove(at: first)
                pieces.remove(at: first)
                if runs.isEmpty { isDraining = false }
            } else {
                pieces[first] = piece
            }
        }
        portion.pieces += pieces.compactMap { $0 }.filter { !$0.rows.isEmpty }
        portion.pieces.removeAll { $0.rows.isEmpty }
        return portion.rowCount > 0 ? portion : nil
    }

    private mutating func openDue(_ pieces: inout [Piece?]) throws(ArchiveReadError) {
        while !isDraining, let source = pending.last {
            if let first = earliestRun(), let head = runs[first].head, source.earliestNs > head.ns { return }
            if !runs.isEmpty, openRows + source.group.rowCount > mostOpenRows {
                isDraining = true
                overlaps += 1
                return
            }
            pending.removeLast()
            let run = try TimeRun(source)
            openRows += run.rowCount
            runs.append(run)
            pieces.append(nil)
        }
    }

    private func earliestRun() -> Int? {
        runs.indices.min { left, right in
            guard let leftHead = runs[left].head else { return false }
            guard let rightHead = runs[right].head else { return true }
            return leftHead < rightHead
        }
    }

    private func secondHead(beside first: Int) -> TimeRun.Key? {
        var second: TimeRun.Key?
        for index in runs.indices where index != first {
            guard let head = runs[index].head else { continue }
            if second.map({ head < $0 }) ?? true { second = head }
        }
        return second
    }
}
