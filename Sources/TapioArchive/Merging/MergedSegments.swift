/// Finds rows that are there twice: a backup that deletes nothing has the segments that were merged as well as what they became,
/// and so have copies of an archive from before and after a compaction together. A crash while a segment is sealed, or saved
/// after another crash, leaves the open file beside the sealed one, and a crash of a repair the damaged file beside its copy.
public enum MergedSegments {
    private struct Place: Hashable {
        let hour: ArchiveHour
        let bootID: String
    }

    private struct Merged {
        let segment: ArchiveSegment
        /// Names of all files whose rows it has: what a repair saved counts as what it was saved of, too.
        let names: Set<String>
        /// One name for each of them, however often it was repaired.
        let families: Set<String>

        init(_ segment: ArchiveSegment, originals: Set<String>) {
            self.segment = segment
            families = Set(originals.map(Self.family))
            names = originals.union(families)
        }

        static func family(_ name: String) -> String {
            SegmentName.parse(name + SegmentName.Role.sealed.rawValue)?.name.original.description ?? name
        }
    }

    /// Of segments of one node, those without which each row is there once; by their paths the path of the one that has their
    /// rows as well. No two may have the same name, unless one of them is open.
    ///
    /// Only merged ones are opened, and of these only those whose time is another one's as well; and of repaired ones those
    /// that lie beside another one of their number.
    public static func duplicates(in segments: [ArchiveSegment]) -> [String: String] {
        let twins = twins(in: segments)
        guard segments.contains(where: isPerhapsMerged) else { return twins }
        var result = twins
        findRepaired(in: segments.filter { twins[$0.path] == nil }, &result)
        var places: [Place: [ArchiveSegment]] = [:]
        for segment in segments where result[segment.path] == nil {
            guard let name = segment.name else { continue }
            let hour = ArchiveHour(timestampNs: name.startMicros &* 1000)
            places[Place(hour: hour, bootID: name.bootID), default: []].append(segment)
        }
        var merged: [String: String] = [:]
        for together in places.values where together.count > 1 { find(in: together, &merged) }
        result.merge(merged) { first, _ in first }
        // The one that has another one's rows may be left out for a third.
        return result.mapValues { last(from: $0, in: result) }
    }

    private static func last(from path: String, in result: [String: String]) -> String {
        var last = path
        // So many steps at most: whatever the files say, it ends.
        for _ in 0..<result.count {
            guard let next = result[last] else { break }
            last = next
        }
        return last
    }

    /// Of open and sealed segments of one name, the open ones: what is sealed has all that was written to them. Where it
    /// was cut off since, it is the one that counts less.
    private static func twins(in segments: [ArchiveSegment]) -> [String: String] {
        guard segments.contains(where: \.isOpen) else { return [:] }
        let named = segments.filter { !$0.isOpen }.compactMap { segment in segment.name.map { ($0, segment) } }
        let sealed = Dictionary(named) { first, _ in first }
        var result: [String: String] = [:]
        for open in segments where open.isOpen {
            guard let name = open.name, let other = sealed[name] else { continue }
            let isBetter = other.isDamaged && open.hasPrologue && open.totals.rows > other.totals.rows
            if isBetter { result[other.path] = open.path } else { result[open.path] = other.path }
        }
        return result
    }

    /// Of files and what repairs saved of them, the files, which a crash kept from being set aside. Where what was saved was
    /// damaged since, it counts less than what it was saved from.
    private static func findRepaired(in segments: [ArchiveSegment], _ result: inout [String: String]) {
        guard segments.contains(where: isPerhapsRepaired) else { return }
        var families: [SegmentName: [ArchiveSegment]] = [:]
        for segment in segments {
            if let name = segment.name { families[name.original, default: []].append(segment) }
        }
        for family in families.values where family.count > 1 {
            // The latest copy first: it may have been made of an earlier one.
            let ordered = family.sorted { ($0.name?.repair ?? 0, $0.path) > ($1.name?.repair ?? 0, $1.path) }
            for copy in ordered where isPerhapsRepaired(copy) && result[copy.path] == nil {
                let sources = copy.repairSources
                for other in ordered where other.path != copy.path && result[other.path] == nil {
                    if copy.isDamaged && isSource(other, in: sources) || isMore(other, than: copy, of: sources) {
                        result[copy.path] = other.path
                        break
                    }
                    if isSource(other, in: sources) { result[other.path] = copy.path }
                }
            }
        }
    }

