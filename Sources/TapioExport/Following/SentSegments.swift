import TapioArchive

/// Which segments of a node's archive were sent: runs of their sequence numbers.
///
/// A segment can appear after later ones were sent (its seal failed at first), so a single position is not enough. And the
/// numbers can begin anew, where an archive was emptied: a run knows the times of its segments too.
struct SentSegments: Sendable, Hashable, Codable {
    /// Segments that followed one another.
    struct Run: Sendable, Hashable, Codable {
        var firstSequence: UInt64
        var lastSequence: UInt64
        /// UTC microseconds since 1970, of the names.
        var firstMicros: Int64
        var lastMicros: Int64

        func contains(_ name: SegmentName) -> Bool {
            name.sequence >= firstSequence && name.sequence <= lastSequence && name.startMicros >= firstMicros
                && name.startMicros <= lastMicros
        }

        /// Takes in a segment that comes right before or after; false where another does.
        mutating func extend(with name: SegmentName) -> Bool {
            if name.sequence == lastSequence &+ 1 {
                lastSequence = name.sequence
            } else if firstSequence > 0, name.sequence == firstSequence - 1 {
                firstSequence = name.sequence
            } else {
                return false
            }
            firstMicros = min(firstMicros, name.startMicros)
            lastMicros = max(lastMicros, name.startMicros)
            return true
        }

        /// Whether the other one goes on right where this one ends.
        func precedes(_ other: Run) -> Bool {
            lastSequence &+ 1 == other.firstSequence && lastMicros <= other.firstMicros
        }

        func joined(with other: Run) -> Run {
            Run(
                firstSequence: min(firstSequence, other.firstSequence),
                lastSequence: max(lastSequence, other.lastSequence),
                firstMicros: min(firstMicros, other.firstMicros),
                lastMicros: max(lastMicros, other.lastMicros)
            )
        }
    }

    /// In the order in which they began.
    private(set) var runs: [Run] = []

    func contains(_ name: SegmentName) -> Bool { runs.contains { $0.contains(name) } }

    mutating func insert(_ name: SegmentName) {
        guard !contains(name) else { return }
        // The newest first: after the numbers began anew, an old run may end just before this number too.
        for index in runs.indices.reversed() where runs[index].extend(with: name) {
            joinNeighbours(of: index)
            return
        }
        runs.append(
            Run(
                firstSequence: name.sequence,
                lastSequence: name.sequence,
                firstMicros: name.startMicros,
                lastMicros: name.startMicros
            )
        )
    }

    /// Makes one of a run and the one that it has grown up to.
    private mutating func joinNeighbours(of index: Int) {
        for other in runs.indices where other != index {
            guard runs[index].precedes(runs[other]) || runs[other].precedes(runs[index]) else { continue }
            let joined = runs[index].joined(with: runs[other])
            runs[max(index, other)] = joined
            runs.remove(at: min(index, other))
            return
        }
    }

    /// Lets go of runs of which the archive has no segment any more. The newest stays.
    mutating func forget(keeping present: [SegmentName]) {
        guard runs.count > 1, let newest = runs.last else { return }
        runs = runs.dropLast().filter { run in present.contains(where: run.contains) } + [newest]
    }
}
