import Glibc
@testable import TapioRings
import Testing

@Suite("CPUTopology")
struct CPUTopologyTests {
    @Test("this machine's CPUs are found")
    func thisMachine() throws {
        let topology = try CPUTopology.current()
        #expect(topology.possibleCount >= topology.online.count)
        #expect(topology.online.count == sysconf(Int32(_SC_NPROCESSORS_ONLN)))
        #expect(!topology.allowed.isEmpty)
        #expect(Set(topology.allowed).isSubset(of: topology.online))
        #expect(topology.cores.flatMap { $0 }.sorted() == topology.online)
        if access("/sys/devices/system/node/online", R_OK) == 0 {
            #expect(topology.nodes.flatMap(\.cpus).sorted() == topology.online)
            #expect(topology.online.allSatisfy { topology.node(of: $0) != nil })
        }
    }

    @Test("a recorded /sys is read, and the affinity limits what is allowed")
    func recorded() throws {
        let machine = RecordedMachine(possible: "0-7", online: "0-2,5")
        let topology = try machine.topology(affinity: [1, 5, 6])
        #expect(topology.possible == Array(0...7))
        #expect(topology.online == [0, 1, 2, 5])
        #expect(topology.allowed == [1, 5])
        #expect(try machine.inFileSystem { try CPUTopology.current(root: $0) }.possibleCount == 8)
    }

    @Test("one node")
    func oneNode() throws {
        let topology = try RecordedMachine.small.topology()
        #expect(topology.nodes == [.init(number: 0, cpus: [0, 1])])
        #expect(topology.cores == [[0], [1]])
        #expect(topology.efficiencyCPUs == [])
    }

    @Test("two nodes, and threads that share a core")
    func twoNodes() throws {
        let topology = try RecordedMachine.twoSockets.topology()
        #expect(topology.nodes.map(\.number) == [0, 1])
        #expect(topology.nodes[1].cpus == [4, 5, 6, 7, 12, 13, 14, 15])
        #expect(topology.node(of: 8) == 0)
        #expect(topology.node(of: 15) == 1)
        #expect(topology.node(of: 16) == nil)
        #expect(topology.cores.count == 8)
        #expect(topology.cores[3] == [3, 11])
    }

    @Test("eight nodes")
    func eightNodes() throws {
        let topology = try RecordedMachine.eightNodes.topology()
        #expect(topology.nodes.count == 8)
        #expect((0..<32).allSatisfy { topology.node(of: $0) == $0 / 4 })
    }

    @Test("numbers with gaps, and a node that is only memory")
    func memoryOnly() throws {
        let topology = try RecordedMachine(possible: "0-3", online: "0-3").nodes([0: "0-3", 4: ""]).topology()
        #expect(topology.nodes == [.init(number: 0, cpus: [0, 1, 2, 3]), .init(number: 4, cpus: [])])
    }

    @Test("a kernel without NUMA has no nodes")
    func withoutNUMA() throws {
        let topology = try RecordedMachine(possible: "0-3", online: "0-3").topology()
        #expect(topology.nodes == [])
        #expect(topology.node(of: 0) == nil)
    }

    @Test("CPUs that are offline are on no node and no core")
    func offline() throws {
        // The kernel takes an offline CPU's topology away, and leaves it out of its node; the latter not at the same time.
        let machine = RecordedMachine(possible: "0-7", online: "0-2,4-5,7").nodes([0: "0-3", 1: "4-5,7"])
            .cores(["0-1", "2", "4-5", "7"])
        let topology = try machine.topology()
        #expect(topology.nodes.map(\.cpus) == [[0, 1, 2], [4, 5, 7]])
        #expect(topology.cores == [[0, 1], [2], [4, 5], [7]])
        #expect(topology.node(of: 3) == nil)
    }

    @Test("fast and slow cores are told apart, by kind of core or by capacity")
    func hybrid() throws {
        #expect(try RecordedMachine.hybrid.topology().efficiencyCPUs == [4, 5, 6, 7])
        #expect(try RecordedMachine.hybrid.topology().cores.prefix(3) == [[0, 1], [2, 3], [4]])
        #expect(try RecordedMachine.bigLittle.topology().efficiencyCPUs == [0, 1, 2, 3])
    }

