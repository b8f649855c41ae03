import TapioQuery

/// Where rows come from, as numbers: a pid, or a cgroup, says something within one boot of one node only.
struct RowOrigins {
    /// A boot of a node.
    struct Origin {
        /// A segment of it, whose tables beside the archive tell more.
        let segment: SegmentSource
        let bootID: String?
    }

    private struct Key: Hashable {
        var node: String?
        var tables: String?
        var bootID: String?
    }

    /// By number.
    private(set) var all: [Origin] = []
    private var numbers: [Key: Int] = [:]

    /// The number of a row group's origin.
    mutating func number(of source: any RowGroupSource, in segment: SegmentSource) -> Int {
        let key = Key(node: segment.node, tables: segment.dimensions?.name, bootID: source.bootID)
        if let known = numbers[key] { return known }
        let number = all.count
        all.append(Origin(segment: segment, bootID: source.bootID))
        numbers[key] = number
        return number
    }
}
