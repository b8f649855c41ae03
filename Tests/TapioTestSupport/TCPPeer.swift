import Glibc

/// A process of its own that does with TCP what a test tells it, one step at a time.
public final class TCPPeer {
    /// What a step failed with.
    public struct Failure: Error, Equatable {
        /// Errno of the system call.
        public let errno: Int32
        /// How long the step took, as the peer measured it, nanoseconds.
        public let elapsedNs: UInt64
    }

    /// The name that the peer's thread gives itself (comm).
    public let name: String
    private let process: InteractiveProcess

    /// The peer's process id.
    public var pid: pid_t { process.pid }

    /// Starts a peer, in a network namespace if one is named.
    public init(_ name: String, in namespace: String? = nil) throws {
        self.name = name
        let prefix = namespace.map { ["ip", "netns", "exec", $0] } ?? []
        process = try InteractiveProcess(prefix + ["/usr/bin/python3", "-I", "-S", "-c", Self.program, name])
        guard process.readLine() == "ready" else { throw ProcessFailure("peer \(name) did not start") }
    }

    /// Listens on a free port and gives it.
    public func listen(_ address: String) throws -> UInt16 { UInt16(try ask("listen \(address)")[0]) }

    /// Accepts a connection and gives the other end's port.
    public func accept() throws -> UInt16 { UInt16(try ask("accept")[0]) }

    /// Connects; gives the local port and how long it took, nanoseconds.
    public func connect(_ address: String, _ port: UInt16) throws -> (port: UInt16, elapsedNs: UInt64) {
        let answer = try ask("connect \(address) \(port)")
        return (UInt16(answer[0]), answer[1])
    }

    /// Sends a SYN and doesn't wait for the answer.
    public func startConnecting(_ address: String, _ port: UInt16) throws {
        _ = try ask("start \(address) \(port)")
    }

    /// Sends so many bytes.
    public func send(_ count: Int) throws { _ = try ask("send \(count)") }

    /// Receives until the other end has finished, and says how many bytes it was.
    public func receiveAll() throws -> UInt64 { try ask("receive")[0] }

    /// Sends and receives until both are done, then closes; gives the bytes received.
    public func exchange(sending count: Int) throws -> UInt64 { try ask("exchange \(count)")[0] }

    /// Ends its direction of the connection.
    public func finish() throws { _ = try ask("finish") }

    /// Closes the connection.
    public func close() throws { _ = try ask("close") }

    /// Closes the connection with a reset.
    public func reset() throws { _ = try ask("reset") }

    /// Connects so often, each time sending as many bytes as connections came before; gives the local ports.
    public func connectOften(_ address: String, _ port: UInt16, times: Int) throws -> [UInt16] {
        try ask("often \(address) \(port) \(times)").map { UInt16($0) }
    }

    /// Accepts so many connections, and reads each to its end.
    public func serve(_ count: Int) throws { _ = try ask("serve \(count)") }

    /// Tells the peer to begin a step whose end `answer` awaits.
    public func begin(_ step: String) { process.write(step) }

    /// Awaits the end of a step that was begun.
    public func answer() throws -> [UInt64] {
        guard let line = process.readLine() else { throw ProcessFailure("peer \(name) has ended") }
        let words = line.split(separator: " ")
        let numbers = words.dropFirst().compactMap { UInt64($0) }
        if words.first == "error" { throw Failure(errno: Int32(numbers[0]), elapsedNs: numbers[1]) }
        return numbers
    }

    private func ask(_ step: String) throws -> [UInt64] {
        begin(step)
        return try answer()
    }

    private static let program = """
        import socket, struct, sys, threading, time
        open('/proc/self/comm', 'w').write(sys.argv[1])
        listener = connection = None
        def new(address):
            family = socket.AF_INET6 if ':' in address else socket.AF_INET
            return socket.socket(family, socket.SOCK_STREAM)
        def receive():
            total = 0
            while data := connection.recv(1 << 16): total += len(data)
            return total
        def step(what, address='', port=0, times=0):
            global listener, connection
            if what == 'listen':
                listener = new(address)
                listener.bind((address, 0))
                listener.listen(1024)
                return [listener.getsockname()[1]]
            if what == 'accept':
                connection, other = listener.accept()
                return [other[1]]
            if what == 'connect':
                connection = new(address)
                begin = time.clock_gettime_ns(time.CLOCK_BOOTTIME)
                connection.connect((address, int(port)))
                end = time.clock_gettime_ns(time.CLOCK_BOOTTIME)
                return [connection.getsockname()[1], end - begin]
            if what == 'start':
                connection = new(address)
                connection.setblocking(False)
                connection.connect_ex((address, int(port)))
                return []
            if what == 'send': connection.sendall(bytes(int(address)))
            if what == 'finish': connection.shutdown(socket.SHUT_WR)
            if what == 'receive': return [receive()]
            if what == 'exchange':
                def send():
                    connection.sendall(bytes(int(address)))
                    connection.shutdown(socket.SHUT_WR)
                sender = threading.Thread(target=send)
                sender.start()
                count = receive()
                sender.join()
                connection.close()
                return [count]
            if what == 'reset': connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
            if what in ('close', 'reset'): connection.close()
            if what == 'often':
                ports = []
                for count in range(int(times)):
                    ports += step('connect', address, port)[:1]
                    connection.sendall(bytes(count))
                    connection.close()
                return ports
            if what == 'serve':
                for _ in range(int(address)):
                    step('accept')
                    receive()
                    connection.close()
            return []
        print('ready', flush=True)
        for line in sys.stdin:
            begin = time.clock_gettime_ns(time.CLOCK_BOOTTIME)
            try:
                print('ok', *step(*line.split()), flush=True)
            except OSError as error:
                print('error', error.errno, time.clock_gettime_ns(time.CLOCK_BOOTTIME) - begin, flush=True)
        """
}
