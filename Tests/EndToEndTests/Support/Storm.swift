import Glibc
import TapioTestSupport

/// A process that makes events until it is told to stop: programs that run and end, children that exit, connections that
/// open and close. It writes down what it did.
final class Storm {
    /// One program that the storm ran to its end.
    struct Run {
        let pid: Int64
        /// Boot time when it had ended, nanoseconds.
        let endedNs: Int64
    }

    private let process: InteractiveProcess
    private let place = TemporaryDirectory()

    /// - Parameters:
    ///   - argumentBytes: Random text that each program gets as an argument: it makes rows that hardly compress.
    ///   - pauseMs: What it waits after each round.
    ///   - connects: Whether it also connects to itself.
    init(argumentBytes: Int = 0, pauseMs: Int = 0, connects: Bool = true) throws {
        process = try InteractiveProcess([
            "/usr/bin/python3", "-I", "-S", "-c", Storm.program, place.file("runs"), "\(argumentBytes)", "\(pauseMs)",
            connects ? "1" : "0",
        ])
        guard process.readLine() == "ready" else { throw AgentFailure("the storm did not start") }
    }

    var pid: pid_t { process.pid }

    /// The programs that had ended by now.
    var runs: [Run] {
        // Whole lines only: the last one may be on its way.
        String(decoding: TestFile.read(place.file("runs")) ?? [], as: UTF8.self).split(
            separator: "\n",
            omittingEmptySubsequences: false
        )
        .dropLast().compactMap { line in
            let numbers = line.split(separator: " ").compactMap { Int64($0) }
            return numbers.count == 2 ? Run(pid: numbers[0], endedNs: numbers[1]) : nil
        }
    }

    /// Ends it, and gives all that it did.
    func stop() -> [Run] {
        process.write("stop")
        _ = process.wait()
        return runs
    }

    private static let program = """
        import os, select, socket, sys, time, random, base64
        log = open(sys.argv[1], 'w', buffering=1)
        size, pause, connects = int(sys.argv[2]), int(sys.argv[3]), sys.argv[4] == '1'
        listener = socket.socket()
        listener.bind(('127.0.0.1', 0))
        listener.listen(64)
        def spawn():
            text = base64.b64encode(random.randbytes(size * 3 // 4)).decode()
            pid = os.posix_spawn('/bin/true', ['true', text] if size else ['true'], {})
            os.waitpid(pid, 0)
            log.write(f'{pid} {time.clock_gettime_ns(time.CLOCK_BOOTTIME)}\\n')
        def fork():
            pid = os.fork()
            if pid == 0: os._exit(7)
            os.waitpid(pid, 0)
        def connect():
            client = socket.create_connection(listener.getsockname())
            server, _ = listener.accept()
            client.close()
            server.close()
        print('ready', flush=True)
        while not select.select([sys.stdin], [], [], pause / 1000)[0]:
            spawn()
            if not size:
                fork()
                if connects: connect()
        """
}
