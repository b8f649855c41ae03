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
    }

    @Test("a recorded /sys is read, and the affinity limits what is allowed")
    func recorded() throws {
        try withRoot(possible: "0-7\n", online: "0-2,5\n") { root in
            let topology = try CPUTopology(root: root, affinity: [1, 5, 6])
            #expect(topology.possible == Array(0...7))
            #expect(topology.online == [0, 1, 2, 5])
            #expect(topology.allowed == [1, 5])
            #expect(try CPUTopology.current(root: root).possibleCount == 8)
        }
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
        try withRoot(possible: "0-7\n", online: "?\n") { root in
            let source = root + "/sys/devices/system/cpu/online"
            #expect(throws: CPUTopologyError(source: source, reason: .malformed("?\n"))) {
                try CPUTopology.current(root: root)
            }
        }
    }

    /// Makes a /sys with these files, and removes it.
    private func withRoot(possible: String, online: String, _ body: (String) throws -> Void) throws {
        var template = Array("/tmp/tapio-topology-XXXXXX".utf8CString)
        let made = try #require(mkdtemp(&template))
        let root = String(cString: made)
        let folders = ["/sys", "/sys/devices", "/sys/devices/system", "/sys/devices/system/cpu"]
        for folder in folders { mkdir(root + folder, 0o755) }
        let files = [("/possible", possible), ("/online", online)].map { (root + folders[3] + $0.0, $0.1) }
        for (path, text) in files {
            let file = try #require(fopen(path, "w"))
            fputs(text, file)
            fclose(file)
        }
        defer {
            for (path, _) in files { unlink(path) }
            for folder in folders.reversed() { rmdir(root + folder) }
            rmdir(root)
        }
        try body(root)
    }
}
