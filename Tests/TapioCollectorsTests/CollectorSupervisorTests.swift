import Synchronization
import TapioKernel
import TapioTestSupport
import Testing

@testable import TapioCollectors

/// What the fake collectors did, in order, and what they are told to do next.
private final class Script: Sendable {
    struct State {
        var calls: [String] = []
        var failing: Set<String> = []
        var unhealthy: Set<String> = []
        var absent: Set<String> = []
        var refusesOptions = false
        var nowNs: Int64 = 0
    }
    let state = Mutex(State())

    var calls: [String] { state.withLock { $0.calls } }
    func tell(_ change: (inout sending State) -> Void) { state.withLock { change(&$0) } }
    func forget() { state.withLock { $0.calls = [] } }

    var clock: SupervisorClock {
        SupervisorClock(
            nowNs: { self.state.withLock { $0.nowNs } },
            sleep: { delay in
                try Task.checkCancellation()
                self.state.withLock { $0.nowNs += max(delay, 1) }
                await Task.yield()
            },
            chance: { 0 }
        )
    }

    func descriptor(_ name: String) -> CollectorDescriptor {
        CollectorDescriptor(
            name: name,
            summary: "",
            schemas: [],
            tracepoints: [],
            readiness: { self.state.withLock { $0.absent.contains(name) } ? .unavailable("nothing is there") : .ready },
            make: { _, options in FakeCollector(name: name, script: self, options: options) }
        )
    }
}

private actor FakeCollector: Collector {
    let name: String
    let script: Script

    init(name: String, script: Script, options: CollectorOptions) {
        self.name = name
        self.script = script
    }

    func start() throws(CollectorError) {
        let fails = script.state.withLock { state in
            state.calls.append("start \(name)")
            return state.failing.contains(name)
        }
        if fails { throw CollectorError(collector: name, reason: "no luck") }
    }
    func stop() { script.tell { $0.calls.append("stop \(name)") } }
    func reconfigure(_ options: CollectorOptions) throws(CollectorError) {
        let refuses = script.state.withLock { state in
            state.calls.append("reconfigure \(name)")
            return state.refusesOptions
        }
        if refuses { throw CollectorError(collector: name, reason: "refused") }
    }
    func health() throws(CollectorError) -> CollectorHealth {
        if script.state.withLock({ $0.unhealthy.contains(name) }) {
            throw CollectorError(collector: name, reason: "fell off")
        }
        return CollectorHealth(problems: ["\(name) lacks little"])
    }
}

@Suite("Supervisor", .enabled(if: BPFRequirement.isMet))
struct CollectorSupervisorTests {
    private let script = Script()
    private let option = CollectorOption("x", 0...9, default: 1, "")

    private func supervisor(_ names: [String] = ["a", "b", "c"]) throws -> CollectorSupervisor {
        var configuration = KernelPlaneConfiguration()
        configuration.urgentBytes = 4096
        configuration.bulkBytes = 4096
        let plane = try KernelPlane(configuration: configuration)
        return CollectorSupervisor(names.map(script.descriptor), plane: plane, clock: script.clock)
    }

    private func options(_ value: Int) -> CollectorOptions {
        var options = CollectorOptions()
        options[option] = value
        return options
    }

    @Test("one that fails leaves the others running, and every error is told")
    func keepsAllErrors() async throws {
        let supervisor = try supervisor()
        script.tell { $0.failing = ["a", "c"] }
        let errors = await supervisor.apply(["a": .init(), "b": .init(), "c": .init(), "z": .init()])
        #expect(errors.map(\.collector) == ["z", "a", "c"])
        let states = await supervisor.status().map(\.state.name)
        #expect(states == ["failed", "running", "failed"])
        #expect(await supervisor.status()[0].lastError == "no luck")
        #expect(await supervisor.status()[1].health.problems == ["b lacks little"])
    }

    @Test(
        "one that has nothing to watch is not tried, is no error, and is looked at again when it is switched on again"
    )
    func unavailable() async throws {
        let supervisor = try supervisor(["a", "b"])
        script.tell { $0.absent = ["a"] }
        #expect(await supervisor.apply(["a": .init(), "b": .init()]).isEmpty)
        #expect(await supervisor.status().map(\.state) == [.unavailable(reason: "nothing is there"), .running])
        #expect(await supervisor.status()[0].lastError == nil)
        script.tell { $0.nowNs += 1_000_000_000_000 }
        #expect(await supervisor.tick().isEmpty && script.calls == ["start b"])
        script.tell { $0.absent = [] }
        await supervisor.apply(["b": .init()])
        #expect(await supervisor.status().map(\.state) == [.disabled, .running])
        await supervisor.apply(["a": .init(), "b": .init()])
        #expect(await supervisor.status().map(\.state) == [.running, .running])
        #expect(await supervisor.status()[0].restarts == 0)
    }

