/// Which segments must go. Pure: sizes and times in, names out.
enum Retention {
    /// What is decided upon.
    struct Situation: Sendable {
        /// Sealed segments that nobody pinned, oldest first.
        var candidates: [SegmentFacts]
        /// Bytes of all sealed segments and the open one, pinned ones included.
        var totalBytes: Int64
        /// The file system; nil if it could not be asked.
        var space: FileSystemSpace?
        /// UTC nanoseconds.
        var nowNs: Int64
    }

    /// The segments to delete, oldest first, each with the limit that asks for it.
    static func victims(_ situation: Situation, policy: RetentionPolicy) -> [(SegmentFacts, RetentionDeletion.Reason)] {
        var victims: [(SegmentFacts, RetentionDeletion.Reason)] = []
        var bytes = situation.totalBytes
        var available = situation.space?.available ?? .max
        let wanted = situation.space.map { Int64(Double($0.total) * (policy.minFreeShare ?? 0)) } ?? 0
        for segment in situation.candidates {
            let reason: RetentionDeletion.Reason
            if let maxAgeNs = policy.maxAgeNs, let last = segment.totals.maxTimestampNs,
                situation.nowNs - last > maxAgeNs
            {
                reason = .age
            } else if let maxBytes = policy.maxBytes, bytes > maxBytes {
                reason = .bytes
            } else if available < wanted {
                reason = .freeSpace
            } else {
                // An older one may be kept by its last event while a younger one is too old: go on looking.
                continue
            }
            victims.append((segment, reason))
            bytes -= segment.bytes
            available = available.addingReportingOverflow(segment.bytes).overflow ? .max : available + segment.bytes
        }
        return victims
    }
}

/// A segment that retention deleted.
public struct RetentionDeletion: Sendable, Hashable {
    /// The limit that asked for it.
    public enum Reason: String, Sendable, Hashable, CaseIterable {
        /// The archive was larger than it may be.
        case bytes
        /// Its last event was too long ago.
        case age
        /// The file system was too full.
        case freeSpace
    }

    /// The segment: its rows by kind, bytes and time range.
    public let segment: SegmentFacts
    /// The limit that asked for it.
    public let reason: Reason
    /// Bytes of open files with rows of the segment that a crash, or a disk that refused, had left beside it, and that went
    /// with it; as a rule 0.
    public let twinBytes: Int64
}