    @Test("cores of one kind that differ a little are alike")
    func boost() throws {
        let machine = (0..<4).reduce(RecordedMachine(possible: "0-3", online: "0-3")) { machine, cpu in
            machine.file("sys/devices/system/cpu/cpu\(cpu)/cpu_capacity", "\(1024 - cpu * 40)\n")
        }
        #expect(try machine.topology().efficiencyCPUs == [])
    }

    @Test(
        "a cpuset limits what is allowed, whichever version and mount it has",
        arguments: [
            // Version 1, version 2, and both as systemd's hybrid layout has them.
            ("3:cpuset:/kubepods/pod1\n", "sys/fs/cgroup/cpuset/kubepods/pod1/cpuset.effective_cpus"),
            ("3:cpu,cpuset:/a\n", "sys/fs/cgroup/cpuset/a/cpuset.cpus"),
            ("0::/system.slice/tapio.service\n", "sys/fs/cgroup/system.slice/tapio.service/cpuset.cpus.effective"),
            ("4:cpuset:/a\n0::/b\n", "sys/fs/cgroup/cpuset/a/cpuset.effective_cpus"),
            // A container that sees only its own group.
            ("0::/\n", "sys/fs/cgroup/cpuset.cpus.effective"),
            ("3:cpuset:/docker/0123\n", "sys/fs/cgroup/cpuset/cpuset.effective_cpus"),
            ("0::/kubepods/pod1/0123\n", "sys/fs/cgroup/cpuset.cpus.effective"),
        ]
    )
    func cpuset(groups: String, path: String) throws {
        let machine = RecordedMachine.twoSockets.file("proc/self/cgroup", groups).file(path, "2-5,9\n")
        #expect(try machine.topology().allowed == [2, 3, 4, 5, 9])
        #expect(try machine.topology(affinity: [0, 3, 9, 15]).allowed == [3, 9])
    }

    @Test("a cpuset that says nothing, or names only CPUs that are not there, is no limit")
    func noCPUSet() throws {
        let machine = RecordedMachine.small.file("proc/self/cgroup", "0::/a\n")
        #expect(try machine.topology().allowed == [0, 1])
        #expect(try machine.file("sys/fs/cgroup/a/cpuset.cpus.effective", "\n").topology().allowed == [0, 1])
        #expect(try machine.file("sys/fs/cgroup/a/cpuset.cpus.effective", "6-7\n").topology().allowed == [0, 1])
        #expect(try RecordedMachine.small.topology(affinity: [9]).allowed == [0, 1])
    }

    @Test(
        "lists as the kernel writes them",
        arguments: zip(["0\n", "0-3", "0-1,4,6-7\n"], [[0], [0, 1, 2, 3], [0, 1, 4, 6, 7]])
    )
    func lists(text: String, cpus: [Int]) {
        #expect(CPUList.parse(text) == cpus)
    }

    @Test(
        "what is not a list is refused",
        arguments: ["", "\n", "a", "1-", "-1", "3-1", "1,,2", "1-2-3", "0-99999999999", "0-9000", "0 1"]
    )
    func malformed(text: String) {
        #expect(CPUList.parse(text) == nil)
    }

    @Test("a missing or damaged file is named in the error")
    func errors() throws {
        #expect(throws: CPUTopologyError(source: "/nowhere/sys/devices/system/cpu/possible", reason: .errno(ENOENT))) {
            try CPUTopology.current(root: "/nowhere")
        }
        let damages = [
            "sys/devices/system/cpu/online", "sys/devices/system/node/online", "sys/devices/system/node/node0/cpulist",
            "sys/devices/system/cpu/cpu1/topology/thread_siblings_list", "sys/devices/system/cpu/cpu1/cpu_capacity",
        ]
        for path in damages {
            _ = try RecordedMachine.small.file(path, "?\n").inFileSystem { root in
                #expect(throws: CPUTopologyError(source: root + "/" + path, reason: .malformed("?\n"))) {
                    try CPUTopology.current(root: root)
                }
            }
        }
    }
}
