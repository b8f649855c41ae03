import CTapioLibBPF
import Glibc

extension BPFObject {
    /// The sum over all CPUs of a value of a per-CPU array of 64-bit counters, after `load`. O(possible CPUs).
    public func perCPUCount(ofMap map: String, at index: Int = 0) throws(KernelError) -> UInt64 {
        let cpus = Int(libbpf_num_possible_cpus())
        guard cpus > 0, let descriptor = mapDescriptor(map) else {
            throw KernelError(code: ENOENT, action: "find map", subject: "\(name)/\(map)")
        }
        var values = [UInt64](repeating: 0, count: cpus)
        var key = UInt32(index)
        // The kernel writes one 64-bit value for each possible CPU: `values` has room for all.
        let result = unsafe values.withUnsafeMutableBufferPointer {
            unsafe bpf_map_lookup_elem(descriptor, &key, $0.baseAddress)
        }
        guard result == 0 else { throw KernelError(code: errno, action: "read", subject: "\(name)/\(map)") }
        return values.reduce(0, &+)
    }
}
