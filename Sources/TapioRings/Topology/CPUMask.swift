import CTapioSystem

/// A set of CPUs as the kernel's affinity calls take it.
struct CPUMask: Equatable {
    /// Room for 8,192 CPUs, the most that Linux can be built for.
    static let words = 128
    private static let bits = UInt64.bitWidth

    private var mask = [UInt64](repeating: 0, count: CPUMask.words)

    /// The mask of these CPUs, or nil if one of them cannot exist.
    init?(_ cpus: [Int]) {
        for cpu in cpus {
            guard cpu >= 0 && cpu < CPUMask.words * CPUMask.bits else { return nil }
            mask[cpu / CPUMask.bits] |= 1 << UInt64(cpu % CPUMask.bits)
        }
    }

    /// The CPUs that a thread may use (0: the calling one), or -errno.
    static func allowed(tid: Int32) -> Result<CPUMask, KernelRefusal> {
        guard var result = CPUMask([]) else { return .failure(KernelRefusal(errno: 0)) }
        let status = unsafe result.mask.withUnsafeMutableBufferPointer { words in
            unsafe tapio_get_affinity(tid, words.baseAddress, words.count)
        }
        return status < 0 ? .failure(KernelRefusal(errno: -status)) : .success(result)
    }

    /// Restricts the calling thread to the mask; 0 or an error number.
    func applyToCallingThread() -> Int32 {
        -(unsafe mask.withUnsafeBufferPointer { words in
            unsafe tapio_set_affinity(0, words.baseAddress, words.count)
        })
    }

    /// The CPUs in ascending order.
    var cpus: [Int] {
        (0..<CPUMask.words * CPUMask.bits).filter { mask[$0 / CPUMask.bits] & (1 << UInt64($0 % CPUMask.bits)) != 0 }
    }
}

/// An error number of the kernel on its way to an error that says what was tried.
struct KernelRefusal: Error, Equatable {
    let errno: Int32
}