    @Test("what a new configuration does not change is not touched")
    func diffs() async throws {
        let supervisor = try supervisor()
        await supervisor.apply(["a": options(1), "b": options(1)])
        script.forget()
        await supervisor.apply(["a": options(1), "b": options(2), "c": options(1)])
        #expect(script.calls == ["reconfigure b", "start c"])
        script.forget()
        await supervisor.apply(["b": options(2)])
        #expect(script.calls == ["stop a", "stop c"])
        #expect(await supervisor.status().map(\.state) == [.disabled, .running, .disabled])
    }

    @Test("one that refuses new options is stopped and tried again with them")
    func refusedOptions() async throws {
        let supervisor = try supervisor(["a"])
        await supervisor.apply(["a": options(1)])
        script.tell { $0.refusesOptions = true }
        #expect(await supervisor.apply(["a": options(2)]).map(\.reason) == ["refused"])
        script.tell { $0.nowNs += 1_000_000_000 }
        await supervisor.tick()
        #expect(script.calls == ["start a", "reconfigure a", "stop a", "start a"])
        #expect(await supervisor.status()[0].state == .running)
    }

    @Test("a failed one is started again when its time has come, not before")
    func restarts() async throws {
        let supervisor = try supervisor(["a"])
        script.tell { $0.failing = ["a"] }
        await supervisor.apply(["a": .init()])
        script.tell { $0.nowNs = 999_999_999 }
        #expect(await supervisor.tick().isEmpty)
        script.tell { $0.nowNs = 1_000_000_000 }
        #expect(await supervisor.tick().map(\.reason) == ["no luck"])
        script.tell {
            $0.failing = []
            $0.nowNs = 3_000_000_000
        }
        #expect(await supervisor.tick().isEmpty)
        #expect(await supervisor.status()[0].state == .running)
        #expect(await supervisor.status()[0].restarts == 2)
        #expect(script.calls == ["start a", "start a", "start a"])
    }

    @Test("one that stops working is stopped and comes back")
    func health() async throws {
        let supervisor = try supervisor(["a"])
        await supervisor.apply(["a": .init()])
        script.tell { $0.unhealthy = ["a"] }
        #expect(await supervisor.tick().map(\.reason) == ["fell off"])
        #expect(await supervisor.status()[0].state.name == "failed")
        script.tell {
            $0.unhealthy = []
            $0.nowNs += 1_000_000_000
        }
        await supervisor.tick()
        #expect(script.calls == ["start a", "stop a", "start a"])
    }

    @Test("the run loop restarts by itself until it is cancelled")
    func runs() async throws {
        let supervisor = try supervisor(["a"])
        script.tell { $0.failing = ["a"] }
        await supervisor.apply(["a": .init()])
        let (errors, continuation) = AsyncStream.makeStream(of: CollectorError.self)
        let loop = Task { await supervisor.run { continuation.yield($0) } }
        var seen = 0
        for await error in errors {
            #expect(error.reason == "no luck")
            seen += 1
            if seen == 5 { break }
        }
        loop.cancel()
        await loop.value
        #expect(await supervisor.status()[0].restarts >= 5)
    }

    @Test("all are stopped in the reverse order, and stay so")
    func stops() async throws {
        let supervisor = try supervisor()
        await supervisor.apply(["a": .init(), "b": .init(), "c": .init()])
        script.forget()
        await supervisor.stopAll()
        #expect(script.calls == ["stop c", "stop b", "stop a"])
        script.tell { $0.nowNs = .max / 2 }
        #expect(await supervisor.tick().isEmpty)
        #expect(await supervisor.status().allSatisfy { $0.state == .stopped })
    }

    @Test("without shared maps nothing starts, and each says why")
    func noPlane() async {
        let supervisor = CollectorSupervisor([script.descriptor("a")], plane: nil, clock: script.clock)
        let errors = await supervisor.apply(["a": .init()])
        #expect(errors.count == 1)
        #expect(script.calls.isEmpty)
        #expect(await supervisor.status()[0].state.name == "failed")
    }

    @Test("many callers at once take their turns")
    func concurrentCallers() async throws {
        let supervisor = try supervisor()
        await withTaskGroup(of: Void.self) { group in
            for number in 0..<50 {
                group.addTask {
                    await supervisor.apply(number.isMultiple(of: 2) ? ["a": .init()] : ["b": .init()])
                    await supervisor.tick()
                }
            }
        }
        await supervisor.stopAll()
        for name in ["a", "b"] {
            #expect(script.calls.count { $0 == "start \(name)" } == script.calls.count { $0 == "stop \(name)" })
        }
    }
}
