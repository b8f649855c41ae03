/// Numbers texts: equal ones get equal numbers, whatever row group they come from.
struct TextInterner {
    /// All texts one after another.
    private(set) var bytes: [UInt8] = []
    private var offsets: [Int] = [0]
    private var hashes: [Int] = []
    /// A text's number plus one; 0 where free.
    private var slots = [Int32](repeating: 0, count: 256)

    /// The number of texts.
    var count: Int { hashes.count }

    /// A text by its number.
    func text(_ index: Int) -> ArraySlice<UInt8> { bytes[offsets[index]..<offsets[index + 1]] }

    /// The number of `text`.
    mutating func intern(_ text: ArraySlice<UInt8>) -> Int {
        // The hasher's seed is secret: monitored processes choose many of these texts.
        var hasher = Hasher()
        unsafe text.withUnsafeBytes { unsafe hasher.combine(bytes: $0) }
        let hash = hasher.finalize()
        if count * 2 >= slots.count { enlarge() }
        var slot = hash & (slots.count - 1)
        while slots[slot] != 0 {
            let known = Int(slots[slot]) - 1
            if hashes[known] == hash && self.text(known) == text { return known }
            slot = (slot + 1) & (slots.count - 1)
        }
        bytes.append(contentsOf: text)
        offsets.append(bytes.count)
        hashes.append(hash)
        slots[slot] = Int32(count)
        return count - 1
    }

    private mutating func enlarge() {
        var larger = [Int32](repeating: 0, count: slots.count * 4)
        for (index, hash) in hashes.enumerated() {
            var slot = hash & (larger.count - 1)
            while larger[slot] != 0 { slot = (slot + 1) & (larger.count - 1) }
            larger[slot] = Int32(index + 1)
        }
        slots = larger
    }
}