    /// Whether a copy that was made of these files is of it: of itself, or of what it was before or after it was sealed.
    private static func isSource(_ segment: ArchiveSegment, in sources: Set<String>) -> Bool {
        guard let name = segment.name else { return false }
        return [SegmentName.Role.open, .sealed].contains { sources.contains(name.fileName($0)) }
    }

    /// Whether a file that a copy is of has all of its rows, and is to be read instead.
    private static func isMore(_ other: ArchiveSegment, than copy: ArchiveSegment, of sources: Set<String>) -> Bool {
        guard isSource(other, in: sources) else { return false }
        if sources.contains(FilePath.name(of: other.path)) {
            // Such as from a backup of before the damage, which does not show where it is in the rows.
            return !other.isOpen && !other.isDamaged && other.totals.rows > copy.totals.rows && other.isWhole
        }
        // What was sealed had all that was written to the open one; but what is left of it may be less.
        if other.totals.rows != copy.totals.rows { return other.totals.rows > copy.totals.rows }
        return !other.isOpen && !other.isDamaged && other.isWhole
    }

    /// A repair marks what it saves as recovered.
    private static func isPerhapsRepaired(_ segment: ArchiveSegment) -> Bool {
        isPerhapsMerged(segment) && segment.isRecovered
    }

    private static func isPerhapsMerged(_ segment: ArchiveSegment) -> Bool {
        !segment.isOpen && (segment.name?.repair ?? 0) > 0
    }

    private static func find(in segments: [ArchiveSegment], _ result: inout [String: String]) {
        var merged: [Merged] = []
        for segment in segments where isPerhapsMerged(segment) {
            guard segments.contains(where: { $0.path != segment.path && overlaps($0, segment) }),
                let originals = segment.originals
            else { continue }
            merged.append(Merged(segment, originals: originals))
        }
        let files = merged.isEmpty ? [:] : byNames(segments)
        for one in merged {
            var paths: Set<String> = [one.segment.path]
            let copies = one.names.sorted().flatMap { files[$0] ?? [] }.filter { paths.insert($0.path).inserted }
            // One that is open may have been copied before it was complete.
            let present = copies.filter { !$0.isOpen && isNamed(one.names, $0) }
            let there = Set(present.compactMap { $0.name?.original.description })
            // What was damaged since is worth less than its originals, if all of them are there.
            let isWorse =
                one.segment.isDamaged || one.segment.isRecovered && !present.contains(where: \.isRecovered)
            if isWorse, let first = present.first, there.isSuperset(of: one.families),
                !present.contains(where: \.isDamaged)
            {
                result[one.segment.path] = first.path
            } else if !one.segment.isDamaged {
                for copy in copies { result[copy.path] = one.segment.path }
            }
        }
        // One that was merged again tells of the first originals only.
        for small in merged where result[small.segment.path] == nil {
            let large = merged.first { large in
                large.segment.path != small.segment.path && result[large.segment.path] == nil
                    && !large.segment.isDamaged && small.families.isSubset(of: large.families)
                    && (small.families.count < large.families.count || repair(of: small) < repair(of: large))
            }
            if let large { result[small.segment.path] = large.segment.path }
        }
    }

    private static func isNamed(_ names: Set<String>, _ segment: ArchiveSegment) -> Bool {
        segment.name.map { names.contains($0.description) } ?? false
    }

    /// Segments by their own names, and what repairs saved also by the names of what it was saved of.
    private static func byNames(_ segments: [ArchiveSegment]) -> [String: [ArchiveSegment]] {
        var result: [String: [ArchiveSegment]] = [:]
        for segment in segments {
            var names: Set<String> = []
            if let name = segment.name { names.insert(name.description) }
            if isPerhapsRepaired(segment) {
                names.formUnion(segment.repairSources.compactMap { SegmentName.parse($0)?.name.description })
            }
            for name in names { result[name, default: []].append(segment) }
        }
        return result
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
