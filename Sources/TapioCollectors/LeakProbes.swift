import Glibc
import TapioKernel

/// Keeps the programs of `leak.bpf.c` attached to the allocators of the chosen processes, and to no others.
struct LeakProbes {
    /// The most files that are attached to at a time, for each process anew: each takes some twenty descriptors.
    static let mostFiles = 64
    /// How long programs that look at the calls of all stay attached to the library of processes that are gone, ns: the
    /// next of their name is followed from its first call on.
    static let lingerNs: Int64 = 60_000_000_000

    private struct Attachment {
        var name: String
        /// When a chosen process was last seen to use it.
        var usedNs: Int64
    }

    /// What is known of a process, until it runs another program.
    private struct Known: Equatable {
        var startTicks: UInt64
        var device: UInt64
        var inode: UInt64
    }

    private var isFromStart = false
    private var attachments: [FunctionLinks: Attachment] = [:]
    /// When the chosen processes began, by pid.
    private var starts: [Int32: UInt64] = [:]
    private var refused: [FunctionLinks: String] = [:]
    private var known: [Int32: (program: Known, files: [ForeignFile.Identity])] = [:]
    /// Processes in which no allocator was found, and how often in a row.
    private var without: [Int32: Int] = [:]
    /// What could not be attached, and who has no allocator.
    private(set) var problems: [String] = []

    /// Nothing is attached.
    init() {}

    /// What is attached.
    var notes: [String] {
        attachments.sorted { ($0.value.name, $0.key.pid) < ($1.value.name, $1.key.pid) }.map { key, attachment in
            "\(attachment.name) (inode \(key.inode)): "
                + (key.pid < 0 ? "calls of all processes are looked at" : "calls of process \(key.pid)")
        }
    }

    /// Attaches to what these processes use, and detaches from what none of them does any more.
    mutating func follow(
        _ processes: [LeakSelection.Process],
        _ selection: LeakSelection,
        nowNs: Int64,
        _ object: BPFObject
    ) {
        problems = []
        isFromStart = selection.isFromStart
        detachEnded(Dictionary(uniqueKeysWithValues: processes.map { ($0.pid, $0.startTicks) }), object)
        let named = allocators(selection.libraries)
        var wanted: Set<FunctionLinks> = []
        if selection.isFromStart {
            for allocator in named { wanted.insert(attach(allocator, pid: Self.everybody, nowNs, object)) }
        }
        // Those for all processes first: they make others needless.
        for process in processes.sorted(by: { $0.isNamed && !$1.isNamed }) {
            let pid = process.isNamed && selection.isFromStart ? Self.everybody : process.pid
            if selection.libraries.isEmpty {
                wanted.formUnion(follow(process, as: pid, nowNs, object))
            } else {
                for allocator in named { wanted.insert(attach(allocator, pid: pid, nowNs, object)) }
            }
        }
        for key in wanted { attachments[key]?.usedNs = nowNs }
        for (key, attachment) in attachments where !wanted.contains(key) {
            let lingers =
                key.pid == Self.everybody && selection.isFromStart && selection.libraries.isEmpty
                && nowNs - attachment.usedNs < Self.lingerNs
            if lingers { continue }
            object.detachFunctions(key)
            attachments[key] = nil
        }
        refused = refused.filter { wanted.contains($0.key) }
        problems += refused.values.sorted()
    }

    /// Detaches from processes that are gone, though others may have their pids by now.
    private mutating func detachEnded(_ now: [Int32: UInt64], _ object: BPFObject) {
        for key in attachments.keys where key.pid != Self.everybody && now[key.pid] != starts[key.pid] {
            object.detachFunctions(key)
            attachments[key] = nil
        }
        starts = now
        known = known.filter { now[$0.key] == $0.value.program.startTicks }
        without = without.filter { now[$0.key] != nil }
    }

    /// The pid that stands for all processes.
    private static let everybody: Int32 = -1

    /// The files that the options name.
    private mutating func allocators(_ paths: [String]) -> [AllocatorFile] {
        paths.compactMap { path in
            do throws(KernelError) {
                return try AllocatorFile(ForeignFile(path), named: path)
            } catch {
                problems.append(error.description)
                return nil
            }
        }
    }

    /// What a file is attached as for a process: nothing else than for all, where that is done.
    private func key(_ file: ForeignFile.Identity, pid: Int32) -> FunctionLinks {
        let forAll = Self.key(file, pid: Self.everybody)
        return isFromStart && attachments[forAll] != nil ? forAll : Self.key(file, pid: pid)
    }

    private static func key(_ file: ForeignFile.Identity, pid: Int32) -> FunctionLinks {
        FunctionLinks(pid: pid, device: file.device, inode: file.inode)
    }

    /// Attaches to what a process uses; gives all that it needs.
    private mutating func follow(
        _ process: LeakSelection.Process,
        as pid: Int32,
        _ nowNs: Int64,
        _ object: BPFObject
    ) -> Set<FunctionLinks> {
        var status = stat()
        guard unsafe stat("/proc/\(process.pid)/exe", &status) == 0 else { return [] }
        let program = Known(
            startTicks: process.startTicks,
            device: UInt64(status.st_dev),
            inode: UInt64(status.st_ino)
        )
        if let before = known[process.pid], before.program == program {
            let keys = before.files.map { key($0, pid: pid) }
            if keys.allSatisfy({ attachments[$0] != nil || refused[$0] != nil }) { return Set(keys) }
        }
        let files = AllocatorFile.files(of: process.pid)
        guard !files.isEmpty else {
            // It may have begun just now.
            without[process.pid, default: 0] += 1
            if without[process.pid]! > 2 {
                problems.append(
                    "process \(process.pid) has no allocator that is known: name the file that has its malloc in collectors.leak.libraries"
                )
            }
            return []
        }
        without[process.pid] = nil
        known[process.pid] = (program, files.map(\.file.identity))
        return Set(files.map { attach($0, pid: pid, nowNs, object) })
    }

    /// Attaches to a file unless that was done, or refused; gives what it is attached as.
    private mutating func attach(
        _ allocator: AllocatorFile,
        pid: Int32,
        _ nowNs: Int64,
        _ object: BPFObject
    ) -> FunctionLinks {
        let key = key(allocator.file.identity, pid: pid)
        guard attachments[key] == nil else { return key }
        refused[key] = nil
        guard attachments.count < Self.mostFiles else {
            refused[key] = "\(allocator.name): not attached, since \(Self.mostFiles) others are: choose fewer processes"
            return key
        }
        do throws(KernelError) {
            try object.attach(allocator.probes, of: allocator.file.path, as: key)
            attachments[key] = Attachment(name: allocator.name, usedNs: nowNs)
        } catch {
            // It may just have ended.
            if error.code != ESRCH { refused[key] = "\(allocator.name): \(error)" }
        }
        return key
    }
}
