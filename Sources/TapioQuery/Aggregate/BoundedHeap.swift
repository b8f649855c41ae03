/// The first elements of many in some order, in memory for only as many as are wanted.
struct BoundedHeap<Element> {
    private let capacity: Int
    private let precedes: (Element, Element) -> Bool
    /// A heap whose top is the last of them.
    private var elements: [Element] = []

    /// - Parameters:
    ///   - count: How many are wanted.
    ///   - precedes: The order.
    init(count: Int, _ precedes: @escaping (Element, Element) -> Bool) {
        capacity = count
        self.precedes = precedes
    }

    /// The last of those that are held once all are there: what does not precede it is of no interest. Nil before.
    var last: Element? { elements.count < capacity ? nil : elements.first }

    /// Takes an element if it is among the first so far.
    mutating func offer(_ element: Element) {
        if elements.count < capacity {
            elements.append(element)
            var child = elements.count - 1
            while child > 0 {
                let parent = (child - 1) / 2
                guard precedes(elements[parent], elements[child]) else { break }
                elements.swapAt(parent, child)
                child = parent
            }
            return
        }
        guard let last = elements.first, precedes(element, last) else { return }
        elements[0] = element
        var parent = 0
        while true {
            var largest = parent
            let left = parent * 2 + 1
            let right = left + 1
            if left < elements.count, precedes(elements[largest], elements[left]) { largest = left }
            if right < elements.count, precedes(elements[largest], elements[right]) { largest = right }
            if largest == parent { break }
            elements.swapAt(parent, largest)
            parent = largest
        }
    }

    /// Those that are held, in order.
    var sorted: [Element] { elements.sorted(by: precedes) }
}
