import TapioKernel

/// Looks from time to time at what the kernel tells in files alone, and makes events of it. Used by one actor at a time.
protocol CollectorPoller: Sendable {
    /// Looks, and gives each record that it makes to `tell`: complete but for the stamp.
    mutating func poll(_ tell: (_ record: [UInt8]) throws(KernelError) -> Void) throws(KernelError)
}
