/// Histograms of many groups in one table: a bucket is 1/256 of its value wide.
struct QuantileHistogram {
    /// Group and bucket plus one; 0 where free.
    private var keys = [UInt64](repeating: 0, count: 1 << 10)
    private var weights = [Double](repeating: 0, count: 1 << 10)
    /// Empty while each value stands for a known number of events.
    private var variances: [Double] = []
    /// Buckets in use.
    private(set) var count = 0
    /// The places in use by group and bucket; nil where something came since.
    private var order: [Int32]?

    private static let bucketBits = UInt64(21)
    private static let zero = Int64(1) << 20

    /// Adds a value, the events that it stands for, and what it adds to the variance of their estimated number.
    mutating func add(_ group: Int, _ value: Double, weight: Double, variance: Double) {
        if variance != 0 && variances.isEmpty { variances = [Double](repeating: 0, count: keys.count) }
        let key = (UInt64(group) << Self.bucketBits | UInt64(Self.bucket(value) + Self.zero)) + 1
        var slot = place(of: key)
        if keys[slot] == 0 {
            if count * 4 >= keys.count * 3 {
                enlarge()
                slot = place(of: key)
            }
            keys[slot] = key
            count += 1
        }
        weights[slot] += weight
        if !variances.isEmpty { variances[slot] += variance }
    }

    /// Puts the buckets in order, for ``parts(of:)``.
    mutating func endAdding() {
        order = keys.indices.filter { keys[$0] != 0 }.map { Int32($0) }.sorted { keys[Int($0)] < keys[Int($1)] }
    }

    /// A group's buckets.
    func parts(of group: Int) -> [WeightedDistribution.Part] {
        guard let order else { return [] }
        let first = (UInt64(group) << Self.bucketBits) + 1
        let end = (UInt64(group + 1) << Self.bucketBits) + 1
        var low = 0
        var high = order.count
        while low < high {
            let middle = (low + high) / 2
            if keys[Int(order[middle])] < first { low = middle + 1 } else { high = middle }
        }
        var parts: [WeightedDistribution.Part] = []
        while low < order.count, keys[Int(order[low])] < end {
            let slot = Int(order[low])
            let bucket = Int64((keys[slot] - 1) & ((1 << Self.bucketBits) - 1)) - Self.zero
            parts.append(
                .init(
                    value: Self.middle(bucket),
                    weight: weights[slot],
                    variance: variances.isEmpty ? 0 : variances[slot]
                )
            )
            low += 1
        }
        return parts
    }

    private func place(of key: UInt64) -> Int {
        let mask = keys.count - 1
        let product = key.multipliedFullWidth(by: 0x9E37_79B9_7F4A_7C15)
        var slot = Int(truncatingIfNeeded: product.high ^ product.low) & mask
        while keys[slot] != 0 && keys[slot] != key { slot = (slot + 1) & mask }
        return slot
    }

    private mutating func enlarge() {
        let (oldKeys, oldWeights, oldVariances) = (keys, weights, variances)
        keys = [UInt64](repeating: 0, count: oldKeys.count * 2)
        weights = [Double](repeating: 0, count: keys.count)
        if !oldVariances.isEmpty { variances = [Double](repeating: 0, count: keys.count) }
        for (old, key) in oldKeys.enumerated() where key != 0 {
            let slot = place(of: key)
            keys[slot] = key
            weights[slot] = oldWeights[old]
            if !oldVariances.isEmpty { variances[slot] = oldVariances[old] }
        }
    }

    /// Sign, exponent and eight bits of the fraction, in the order of the values.
    private static func bucket(_ value: Double) -> Int64 {
        let bits = Int64(bitPattern: (value == 0 ? 0 : value).magnitude.bitPattern) >> 44
        return value < 0 ? -bits - 1 : bits
    }

    private static func middle(_ bucket: Int64) -> Double {
        let bits = bucket < 0 ? -(bucket + 1) : bucket
        let low = Double(bitPattern: UInt64(bits) << 44)
        let middle = bits == 0 ? 0 : Double(bitPattern: UInt64(bits) << 44 | 1 << 43)
        // Integers below 512 have a bucket of their own.
        let value = low.magnitude < 512 && low == low.rounded() ? low : middle
        return bucket < 0 ? -value : value
    }
}
