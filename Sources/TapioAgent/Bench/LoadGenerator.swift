import CTapioSystem
import Foundation
import Glibc
import TapioBPF
import TapioKernel
import TapioRings

/// The inside of a generator process: waits for the start signal on standard input, causes events, and reports on standard
/// output how many.
public enum LoadGenerator {
    /// Runs the whole of it.
    public static func run(_ order: GeneratorOrder) throws {
        if let cpu = order.cpu { try ProcessBinding.bind(to: [cpu]) }
        let work = try prepare(order)
        var byte: UInt8 = 0
        _ = unsafe write(STDOUT_FILENO, "r", 1)
        guard unsafe read(STDIN_FILENO, &byte, 1) == 1 else { throw GeneratorError("nobody started the generator") }
        let begin = MonotonicClock.monotonicNs
        let skippedNs = try work()
        let report = GeneratorReport(
            pid: getpid(),
            count: order.count,
            skippedNs: skippedNs,
            elapsedNs: MonotonicClock.monotonicNs - begin,
            cpuNs: ProcessCost.now(of: RUSAGE_SELF).cpuNs + ProcessCost.now(of: RUSAGE_CHILDREN).cpuNs
        )
        FileHandle.standardOutput.write(try JSONEncoder().encode(report))
    }

    /// The work itself, which says how much time a paced one could not keep up with.
    private static func prepare(_ order: GeneratorOrder) throws -> () throws -> UInt64 {
        let count = order.count
        switch order.load {
        case .exec: return repeated(count) { _ in try runTrue() }
        case .fork:
            return repeated(count) { _ in
                let result = tapio_fork_and_exit()
                guard result == 0 else { throw GeneratorError("cannot fork", errno: -result) }
            }
        case .tcp:
            let connections = try LoopbackConnections()
            return repeated(count) { try connections.connect($0) }
        case .getppid(let rate): return { try paced(order.count, perSecond: rate) { _, count in call(count) } }
        case .emit(let rate): return { try emit(order, perSecond: rate) }
        case .emitFixed: return { try emit(order, perSecond: nil) }
        }
    }

    private static func repeated(_ count: Int, _ body: @escaping (Int) throws -> Void) -> () throws -> UInt64 {
        {
            for number in 0..<count { try body(number) }
            return 0
        }
    }

    /// Events at once: some milliseconds of work at most.
    private static let portion = 16_384

    /// Causes `count` events by and by, at a rate if there is one.
    ///
    /// - Parameter body: Gets how many were caused before, and how many to cause now.
    /// - Returns: How much time it could not keep up with the rate, ns.
    private static func paced(
        _ count: Int,
        perSecond rate: Int?,
        _ body: (_ done: Int, _ count: Int) throws -> Void
    ) throws -> UInt64 {
        var done = 0
        guard let rate else {
            while done < count {
                let next = min(portion, count - done)
                try body(done, next)
                done += next
            }
            return 0
        }
        tapio_sleep_exactly()
        var pacer = LoadPacer(perSecond: rate, startNs: MonotonicClock.monotonicNs)
        while done < count {
            let now = MonotonicClock.monotonicNs
            let next = min(pacer.owed(nowNs: now), count - done)
            if next > 0 { try body(done, next) }
            done += next
            let due = pacer.nextNs(after: now)
            if done < count, MonotonicClock.monotonicNs < due { MonotonicClock.sleep(untilMonotonicNs: due) }
        }
        return pacer.skippedNs
    }

    private static func call(_ count: Int) { tapio_call_getppid(UInt64(count)) }

    private static func runTrue() throws {
        var pid: pid_t = 0
        let name = unsafe strdup("true")
        defer { unsafe free(name) }
        var arguments: [UnsafeMutablePointer<CChar>?] = unsafe [name, nil]
        let result = unsafe posix_spawn(&pid, "/bin/true", nil, nil, &arguments, nil)
        guard result == 0 else { throw GeneratorError("cannot run /bin/true", errno: result) }
        var status: Int32 = 0
        while unsafe waitpid(pid, &status, 0) < 0 && errno == EINTR {}
    }

    private static func emit(_ order: GeneratorOrder, perSecond rate: Int?) throws -> UInt64 {
        let program = RunnableProgram(descriptor: GeneratorOrder.programDescriptor)
        return try paced(order.count, perSecond: rate) { done, count in
            var run = tapio_bench_run()
            run.first = UInt32(truncatingIfNeeded: order.firstRecord + done)
            run.count = UInt32(count)
            try program.run(run)
        }
    }
}

/// Listening sockets of this process, and connections to them.
private final class LoopbackConnections {
    private var listeners: [(descriptor: Int32, address: sockaddr_in)] = []

    /// Each has all local ports to itself, so that connections that linger in TIME_WAIT are not in the way.
    private static let count = 32

    init() throws {
        for _ in 0..<Self.count {
            let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
            var address = sockaddr_in()
            address.sin_family = sa_family_t(AF_INET)
            address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
            var size = socklen_t(MemoryLayout<sockaddr_in>.size)
            let result = unsafe withUnsafeMutablePointer(to: &address) { pointer in
                unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
                    guard unsafe Glibc.bind(descriptor, address, size) == 0, listen(descriptor, 16) == 0 else {
                        return errno
                    }
                    return unsafe getsockname(descriptor, address, &size) == 0 ? 0 : errno
                }
            }
            guard result == 0 else { throw GeneratorError("cannot listen on 127.0.0.1", errno: result) }
            listeners.append((descriptor, address))
        }
    }

    deinit {
        for listener in listeners { close(listener.descriptor) }
    }

    /// One connection, made, accepted and closed at both ends.
    func connect(_ number: Int) throws {
        let listener = listeners[number % listeners.count]
        var address = listener.address
        let outgoing = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        guard outgoing >= 0 else { throw GeneratorError("cannot make a socket", errno: errno) }
        defer { close(outgoing) }
        let result = unsafe withUnsafePointer(to: &address) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
                unsafe Glibc.connect(outgoing, address, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0 ? 0 : errno
            }
        }
        guard result == 0 else { throw GeneratorError("cannot connect to 127.0.0.1", errno: result) }
        let incoming = accept(listener.descriptor, nil, nil)
        guard incoming >= 0 else { throw GeneratorError("cannot accept", errno: errno) }
        close(incoming)
    }
}
