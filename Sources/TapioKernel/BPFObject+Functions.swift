import CTapioLibBPF
import Glibc

/// Where a program is to run in a file that others execute.
public struct FunctionProbe: Sendable, Equatable {
    /// The program (`SEC("uprobe")`, `SEC("uretprobe")`).
    public let program: String
    /// Where the function begins in the file, in bytes.
    public let offset: UInt64
    /// Whether it runs when the function returns, and not when it is called.
    public let isAtReturn: Bool

    /// A probe of a function.
    public init(_ program: String, offset: UInt64, isAtReturn: Bool = false) {
        self.program = program
        self.offset = offset
        self.isAtReturn = isAtReturn
    }
}

/// What the links of one call of ``BPFObject/attach(_:of:pid:as:)`` are known by.
public struct FunctionLinks: Hashable, Sendable {
    /// Whose calls run the programs; -1: everybody's.
    public let pid: Int32
    /// The file's device.
    public let device: UInt64
    /// The file's inode.
    public let inode: UInt64

    /// Those of a file, for a process or for all.
    public init(pid: Int32, device: UInt64, inode: UInt64) {
        self.pid = pid
        self.device = device
        self.inode = inode
    }
}

extension BPFObject {
    /// Attaches loaded programs to functions of a file, in that order: all of them, or none where one is refused. Each takes
    /// a descriptor.
    ///
    /// - Parameters:
    ///   - path: An ELF file: a program or a library.
    ///   - key: By which they are detached again; its pid says whose calls run them.
    /// - Precondition: nothing is attached as `key`.
    public func attach(_ probes: [FunctionProbe], of path: String, as key: FunctionLinks) throws(KernelError) {
        precondition(unsafe functionLinks[key] == nil)
        unsafe functionLinks[key] = []
        for probe in probes {
            do throws(KernelError) {
                let link = unsafe try attach(probe, of: path, pid: key.pid)
                unsafe functionLinks[key]?.append((probe.program, link))
            } catch {
                detachFunctions(key)
                throw error
            }
        }
    }

    /// Detaches what was attached as `key`, the last first; nothing happens where nothing is. Returns at once: it takes the
    /// kernel up to 0.1 s for each, and as long they may still be running.
    public func detachFunctions(_ key: FunctionLinks) {
        guard let entries = unsafe functionLinks.removeValue(forKey: key) else { return }
        let links = unsafe entries.reversed().map { entry -> OpaquePointer? in unsafe entry.link }
        // They are destroyed once, by whom they are given to here.
        unsafe links.withUnsafeBufferPointer {
            unsafe tapio_bpf_destroy_links_later($0.baseAddress, $0.count)
        }
    }

    /// Detaches all, and waits for it.
    func detachAllFunctions() {
        let entries = unsafe Array(functionLinks.values.joined())
        unsafe functionLinks = [:]
        unsafe entries.reversed().forEach { unsafe bpf_link__destroy($0.link) }
    }

    /// The link is libbpf's, valid until it is destroyed, which its keeper does once.
    private func attach(
        _ probe: FunctionProbe,
        of path: String,
        pid: Int32
    ) throws(KernelError) -> OpaquePointer {
        let handle = unsafe try handle(probe.program)
        tapio_libbpf_log_begin()
        let link = unsafe tapio_bpf_attach_uprobe_at(handle, pid, path, probe.offset, probe.isAtReturn)
        let code = errno
        let log = LibBPFLog.end()
        guard let link = unsafe link else {
            throw KernelError(
                code: code,
                action: "attach \(name)/\(probe.program) to",
                subject: "byte \(probe.offset) of \(path)",
                log: log
            )
        }
        return unsafe link
    }
}
