/// What the ring benchmarks send: a cache line, of which the consumer reads the first and the last word, as the C side's
/// `tapio_bench_item`.
struct BenchItem: Sendable {
    var first: UInt64
    var middle: (UInt64, UInt64, UInt64, UInt64, UInt64, UInt64)
    var last: UInt64

    @inline(__always)
    init(_ number: UInt64) {
        first = number
        middle = (1, 2, 3, 4, 5, 6)
        last = number
    }

    /// What the consumer adds up.
    @inline(__always)
    var sum: UInt64 { first &+ last }
}
