import Glibc

/// The kernel counts memory in pages.
enum PageSize {
    /// Bits of a page's size in bytes, for the programs.
    static let shift = UInt32(sysconf(Int32(_SC_PAGESIZE)).trailingZeroBitCount)
}
