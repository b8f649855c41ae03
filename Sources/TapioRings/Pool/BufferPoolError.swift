import Glibc

/// Why a ``BufferPool`` cannot be made.
public struct BufferPoolError: Error, Sendable, Equatable, CustomStringConvertible {
    /// What was wrong.
    public enum Reason: Sendable, Equatable {
        /// So many buffers are less than none or more than a pool can count.
        case limit(Int)
        /// The kernel does not reserve so many bytes of addresses.
        case reserve(bytes: Int, errno: Int32)
        /// There is no such NUMA node.
        case node(Int)
    }

    /// The buffers that it is about.
    public let tier: PoolTier
    /// What was wrong.
    public let reason: Reason

    /// What, why and what to do, in one line.
    public var description: String {
        switch reason {
        case .limit(let limit):
            "a pool cannot have \(limit) buffers of \(tier): 0 to \(BufferPool.greatestLimit)"
        case .reserve(let bytes, let errno):
            "cannot reserve \(bytes) bytes for buffers of \(tier): \(unsafe String(cString: strerror(errno))); "
                + "allow fewer buffers, or raise the limit of addresses (ulimit -v)"
        case .node(let node):
            "buffers of \(tier) cannot lie on NUMA node \(node): there is none of this number"
        }
    }
}
