import CTapioSystem
import Glibc
import TapioBPF
import TapioRings
import TapioTestSupport
import Testing

@testable import TapioKernel

@Suite("The shared maps", .serialized, .enabled(if: BPFRequirement.isMet))
struct KernelPlaneTests {
    @Test("there are two rings for each online CPU, empty, of the size that was asked for")
    func rings() throws {
        var configuration = KernelPlaneConfiguration.small
        configuration.urgentBytes = 8192
        let plane = try KernelPlane(configuration: configuration)
        #expect(plane.rings.count == 2 * sysconf(Int32(_SC_NPROCESSORS_ONLN)))
        let urgent = try #require(plane.ring(cpu: 0, lane: .urgent))
        #expect(urgent.size == 8192)
        #expect(urgent.pendingBytes == 0)
        #expect(urgent.drain { _ in Issue.record("an empty ring has no records") }.records == 0)
        #expect(plane.ring(cpu: 0, lane: .bulk)?.size == 1 << 18)
        #expect(plane.ring(cpu: 100_000, lane: .bulk) == nil)
    }

    @Test("each CPU's rings lie on its node")
    func nodes() throws {
        let topology = try CPUTopology.current()
        let plane = try KernelPlane(configuration: .small)
        #expect(plane.ringsLieOnNodes == !topology.nodes.isEmpty)
        guard plane.ringsLieOnNodes else { return }
        for ring in plane.rings {
            #expect(Int(tapio_memory_node(UnsafeMutableRawPointer(mutating: ring.data))) == topology.node(of: ring.cpu))
        }
    }

    @Test("sizes that no ring can have are refused in words", arguments: [0, -1, 1, 2048, 4097, 12_288, 1 << 31])
    func sizes(bytes: Int) {
        var configuration = KernelPlaneConfiguration.small
        configuration.bulkBytes = bytes
        let error = #expect(throws: KernelError.self) { _ = try KernelPlane(configuration: configuration) }
        #expect(error?.code == EINVAL)
        #expect(error?.description.contains("power of two from 4096") == true)
    }

    @Test("all kinds are kept at first, and the control page remembers what it is told")
    func control() throws {
        let control = try KernelPlane(configuration: .small).control
        #expect((UInt8.min...UInt8.max).allSatisfy { control.keep(kind: $0) == ControlPage.keepAll })
        #expect(ControlPage.keepAll == UInt32(1) << 30)
        control.setKeep(7, kind: 255)
        #expect(control.keep(kind: 255) == 7)
        control.setKeep(.max, kind: 0)
        #expect(control.keep(kind: 0) == ControlPage.keepAll)
        control.agentPid = 42
        #expect(control.agentPid == 42)
        #expect((UInt8.min...UInt8.max).allSatisfy { control.mode(kind: $0) == .independent })
        control.setMode(.process, kind: 255)
        #expect(control.mode(kind: 255) == .process)
        #expect(control.mode(kind: 254) == .independent)
        control.setMode(.independent, kind: 255)
        #expect(control.mode(kind: 255) == .independent)
        control.salt = 9
        #expect(control.salt == 9)
        #expect(control.agentPid == 42)
        #expect(control.keep(kind: 255) == 7)
    }

    @Test("each CPU's reader says for itself that it sleeps")
    func readersSleep() throws {
        let control = try KernelPlane(configuration: .small).control
        let cpus = [0, 1, 511]
        #expect(cpus.allSatisfy { !control.isReaderWaiting(cpu: $0) })
        control.setReaderWaiting(true, cpu: 1)
        #expect(cpus.filter { control.isReaderWaiting(cpu: $0) } == [1])
        control.setReaderWaiting(true, cpu: 511)
        control.setReaderWaiting(false, cpu: 1)
        #expect(cpus.filter { control.isReaderWaiting(cpu: $0) } == [511])
        #expect(control.isReaderWaiting(cpu: 1023), "512 places for all CPUs")
        #expect(control.agentPid == 0)
        #expect(control.mode(kind: 255) == .independent)
    }

    @Test("runs of the agent draw different lots")
    func salts() throws {
        let planes = try (0..<3).map { _ in try KernelPlane(configuration: .small) }
        // Three equal ones do not happen by chance (10^-19).
        #expect(Set(planes.map(\.control.salt)).count > 1)
    }

    @Test("a waiter of some CPUs leaves the other readers' sleep alone")
    func waitersApart() throws {
        let plane = try KernelPlane(configuration: .small)
        let other = 500  // no ring of this machine
        let waiter = try RingWaiter(plane: plane, cpus: [0])
        plane.control.setReaderWaiting(true, cpu: other)
        #expect(waiter.wait(milliseconds: 1) == .timeout)
        #expect(plane.control.isReaderWaiting(cpu: other))
        #expect(!plane.control.isReaderWaiting(cpu: 0))
    }

