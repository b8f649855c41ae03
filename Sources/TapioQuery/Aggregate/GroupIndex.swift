/// Numbers groups in the order in which they are met, by their keys: fixed numbers of words, side by side.
///
/// Open addressing with a secret that differs from run to run, because monitored processes choose what some keys are.
struct GroupIndex {
    /// Words of a key.
    let stride: Int
    /// All keys, one after another.
    private(set) var words: [Int64] = []
    /// Groups.
    private(set) var count = 0
    /// A group's number plus one; 0 where free.
    private var slots = [Int32](repeating: 0, count: 1024)
    private let secret = UInt64.random(in: .min ... .max)

    init(stride: Int) {
        self.stride = stride
    }

    /// The group of each row, new ones numbered on. False where there would be more than `limit`.
    mutating func find(_ rowWords: [Int64], rows: Int, limit: Int, into groups: inout [Int32]) -> Bool {
        groups.removeAll(keepingCapacity: true)
        groups.reserveCapacity(rows)
        var last: Int32 = -1
        var base = 0
        for _ in 0..<rows {
            defer { base += stride }
            // Rows are sorted when they are encoded, so the same key often follows.
            if last >= 0 && isEqual(rowWords, base, rowWords, base - stride) {
                groups.append(last)
                continue
            }
            if count * 2 >= slots.count { enlarge() }
            var slot = Int(truncatingIfNeeded: hash(rowWords, base)) & (slots.count - 1)
            while true {
                let known = slots[slot]
                if known == 0 {
                    if count >= limit { return false }
                    last = Int32(count)
                    for place in base..<base + stride { words.append(rowWords[place]) }
                    count += 1
                    slots[slot] = Int32(count)
                    break
                }
                if isEqual(rowWords, base, words, Int(known - 1) * stride) {
                    last = known - 1
                    break
                }
                slot = (slot + 1) & (slots.count - 1)
            }
            groups.append(last)
        }
        return true
    }

    @inline(__always)
    private func isEqual(_ left: [Int64], _ leftBase: Int, _ right: [Int64], _ rightBase: Int) -> Bool {
        for place in 0..<stride where left[leftBase + place] != right[rightBase + place] { return false }
        return true
    }

    @inline(__always)
    private func hash(_ words: [Int64], _ base: Int) -> UInt64 {
        var hash = secret
        for place in base..<base + stride {
            let product = (hash ^ UInt64(bitPattern: words[place])).multipliedFullWidth(by: 0x9E37_79B9_7F4A_7C15)
            hash = product.high ^ product.low ^ secret
        }
        return hash ^ hash >> 32
    }

    private mutating func enlarge() {
        var larger = [Int32](repeating: 0, count: slots.count * 4)
        for group in 0..<count {
            var slot = Int(truncatingIfNeeded: hash(words, group * stride)) & (larger.count - 1)
            while larger[slot] != 0 { slot = (slot + 1) & (larger.count - 1) }
            larger[slot] = Int32(group + 1)
        }
        slots = larger
    }
}
