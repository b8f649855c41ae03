import Glibc
import TapioBPF
import TapioKernel

/// Whose allocations are to be followed, and where their allocators are.
struct LeakSelection: Equatable {
    /// A process that is chosen, at the time when it was looked for.
    struct Process: Hashable {
        var pid: Int32
        /// Clock ticks since boot: with the pid, its identity.
        var startTicks: UInt64
        /// Whether its name was what counted: then programs in the kernel know it by that.
        var isNamed: Bool
    }

    /// The most processes that are chosen at a time: as many as `leak.bpf.c` has room for.
    static let mostProcesses = 1024

    /// Names as the kernel keeps them: at most 15 bytes.
    let comms: Set<[UInt8]>
    let pids: [String]
    let executables: Set<[UInt8]>
    /// Whether calls of all processes are looked at, so that those of these names are followed before they are found.
    let isFromStart: Bool
    let libraries: [String]

    /// What the options say.
    init(_ options: CollectorOptions) {
        comms = Set(options.list(LeakCollector.comms).map { Array($0.utf8.prefix(Int(TAPIO_COMM_BYTES) - 1)) })
        pids = options.list(LeakCollector.pids)
        executables = Set(options.list(LeakCollector.executables).map { Array($0.utf8) })
        isFromStart = options.isOn(LeakCollector.fromStart) && !comms.isEmpty
        libraries = options.list(LeakCollector.libraries)
    }

    /// Throws where nobody can be followed like that.
    func check() throws(KernelError) {
        if comms.isEmpty, pids.isEmpty, executables.isEmpty {
            throw KernelError(
                code: 0,
                action: "follow",
                subject: "allocations: no process is chosen",
                remedy: "set collectors.leak.comms, collectors.leak.executables or collectors.leak.pids"
            )
        }
        for pid in pids where Int32(pid).map({ $0 > 0 }) != true {
            throw KernelError(
                code: 0,
                action: "follow",
                subject: "process \"\(pid)\"",
                remedy: "collectors.leak.pids takes numbers of processes, such as 1234"
            )
        }
        for path in libraries { _ = try AllocatorFile(ForeignFile(path), named: path) }
    }

    /// The chosen processes that there are now, those of the lowest pids if there are too many. O(processes), some files
    /// each.
    func processes() -> [Process] {
        let numbered = Set(pids.compactMap { Int32($0) })
        var looked = numbered
        if !comms.isEmpty || !executables.isEmpty {
            looked.formUnion(DirectoryNames.directories(in: "/proc").compactMap { Int32($0) })
        }
        var found: [Process] = []
        for pid in looked.sorted() where found.count < Self.mostProcesses {
            let isNamed = !comms.isEmpty && Self.comm(of: pid).map(comms.contains) == true
            guard isNamed || numbered.contains(pid) || runsExecutable(pid),
                let startTicks = Self.startTicks(of: pid)
            else { continue }
            found.append(Process(pid: pid, startTicks: startTicks, isNamed: isNamed))
        }
        return found
    }

    private func runsExecutable(_ pid: Int32) -> Bool {
        guard !executables.isEmpty else { return false }
        var path = [UInt8](repeating: 0, count: 4096)
        // The kernel writes at most as many bytes as it is told.
        let count = unsafe path.withUnsafeMutableBytes { buffer in
            unsafe readlink("/proc/\(pid)/exe", buffer.baseAddress!.assumingMemoryBound(to: CChar.self), buffer.count)
        }
        return count > 0 && executables.contains(Array(path[..<count]))
    }

    /// The name of a process's first thread.
    static func comm(of pid: Int32) -> [UInt8]? {
        ProcFile.readAll("/proc/\(pid)/comm", most: 64).map { Array($0.prefix { $0 != UInt8(ascii: "\n") }) }
    }

    /// When a process began, clock ticks since boot; nil where it is gone.
    static func startTicks(of pid: Int32) -> UInt64? {
        // The name, which may hold anything, ends at the last parenthesis; the time is the 20th field behind it (proc(5)).
        guard let text = ProcFile.readAll("/proc/\(pid)/stat", most: 4096),
            let end = text.lastIndex(of: UInt8(ascii: ")"))
        else { return nil }
        let fields = text[(end + 1)...].split(separator: UInt8(ascii: " "))
        guard fields.count > 19 else { return nil }
        return UInt64(String(decoding: fields[19], as: UTF8.self))
    }
}
