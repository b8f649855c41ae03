import Glibc
import Synchronization
import Testing

@testable import TapioRings

@Suite("PinnedThread")
struct PinnedThreadTests {
    /// What a thread saw of itself.
    struct Sight: Sendable, Equatable {
        var name = ""
        var cpu = -1
        var cpus: [Int] = []
        var tid: Int32 = 0
        var nice: Int32 = 0
        var policy: Int32 = 0
        var blocksTermination = false

        static func look() -> Sight {
            var blocked = sigset_t()
            pthread_sigmask(SIG_BLOCK, nil, &blocked)
            return Sight(
                name: PinnedThread.currentName,
                cpu: PinnedThread.currentCPU,
                cpus: PinnedThread.currentCPUs,
                tid: PinnedThread.currentTid,
                nice: getpriority(__priority_which_t(PRIO_PROCESS.rawValue), UInt32(PinnedThread.currentTid)),
                policy: sched_getscheduler(0),
                blocksTermination: sigismember(&blocked, SIGTERM) == 1
            )
        }
    }

    @Test("it runs on the CPU it was given, under its name")
    func pinned() throws {
        for cpu in try CPUTopology.current().allowed.prefix(4) {
            let sight = Mutex(Sight())
            let thread = try PinnedThread(name: "pinned-\(cpu)", cpus: [cpu]) {
                sight.withLock { $0 = Sight.look() }
            }
            thread.join()
            let seen = sight.withLock { $0 }
            #expect(seen.cpu == cpu)
            #expect(seen.cpus == [cpu])
            #expect(seen.name == "pinned-\(cpu)")
            #expect(seen.tid == thread.tid)
            #expect(seen.blocksTermination)
            #expect(thread.isFinished)
        }
    }

    @Test("without CPUs it may run where its starter may")
    func unpinned() throws {
        let sight = Mutex(Sight())
        let expected = PinnedThread.currentCPUs
        try PinnedThread(name: "exactly15-bytes") { sight.withLock { $0 = Sight.look() } }.join()
        #expect(sight.withLock { $0.cpus } == expected)
        #expect(sight.withLock { $0.name } == "exactly15-bytes")
    }

    @Test("a nice value is the thread's alone")
    func nice() throws {
        let sight = Mutex(Sight())
        let own = Sight.look().nice
        try PinnedThread(name: "nice", priority: .nice(7)) { sight.withLock { $0 = Sight.look() } }.join()
        #expect(sight.withLock { $0.nice } == 7)
        #expect(getpriority(__priority_which_t(PRIO_PROCESS.rawValue), UInt32(getpid())) == own)
    }

    @Test("a real-time priority is set, or refused with the reason")
    func realtime() throws {
        let sight = Mutex(Sight())
        do {
            try PinnedThread(name: "fifo", priority: .realtime(1)) { sight.withLock { $0 = Sight.look() } }.join()
            #expect(sight.withLock { $0.policy } == SCHED_FIFO)
        } catch {
            #expect(error == ThreadError(thread: "fifo", step: .priority(.realtime(1)), errno: EPERM))
        }
    }

    @Test(
        "a CPU that is not there is an error, even beside one that is",
        arguments: [[8000], [0, 8000], [-1], [1_000_000], []]
    )
    func noSuchCPU(cpus: [Int]) {
        #expect(throws: ThreadError(thread: "nowhere", step: .pin(cpus: cpus), errno: EINVAL)) {
            _ = try PinnedThread(name: "nowhere", cpus: cpus) { Issue.record("must not run") }
        }
    }

    @Test("a name that the kernel would cut is an error", arguments: ["", "sixteen-bytes-ab", "zero\0byte"])
    func badName(name: String) {
        #expect(throws: ThreadError(thread: name, step: .name, errno: ERANGE)) {
            _ = try PinnedThread(name: name) { Issue.record("must not run") }
        }
    }

    @Test("a refused priority is an error, and says so in one line")
    func badPriority() {
        #expect(throws: ThreadError(thread: "bad", step: .priority(.realtime(1000)), errno: EINVAL)) {
            _ = try PinnedThread(name: "bad", priority: .realtime(1000)) { Issue.record("must not run") }
        }
        let text = ThreadError(thread: "reader-0", step: .pin(cpus: [99]), errno: EINVAL).description
        #expect(text.hasPrefix("thread 'reader-0' cannot run on CPUs [99]: "))
        #expect(!text.contains("\n"))
    }

    @Test("it can be joined twice and from several threads, and need not be joined")
    func joins() throws {
        let done = Atomic<Bool>(false)
        let thread = try PinnedThread(name: "joined") { done.store(true, ordering: .relaxed) }
        let other = try PinnedThread(name: "joiner") { thread.join() }
        thread.join()
        thread.join()
        other.join()
        let doneNow = done.load(ordering: .relaxed)
        #expect(doneNow)

        let life = LifeCounter()
        let queue = HandoffQueue<Int>(capacity: 2)
        do {
            let token = Token(0, life)
            _ = try PinnedThread(name: "left-alone") {
                withExtendedLifetime(token) { _ = queue.push(1) }
            }
        }
        #expect(queue.pop(waitingUpTo: .seconds(60)) == .item(1))
        while life.alive > 0 { giveWay() }
    }

    @Test("what the body captured is released when it ends, though the handle lives on")
    func releasesCaptures() throws {
        let life = LifeCounter()
        let thread = try {
            let token = Token(0, life)
            return try PinnedThread(name: "captures") { _ = token.number }
        }()
        thread.join()
        #expect(life.alive == 0)
        #expect(thread.isFinished)
    }
}
