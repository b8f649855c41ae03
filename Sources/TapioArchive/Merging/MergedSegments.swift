/// Finds rows that are there twice: a backup that deletes nothing has the segments that were merged as well as what they became,
/// and so have copies of an archive from before and after a compaction together.
public enum MergedSegments {
    private struct Place: Hashable {
        let hour: ArchiveHour
        let bootID: String
    }

    private struct Merged {
        let segment: ArchiveSegment
        let originals: Set<String>
    }

    /// Of segments of one node, those without which each row is there once; by their paths the path of the one that has their
    /// rows as well. No two may have the same name.
    ///
    /// Only merged ones are opened, and of these only those whose time is another one's as well.
    public static func duplicates(in segments: [ArchiveSegment]) -> [String: String] {
        guard segments.contains(where: isPerhapsMerged) else { return [:] }
        var places: [Place: [ArchiveSegment]] = [:]
        for segment in segments where !segment.isOpen {
            guard let name = segment.name else { continue }
            let hour = ArchiveHour(timestampNs: name.startMicros &* 1000)
            places[Place(hour: hour, bootID: name.bootID), default: []].append(segment)
        }
        var result: [String: String] = [:]
        for together in places.values where together.count > 1 { find(in: together, &result) }
        return result
    }

    private static func isPerhapsMerged(_ segment: ArchiveSegment) -> Bool { (segment.name?.repair ?? 0) > 0 }

    private static func find(in segments: [ArchiveSegment], _ result: inout [String: String]) {
        var merged: [Merged] = []
        for segment in segments where isPerhapsMerged(segment) {
            guard segments.contains(where: { $0.path != segment.path && overlaps($0, segment) }),
                let originals = segment.originals
            else { continue }
            merged.append(Merged(segment: segment, originals: originals))
        }
        for one in merged {
            let present = segments.filter { $0.path != one.segment.path && has(one.originals, $0) }
            guard let first = present.first else { continue }
            // What was damaged since is worth less than its originals, if all of them are there.
            let isWorse =
                one.segment.isDamaged || one.segment.isRecovered && !present.contains(where: \.isRecovered)
            if isWorse, present.count == one.originals.count, !present.contains(where: \.isDamaged) {
                result[one.segment.path] = first.path
            } else if !one.segment.isDamaged {
                for original in present { result[original.path] = one.segment.path }
            }
        }
        // One that was merged again tells of the first originals only.
        for small in merged where result[small.segment.path] == nil {
            let large = merged.first { large in
                large.segment.path != small.segment.path && result[large.segment.path] == nil
                    && !large.segment.isDamaged && small.originals.isSubset(of: large.originals)
                    && (small.originals.count < large.originals.count || repair(of: small) < repair(of: large))
            }
            if let large { result[small.segment.path] = large.segment.path }
        }
    }

    private static func has(_ names: Set<String>, _ segment: ArchiveSegment) -> Bool {
        segment.name.map { names.contains($0.description) } ?? false
    }

    private static func repair(of merged: Merged) -> Int { merged.segment.name?.repair ?? 0 }

    /// Whether both may have rows of the same time.
    private static func overlaps(_ left: ArchiveSegment, _ right: ArchiveSegment) -> Bool {
        guard let leftMin = left.totals.minTimestampNs, let leftMax = left.totals.maxTimestampNs,
            let rightMin = right.totals.minTimestampNs, let rightMax = right.totals.maxTimestampNs
        else { return false }
        return leftMin <= rightMax && rightMin <= leftMax
    }
}
