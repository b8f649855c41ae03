import Glibc
@testable import TapioRings

/// A machine as `/sys` and `/proc` show it: the files that the kernel would have, by path and content.
struct RecordedMachine {
    private(set) var files: [String: String] = [:]

    /// A machine with these lists of CPUs, each as the kernel writes it. Nothing is known of nodes, cores and groups.
    init(possible: String, online: String) {
        files["sys/devices/system/cpu/possible"] = possible + "\n"
        files["sys/devices/system/cpu/online"] = online + "\n"
    }

    /// Gives it nodes with these CPUs, by number.
    func nodes(_ nodes: [Int: String]) -> RecordedMachine {
        var machine = self
        let online = nodes.keys.sorted().map(String.init).joined(separator: ",")
        machine.files["sys/devices/system/node/possible"] = online + "\n"
        machine.files["sys/devices/system/node/online"] = online + "\n"
        for (number, cpus) in nodes { machine.files["sys/devices/system/node/node\(number)/cpulist"] = cpus + "\n" }
        return machine
    }

    /// Gives it a file, or changes one.
    func file(_ path: String, _ text: String) -> RecordedMachine {
        var machine = self
        machine.files[path] = text
        return machine
    }

    /// Tells which CPUs share a core: each group as a list.
    func cores(_ groups: [String]) -> RecordedMachine {
        var machine = self
        for group in groups {
            for cpu in CPUList.parse(group) ?? [] {
                machine.files["sys/devices/system/cpu/cpu\(cpu)/topology/thread_siblings_list"] = group + "\n"
            }
        }
        return machine
    }

    /// Its topology for a process with this affinity; nil: any CPU.
    func topology(affinity: [Int]? = nil) throws -> CPUTopology {
        try inFileSystem { try CPUTopology(root: $0, affinity: affinity ?? Array(0...CPUList.greatest)) }
    }

    /// Writes the files under a directory, which goes afterwards.
    func inFileSystem<Result>(_ body: (_ root: String) throws -> Result) throws -> Result {
        var template = Array("/tmp/tapio-machine-XXXXXX".utf8CString)
        guard let made = mkdtemp(&template) else { throw KernelRefusal(errno: errno) }
        let root = String(cString: made)
        var folders: [String] = []
        defer {
            for path in files.keys { unlink(root + "/" + path) }
            for folder in folders.reversed() { rmdir(folder) }
            rmdir(root)
        }
        for (path, text) in files.sorted(by: { $0.key < $1.key }) {
            var folder = root
            for part in path.split(separator: "/").dropLast() {
                folder += "/" + part
                if mkdir(folder, 0o755) == 0 { folders.append(folder) }
            }
            guard let file = fopen(root + "/" + path, "w") else { throw KernelRefusal(errno: errno) }
            fputs(text, file)
            fclose(file)
        }
        return try body(root)
    }
}

extension RecordedMachine {
    /// One node, two CPUs: this is what a small virtual machine shows.
    static let small = RecordedMachine(possible: "0-1", online: "0-1").nodes([0: "0-1"]).cores(["0", "1"])

    /// Two sockets of four cores with two threads each, numbered as Intel and AMD servers do: the second threads come
    /// after all first ones.
    static let twoSockets = RecordedMachine(possible: "0-15", online: "0-15")
        .nodes([0: "0-3,8-11", 1: "4-7,12-15"])
        .cores((0..<8).map { "\($0),\($0 + 8)" })

    /// Eight nodes of four CPUs, as an AMD server with four nodes per socket.
    static let eightNodes = RecordedMachine(possible: "0-31", online: "0-31")
        .nodes(Dictionary(uniqueKeysWithValues: (0..<8).map { ($0, "\($0 * 4)-\($0 * 4 + 3)") }))

    /// A notebook with two fast cores of two threads, and four slow ones.
    static let hybrid = RecordedMachine(possible: "0-7", online: "0-7").nodes([0: "0-7"])
        .cores(["0-1", "2-3", "4", "5", "6", "7"])
        .file("sys/devices/cpu_core/cpus", "0-3\n")
        .file("sys/devices/cpu_atom/cpus", "4-7\n")

    /// A board with four slow and two fast cores, on a kernel without NUMA.
    static let bigLittle = (0..<6).reduce(RecordedMachine(possible: "0-5", online: "0-5")) { machine, cpu in
        machine.file("sys/devices/system/cpu/cpu\(cpu)/cpu_capacity", cpu < 4 ? "485\n" : "1024\n")
    }
}
