import Glibc
import NIOCore
import NIOHTTP1
import NIOPosix

/// Answers GET and HEAD on one address. Knows nothing of what is asked.
///
/// One thread serves all servers of the program. Everything is bounded (``HTTPServerLimits``): a client that stalls, sends
/// garbage or never reads costs its own connection, and holds up nobody.
public final class HTTPServer: Sendable {
    /// Made when the first server starts and never ended: tasks may still hand their answers to its loop.
    private static let threads = MultiThreadedEventLoopGroup(numberOfThreads: 1)
    /// Connections that the kernel keeps until they are accepted.
    private static let backlog: Int32 = 64

    /// Where it listens; with the port that the kernel chose.
    public let address: HTTPAddress
    private let channel: any Channel
    private let register: ConnectionRegister

    private init(address: HTTPAddress, channel: any Channel, register: ConnectionRegister) {
        self.address = address
        self.channel = channel
        self.register = register
    }

    /// Listens at once. A Unix socket (mode 0660) takes the place of one that a dead program left, not of a living one's.
    ///
    /// - Parameter answer: Called for each request, at most ``HTTPServerLimits/connections`` at a time. Its task is cancelled
    ///   when the client is gone or the time is over.
    public static func start(
        _ address: HTTPAddress,
        limits: HTTPServerLimits = HTTPServerLimits(),
        statistics: HTTPServerStatistics,
        answer: @escaping @Sendable (HTTPRequest) async -> HTTPResponse
    ) async throws(HTTPBindError) -> HTTPServer {
        let descriptor = try listen(address)
        let isLocal = address.isLoopback
        let register = ConnectionRegister(limit: limits.connections, statistics: statistics)
        var decoding = NIOHTTPDecoderLimitConfiguration()
        decoding.maxHeaderFieldSize = limits.headBytes
        decoding.maxHeaderListSize = limits.headBytes
        decoding.maxHeaderFieldCount = limits.headerFields
        let bootstrap = ServerBootstrap(group: threads)
            .serverChannelOption(.backlog, value: backlog)
            .childChannelOption(.allowRemoteHalfClosure, value: true)
            .childChannelOption(.maxMessagesPerRead, value: 1)
            .childChannelInitializer { [decoding] channel in
                channel.eventLoop.makeCompletedFuture {
                    let decoder = HTTPRequestDecoder(leftOverBytesStrategy: .dropBytes, limitConfiguration: decoding)
                    let pipeline = channel.pipeline.syncOperations
                    try pipeline.addHandler(ByteToMessageHandler(decoder, maximumBufferSize: limits.headBytes))
                    try pipeline.addHandler(HTTPResponseEncoder())
                    try pipeline.addHandler(
                        ConnectionHandler(
                            limits: limits,
                            isLocal: isLocal,
                            register: register,
                            statistics: statistics,
                            answer: answer
                        )
                    )
                }
            }
        let channel: any Channel
        do {
            channel = try await bootstrap.withBoundSocket(descriptor).get()
        } catch {
            throw HTTPBindError(address, "\(error)")
        }
        var bound = address
        if case .tcp(let host, _) = address, let port = channel.localAddress?.port {
            bound = .tcp(host: host, port: UInt16(port))
        }
        return HTTPServer(address: bound, channel: channel, register: register)
    }

    /// Stops listening, closes all connections and removes its Unix socket.
    public func stop() async {
        try? await channel.close()
        register.closeAll()
        if case .unix(let path) = address { unsafe unlink(path) }
    }

    // MARK: - The socket

    private static func listen(_ address: HTTPAddress) throws(HTTPBindError) -> Int32 {
        let place: SocketAddress
        do {
            place =
                switch address {
                case .tcp(let host, let port): try SocketAddress(ipAddress: host, port: Int(port))
                case .unix(let path): try SocketAddress(unixDomainSocketPath: path)
                }
        } catch {
            throw HTTPBindError(address, "\(error)")
        }
        let kind = Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue) | Int32(SOCK_NONBLOCK.rawValue)
        let descriptor = socket(family(of: place), kind, 0)
        guard descriptor >= 0 else { throw HTTPBindError(address, errno: errno) }
        do throws(HTTPBindError) {
            if case .unix(let path) = address { try removeLeftover(path, place, address) }
            try bind(descriptor, to: place, address)
        } catch {
            close(descriptor)
            throw error
        }
        return descriptor
    }

    private static func bind(
        _ descriptor: Int32,
        to place: SocketAddress,
        _ address: HTTPAddress
    ) throws(HTTPBindError) {
        var isOn: Int32 = 1
        if case .tcp = address {
            // Connections of a server before this one may still be in TIME_WAIT.
            let size = socklen_t(MemoryLayout<Int32>.size)
            _ = unsafe setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &isOn, size)
        }
        guard unsafe place.withSockAddr({ unsafe Glibc.bind(descriptor, $0, socklen_t($1)) }) == 0 else {
            throw HTTPBindError(address, errno: errno)
        }
        // Nobody can connect before the listen(2) below.
        if case .unix(let path) = address, unsafe chmod(path, 0o660) != 0 {
            throw HTTPBindError(address, errno: errno)
        }
        guard Glibc.listen(descriptor, backlog) == 0 else { throw HTTPBindError(address, errno: errno) }
    }

    /// Removes a socket on which nobody listens; refuses to remove anything else.
    private static func removeLeftover(
        _ path: String,
        _ place: SocketAddress,
        _ address: HTTPAddress
    ) throws(HTTPBindError) {
        var status = stat()
        guard unsafe lstat(path, &status) == 0 else { return }
        guard status.st_mode & S_IFMT == S_IFSOCK else {
            throw HTTPBindError(address, "it exists and is no socket: name another path")
        }
        let probe = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard probe >= 0 else { throw HTTPBindError(address, errno: errno) }
        defer { close(probe) }
        _ = fcntl(probe, F_SETFL, O_NONBLOCK)
        let result = unsafe place.withSockAddr { unsafe connect(probe, $0, socklen_t($1)) }
        // A full queue means that somebody listens, too.
        guard result != 0, errno == ECONNREFUSED else { throw HTTPBindError(address, errno: EADDRINUSE) }
        unsafe unlink(path)
    }

    private static func family(of place: SocketAddress) -> Int32 {
        switch place {
        case .v4: AF_INET
        case .v6: AF_INET6
        case .unixDomainSocket: AF_UNIX
        }
    }
}
