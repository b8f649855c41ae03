/// What will end, by when: a binary heap.
struct SyntheticSchedule<Element> {
    private var entries: [(dueNs: UInt64, element: Element)] = []

    var count: Int { entries.count }

    /// Any of them, in no order.
    subscript(index: Int) -> Element { entries[index].element }

    /// Plans an end.
    mutating func insert(_ element: Element, dueNs: UInt64) {
        entries.append((dueNs, element))
        var child = entries.count - 1
        while child > 0, entries[child].dueNs < entries[(child - 1) / 2].dueNs {
            entries.swapAt(child, (child - 1) / 2)
            child = (child - 1) / 2
        }
    }

    /// Takes out what ends first, if it is due.
    mutating func removeFirst(dueBy nowNs: UInt64) -> Element? {
        guard let first = entries.first, first.dueNs <= nowNs else { return nil }
        entries.swapAt(0, entries.count - 1)
        entries.removeLast()
        var parent = 0
        while true {
            var smallest = parent
            for child in parent * 2 + 1..<parent * 2 + 3
            where child < entries.count && entries[child].dueNs < entries[smallest].dueNs { smallest = child }
            guard smallest != parent else { return first.element }
            entries.swapAt(parent, smallest)
            parent = smallest
        }
    }
}
