import CTapioLibBPF
import Glibc
import TapioBPF

/// How user space tells events that it found itself: by an object's program `report` (`bpf/kernel/report.h`), so that
/// they take the way of all events. Valid as long as the object; used by one thread at a time.
public struct EventReporter: Sendable {
    /// The object's name.
    private let name: String
    /// Descriptor of its map `reports`.
    private let reports: Int32
    private let program: RunnableProgram

    init(name: String, reports: Int32, program: RunnableProgram) {
        self.name = name
        self.reports = reports
        self.program = program
    }

    /// Tells an event.
    ///
    /// - Parameter record: Complete but for its stamp: a header and its kind's payload, at most TAPIO_RECORD_BYTES.
    public func report(_ record: [UInt8]) throws(KernelError) {
        precondition(record.count >= MemoryLayout<tapio_header>.size && record.count <= Int(TAPIO_RECORD_BYTES))
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
        try program.run(UInt64(0))
    }
}

extension BPFObject {
    /// What tells events through this object, which has the program `report` and is loaded.
    public func reporter() throws(KernelError) -> EventReporter {
        guard let reports = mapDescriptor("reports") else {
            throw KernelError(code: ENOENT, action: "find", subject: "\(name)/reports", remedy: "load it first")
        }
        return EventReporter(name: name, reports: reports, program: try runnable("report"))
    }

    /// Tells an event that user space itself found; see ``EventReporter/report(_:)``.
    public func report(_ record: [UInt8]) throws(KernelError) { try reporter().report(record) }
}