    @Test("fresh counters are zero, also where no CPU is")
    func counters() throws {
        let snapshot = try KernelPlane(configuration: .small).counters()
        #expect(snapshot.cpuCount >= sysconf(Int32(_SC_NPROCESSORS_ONLN)))
        #expect((UInt8.min...UInt8.max).allSatisfy { snapshot.counts(kind: $0) == KernelCounts() })
        #expect(snapshot.counts(kind: 16, cpu: -1) == KernelCounts())
        #expect(snapshot.counts(kind: 16, cpu: .max) == KernelCounts())
        #expect(snapshot.nextSequence(cpu: 0, lane: .urgent) == 0)
    }

    @Test("a wait without events ends in time, and a stop ends it for good")
    func waits() throws {
        let waiter = try RingWaiter(plane: KernelPlane(configuration: .small))
        #expect(waiter.wait(milliseconds: 1) == .timeout)
        waiter.stop()
        #expect(waiter.wait(milliseconds: 60_000) == .stopped)
    }

    @Test("a name that no object, constant, program or iterator has is an error in words")
    func unknownNames() throws {
        let plane = try KernelPlane(configuration: .small)
        #expect(throws: KernelError.self) { _ = try BPFObject("nothing", plane: plane) }
        let object = try BPFObject("process", plane: plane)
        #expect(throws: KernelError.self) { try object.setConstant("nothing", UInt32(1)) }
        #expect(throws: KernelError.self) { try object.setConstant("exit_tells_group_dead", UInt64(1)) }
        #expect(throws: KernelError.self) { try object.disableProgram("nothing") }
        #expect(throws: KernelError.self) { try object.runIterator("process_existing") }
        #expect(object.mapDescriptor("nothing") == nil)
    }

    @Test("an image that is no object is refused, with what libbpf says about it")
    func badImage() throws {
        let plane = try KernelPlane(configuration: .small)
        let garbage = [UInt8](repeating: 0x7f, count: 4096)
        let error = garbage.withUnsafeBytes { image in
            #expect(throws: KernelError.self) { _ = try BPFObject("garbage", image: image, plane: plane) }
        }
        #expect(error?.code != 0)
        #expect(error?.log.contains("garbage") == true)
        #expect(error?.description.contains("\n") == false)
    }

    @Test("a program that the verifier refuses brings the verifier's reason")
    func refused() throws {
        let plane = try KernelPlane(configuration: .small)
        let embedded = try #require(tapio_bpf_object_find("process"))
        var image = Array(UnsafeRawBufferPointer(start: embedded.pointee.image, count: embedded.pointee.size))
        // call bpf_ktime_get_boot_ns (125) becomes a call of a helper that there is not.
        let call: [UInt8] = [0x85, 0, 0, 0, 125, 0, 0, 0]
        for at in stride(from: 0, to: image.count - 8, by: 8) where Array(image[at..<at + 8]) == call {
            image.replaceSubrange(at + 4..<at + 8, with: [0xff, 0xff, 0xff, 0x7f])
        }
        let object = try image.withUnsafeBytes { try BPFObject("process", image: $0, plane: plane) }
        let error = #expect(throws: KernelError.self) { try object.load() }
        #expect(error?.code == EINVAL)
        #expect(error?.log.contains("invalid func") == true)
        #expect((error?.log.utf8.count ?? 0) <= 4096)
    }

    @Test("a constant cannot change once the object is loaded, a variable can")
    func constants() throws {
        let object = try BPFObject("process", plane: KernelPlane(configuration: .small))
        try object.load()
        let error = #expect(throws: KernelError.self) { try object.setConstant("exit_tells_group_dead", true) }
        #expect(error?.code == EBUSY)
        try object.setVariable("args_limit", UInt32(5))
    }
}

@Suite("Kernel facts")
struct KernelFactsTests {
    @Test("errors are one line that says what, which, why and what to do")
    func errors() {
        let error = KernelError(code: EPERM, action: "load", subject: "process", log: "two\nlines")
        #expect(
            error.description
                == "cannot load process: Operation not permitted (errno 1); run as root, or grant CAP_BPF, CAP_PERFMON and CAP_NET_ADMIN, and check kernel lockdown"
        )
    }

    @Test("sections name the tracepoint that a program needs")
    func sections() {
        #expect(BPFProgram(name: "", section: "tp_btf/a").tracepoint == Tracepoint(raw: "a"))
        #expect(BPFProgram(name: "", section: "raw_tp/a").tracepoint == Tracepoint(raw: "a"))
        #expect(
            BPFProgram(name: "", section: "tracepoint/tcp/b").tracepoint == Tracepoint(category: "tcp", event: "b")
        )
        #expect(BPFProgram(name: "", section: "iter.s/task").tracepoint == nil)
        #expect(BPFProgram(name: "", section: "").tracepoint == nil)
    }

    @Test("the catalog knows what the kernel has, and what it has not", .enabled(if: BPFRequirement.isMet))
    func catalog() throws {
        let catalog = try TracepointCatalog()
        #expect(catalog.contains(Tracepoint(raw: "sched_process_exec")))
        #expect(catalog.argumentCount("sched_process_exec") == 3)
        #expect(!catalog.contains(Tracepoint(raw: "no_such_tracepoint")))
        #expect(!catalog.contains(Tracepoint(category: "sched", event: "no_such_tracepoint")))
    }
}
