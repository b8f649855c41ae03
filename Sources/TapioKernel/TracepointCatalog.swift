import CTapioLibBPF
import Glibc
import Synchronization

/// A tracepoint of the kernel; without a category it is the raw one, which BTF describes.
public struct Tracepoint: Sendable, Hashable {
    /// The folder in tracefs ("sched"); nil for raw tracepoints.
    public let category: String?
    /// The event ("sched_process_exec").
    public let event: String

    /// A tracepoint of tracefs, or a raw one where `category` is nil.
    public init(category: String?, event: String) {
        self.category = category
        self.event = event
    }

    /// A raw tracepoint.
    public init(raw event: String) {
        self.init(category: nil, event: event)
    }

    /// "category:event", or the event alone.
    public var name: String {
        category.map { "\($0):\(event)" } ?? event
    }
}

/// Which tracepoints this kernel has. Reads /sys/kernel/btf/vmlinux once (some megabytes while it lives).
///
/// Invariant of the unsafe code: `btf` is libbpf's, valid until `deinit`, and only read.
@safe
public final class TracepointCatalog: @unchecked Sendable {
    let btf: OpaquePointer

    /// Fails with ENOENT where the kernel has no BTF.
    public init() throws(KernelError) {
        tapio_libbpf_log_begin()
        let loaded = unsafe btf__load_vmlinux_btf()
        let code = errno
        let log = LibBPFLog.end()
        guard let loaded = unsafe loaded else {
            throw KernelError(
                code: code,
                action: "read",
                subject: "the kernel's BTF",
                remedy: "the kernel needs CONFIG_DEBUG_INFO_BTF (/sys/kernel/btf/vmlinux)",
                log: log
            )
        }
        unsafe btf = loaded
    }

    /// The one that somebody has at this time, or a new one: collectors that start together read the kernel's BTF once.
    public static func shared() throws(KernelError) -> TracepointCatalog {
        try current.withLock { (current) throws(KernelError) in
            if let catalog = current.catalog { return catalog }
            let catalog = try TracepointCatalog()
            current.catalog = catalog
            return catalog
        }
    }

    private struct Current {
        weak var catalog: TracepointCatalog?
    }
    private static let current = Mutex(Current())

    deinit {
        unsafe btf__free(btf)
    }

    /// Number of arguments of a raw tracepoint; nil where the kernel lacks it.
    public func argumentCount(_ event: String) -> Int? {
        let count = unsafe tapio_btf_tracepoint_arguments(btf, event)
        return count >= 0 ? Int(count) : nil
    }

    /// Names of an enumeration's members by value, those below `limit`; empty where the kernel has no such enumeration.
    public func names(ofEnumeration enumeration: String, limit: Int) -> [Int: String] {
        var names: [Int: String] = [:]
        var name: UnsafePointer<CChar>?
        var value: Int32 = 0
        for index in 0..<UInt32(4 * limit) {
            guard unsafe tapio_btf_enum_member(btf, enumeration, index, &name, &value) == 0 else { break }
            guard let text = unsafe name, value >= 0, value < limit else { continue }
            names[Int(value)] = unsafe String(cString: text)
        }
        return names
    }

    /// Whether the kernel has it. Those with a category are looked for in tracefs, and taken as there where it is not
    /// mounted, since attaching needs more than that anyway.
    public func contains(_ tracepoint: Tracepoint) -> Bool {
        guard let category = tracepoint.category else { return argumentCount(tracepoint.event) != nil }
        let roots = ["/sys/kernel/tracing/events", "/sys/kernel/debug/tracing/events"]
        guard let root = roots.first(where: { unsafe access($0, F_OK) == 0 }) else { return true }
        return unsafe access("\(root)/\(category)/\(tracepoint.event)", F_OK) == 0
    }
}
