import CTapioLibBPF
import Glibc
import TapioBPF

extension BPFObject {
    /// Tells an event that user space itself found, by the object's program `report` (`bpf/kernel/report.h`).
    ///
    /// - Parameter record: Complete but for its stamp: a header and its kind's payload, at most TAPIO_RECORD_BYTES.
    public func report(_ record: [UInt8]) throws(KernelError) {
        precondition(record.count >= MemoryLayout<tapio_header>.size && record.count <= Int(TAPIO_RECORD_BYTES))
        guard let reports = mapDescriptor("reports") else {
            throw KernelError(code: ENOENT, action: "find", subject: "\(name)/reports", remedy: "load it first")
        }
        // The size, four bytes, the record.
        let bytesAt = 8
        var value = [UInt8](repeating: 0, count: bytesAt + Int(TAPIO_RECORD_BYTES))
        for (index, byte) in record.enumerated() { value[bytesAt + index] = byte }
        for index in 0..<4 { value[index] = UInt8(truncatingIfNeeded: record.count >> (8 * index)) }
        var key: UInt32 = 0
        let result = unsafe value.withUnsafeBytes {
            unsafe bpf_map_update_elem(reports, &key, $0.baseAddress, UInt64(BPF_ANY))
        }
        guard result == 0 else { throw KernelError(code: errno, action: "report through", subject: "\(name)/reports") }
        try runnable("report").run(UInt64(0))
    }
}
