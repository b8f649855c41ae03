/// Which segments are merged with which: whole ones of one node that follow one another, of one run of the agent and one
/// hour, up to a size.
public struct MergePlan: Sendable, Hashable {
    /// Segments of one merge.
    public static let mostSegments = 256

    /// A sealed segment that may be merged.
    public struct Candidate: Sendable, Hashable {
        /// Its name.
        public var name: SegmentName
        /// Its file.
        public var path: String
        /// The directory of its hour.
        public var hour: String
        /// The run of the agent that wrote it; nil: not known.
        public var runID: String?
        /// Bytes.
        public var bytes: Int64
        /// Rows.
        public var rows: Int64
        /// Whether it must stay as it is: pinned, not sent yet, too young, damaged. It also divides those around it.
        public var isFixed: Bool

        /// A candidate.
        public init(
            name: SegmentName,
            path: String,
            hour: String,
            runID: String?,
            bytes: Int64,
            rows: Int64,
            isFixed: Bool = false
        ) {
            self.name = name
            self.path = path
            self.hour = hour
            self.runID = runID
            self.bytes = bytes
            self.rows = rows
            self.isFixed = isFixed
        }
    }

    /// What is merged, each into one, in the order of their names.
    public private(set) var groups: [[Candidate]] = []

    /// Plans merges of a node's segments.
    ///
    /// - Parameters:
    ///   - candidates: All sealed segments of the node; the order does not matter.
    ///   - targetBytes: A merged segment has about so many at most, as its originals count.
    ///   - includesSingles: Whether a segment that finds no other is written anew as well.
    public init(_ candidates: [Candidate], targetBytes: Int64, includesSingles: Bool) {
        // In the order in which they were begun.
        let ordered = candidates.sorted { ($0.name.sequence, $0.name) < ($1.name.sequence, $1.name) }
        var group: [Candidate] = []
        var bytes: Int64 = 0
        func end() {
            if group.count > 1 || includesSingles && !group.isEmpty { groups.append(group) }
            group = []
            bytes = 0
        }
        for candidate in ordered {
            if candidate.isFixed {
                end()
                continue
            }
            if let last = group.last {
                let isOfOne =
                    candidate.runID != nil && candidate.runID == last.runID && candidate.hour == last.hour
                    && candidate.name.bootID == last.name.bootID
                let isFull = bytes + candidate.bytes > targetBytes || group.count >= Self.mostSegments
                if !isOfOne || isFull { end() }
            }
            group.append(candidate)
            bytes += candidate.bytes
        }
        end()
    }

    /// Plans merges of at least so many segments, and not fewer than two.
    init(_ candidates: [Candidate], targetBytes: Int64, leastSegments: Int) {
        self.init(candidates, targetBytes: targetBytes, includesSingles: false)
        groups.removeAll { $0.count < leastSegments }
    }

    /// The name of a group's merged segment: it stands where the first one stood, also for those who count by numbers.
    public static func name(of group: [Candidate]) -> SegmentName { group[0].name.repaired }
}

extension MergePlan.Candidate {
    /// A segment of an archive, with its run as the file tells it. Opens the file.
    public init(_ segment: ArchiveSegment, name: SegmentName, isFixed: Bool = false) throws(ArchiveReadError) {
        let runID = try segment.open().keyValues.last { $0.key == SegmentKey.runID }?.value
        self.init(
            name: name,
            path: segment.path,
            hour: ArchiveHour(timestampNs: name.startMicros &* 1000).path,
            runID: runID,
            bytes: segment.bytes,
            rows: segment.totals.rows,
            isFixed: isFixed
        )
    }
}
