import Glibc

/// A receiver of OTLP that others made (rotel, of the Python environment that `.ci/python-venv` makes), which writes down
/// what comes. It ends with its object.
public final class OTLPReceiver {
    /// Its URL, without `/v1/…`.
    public let url: String
    private let child: ChildProcess
    private let place = TemporaryDirectory()

    /// Returns once it takes requests.
    public init() throws {
        let found = try ChildProcess(
            ExportServer.python,
            ["-c", "import rotel, os; print(os.path.dirname(rotel.__file__))"],
            directory: place
        )
        guard found.wait() == .exited(0) else { throw ProcessFailure("there is no rotel: run .ci/python-venv") }
        let folder = found.output.prefix { !$0.isNewline }
        let ports = try (0..<2).map { _ in try Self.freePort() }
        url = "http://127.0.0.1:\(ports[0])"
        child = try ChildProcess(
            folder + "/rotel-agent",
            [
                "start", "--debug-log", "logs", "--debug-log", "metrics", "--debug-log-verbosity", "detailed",
                "--exporter", "blackhole", "--otlp-http-endpoint", "127.0.0.1:\(ports[0])", "--otlp-grpc-endpoint",
                "127.0.0.1:\(ports[1])", "--pid-file", place.file("pid"),
            ],
            directory: place
        )
        let deadline = Deadline(seconds: 30)
        while !Self.isOpen(ports[0]) {
            guard !deadline.isOver, child.wait(seconds: 0) == nil else {
                throw ProcessFailure("rotel does not start: \(child.output)\(child.errors)")
            }
            usleep(20_000)
        }
    }

    /// What it wrote down so far.
    public var output: String { child.output }

    /// Whether it writes down all of these within half a minute.
    public func awaitOutput(_ parts: String...) -> Bool {
        let deadline = Deadline(seconds: 30)
        while !deadline.isOver {
            let text = output
            if parts.allSatisfy(text.contains) { return true }
            usleep(50_000)
        }
        return false
    }

    /// One that nobody listens on now.
    private static func freePort() throws -> UInt16 {
        let descriptor = try makeSocket()
        defer { close(descriptor) }
        var address = loopback(0)
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let isBound = withUnsafeMutablePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, length) == 0 && getsockname(descriptor, $0, &length) == 0
            }
        }
        guard isBound else { throw ProcessFailure("cannot bind: errno \(errno)") }
        return UInt16(bigEndian: address.sin_port)
    }

    private static func isOpen(_ port: UInt16) -> Bool {
        guard let descriptor = try? makeSocket() else { return false }
        defer { close(descriptor) }
        var address = loopback(port)
        return withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
            }
        }
    }

    private static func makeSocket() throws -> Int32 {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { throw ProcessFailure("no socket: errno \(errno)") }
        return descriptor
    }

    private static func loopback(_ port: UInt16) -> sockaddr_in {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        return address
    }
}
