import NIOCore
import NIOHTTP1

/// One connection's conversation: a request, its answer, the next request. Lives on the event loop's thread.
///
/// The client gets a bounded time for each of its parts, and the answer one for its own. Requests that come before the
/// answer to the one before (pipelining) are not served: the connection ends after that answer, and the client asks again.
final class ConnectionHandler: ChannelInboundHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundOut = HTTPServerResponsePart

    private enum State {
        /// For a request's head, or the rest of it.
        case receiving(HTTPRequestHead?)
        case answering(HTTPRequestHead)
        case sending
        /// The last response is sent; what still comes is thrown away, so that no reset overtakes it.
        case lingering
    }

    /// How long a client that was told to go may stay.
    private static let lingerTime = TimeAmount.seconds(1)

    private let limits: HTTPServerLimits
    /// Whether it listens on the loopback alone.
    private let isLocal: Bool
    private let register: ConnectionRegister
    private let statistics: HTTPServerStatistics
    private let answer: @Sendable (HTTPRequest) async -> HTTPResponse
    private var state = State.receiving(nil)
    private var isLast = false
    private var deadline: Scheduled<Void>?
    private var work: Task<Void, Never>?
    /// Answers that come after their time belong to no request.
    private var generation = 0

    init(
        limits: HTTPServerLimits,
        isLocal: Bool,
        register: ConnectionRegister,
        statistics: HTTPServerStatistics,
        answer: @escaping @Sendable (HTTPRequest) async -> HTTPResponse
    ) {
        self.limits = limits
        self.isLocal = isLocal
        self.register = register
        self.statistics = statistics
        self.answer = answer
    }

    // MARK: - From the client

    func channelActive(context: ChannelHandlerContext) {
        guard register.admit(context.channel) else {
            context.close(promise: nil)
            return
        }
        expectRequest(context, withinMs: limits.firstRequestMs)
        context.fireChannelActive()
    }

    func channelInactive(context: ChannelHandlerContext) {
        register.remove(context.channel)
        deadline?.cancel()
        work?.cancel()
        generation += 1
        state = .lingering
        context.fireChannelInactive()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch (state, unwrapInboundIn(data)) {
        case (.receiving(nil), .head(let head)):
            if let refusal = refusal(of: head) {
                isLast = true
                send(context, refusal, isHead: false)
            } else {
                // Whoever asks for another protocol may go on in it.
                isLast = !head.isKeepAlive || head.headers.contains(name: "upgrade")
                state = .receiving(head)
            }
        case (.receiving(.some(let head)), .end): begin(context, head)
        // After the response that is under way the connection ends, so that the client does not wait for one to this.
        case (.answering, .head), (.sending, .head): isLast = true
        default: break
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        switch state {
        case .receiving where error is HTTPParserError || isOverflow(error):
            isLast = true
            let response =
                isOverflow(error)
                ? HTTPResponse(status: 431, text: "the request's line or headers are too long\n")
                : HTTPResponse(status: 400, text: "that is no request of HTTP/1.1\n")
            send(context, response, isHead: false)
        case .answering, .sending:
            // What follows a request that is being served can wait; what broke the connection shows at the next write.
            isLast = true
        case .receiving: context.close(promise: nil)
        case .lingering: break
        }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        guard case ChannelEvent.inputClosed = event else { return }
        switch state {
        // The client may have said all that it has to say and still wait for its answer.
        case .answering, .sending: isLast = true
        case .receiving, .lingering: context.close(promise: nil)
        }
    }

    /// Whether a Host field names an address, or localhost, and not what a name server leads anywhere.
    private static func isLocalName(_ host: String) -> Bool {
        if host.isEmpty || host.hasPrefix("[") { return true }
        let name = host.prefix { $0 != ":" }
        return name.lowercased() == "localhost" || (try? SocketAddress(ipAddress: String(name), port: 0)) != nil
    }

    private func isOverflow(_ error: any Error) -> Bool {
        (error as? HTTPParserError) == .headerOverflow || error is ByteToMessageDecoderError.PayloadTooLargeError
    }

    /// Why a request is not served, where its head tells.
    private func refusal(of head: HTTPRequestHead) -> HTTPResponse? {
        guard head.method == .GET || head.method == .HEAD else {
            return HTTPResponse(status: 405, text: "only GET and HEAD are served here\n")
        }
        let length = head.headers.first(name: "content-length")
        guard length == nil || length == "0", !head.headers.contains(name: "transfer-encoding") else {
            return HTTPResponse(status: 413, text: "a request has no body here\n")
        }
        // A page of the web that has its own name lead here must not read what it finds.
        if isLocal, let host = head.headers.first(name: "host"), !Self.isLocalName(host) {
            return HTTPResponse(status: 421, text: "ask for this place by its address, or as localhost\n")
        }
        guard head.uri.utf8.first == UInt8(ascii: "/") else {
            return HTTPResponse(status: 400, text: "a request's target begins with /\n")
        }
        return nil
    }

    // MARK: - To the client

    private func expectRequest(_ context: ChannelHandlerContext, withinMs: Int64) {
        state = .receiving(nil)
        register.setWaiting(context.channel)
        within(context, .milliseconds(withinMs)) { handler, context in
            handler.statistics.count(.requestTimeout)
            guard case .receiving(.some) = handler.state else {
                context.close(promise: nil)
                return
            }
            handler.isLast = true
            handler.send(context, HTTPResponse(status: 408, text: "the request took too long\n"), isHead: false)
        }
    }

    private func begin(_ context: ChannelHandlerContext, _ head: HTTPRequestHead) {
        state = .answering(head)
        register.setWorking(context.channel)
        generation += 1
        let current = generation
        within(context, .milliseconds(limits.answerMs)) { handler, context in
            handler.generation += 1
            handler.work?.cancel()
            handler.isLast = true
            let late = HTTPResponse(status: 503, text: "the answer took too long\n")
            handler.send(context, late, isHead: head.method == .HEAD)
        }
        let path = String(head.uri.prefix { $0 != "?" && $0 != "#" })
        let request = HTTPRequest(
            path: path,
            accept: head.headers[canonicalForm: "accept"].joined(separator: ",")
        )
        let loop = context.eventLoop
        let bound = NIOLoopBound((self, context), eventLoop: loop)
        work = Task { [answer] in
            let response = await answer(request)
            loop.execute {
                let (handler, context) = bound.value
                guard handler.generation == current else { return }
                handler.send(context, response, isHead: head.method == .HEAD)
            }
        }
    }

    private func send(_ context: ChannelHandlerContext, _ response: HTTPResponse, isHead: Bool) {
        state = .sending
        register.setWaiting(context.channel)
        statistics.countResponse(response.status)
        within(context, .milliseconds(limits.readingMs)) { handler, context in
            handler.statistics.count(.readTimeout)
            context.close(promise: nil)
        }
        var head = HTTPResponseHead(version: .http1_1, status: .init(statusCode: response.status))
        head.headers.add(name: "content-type", value: response.contentType)
        head.headers.add(name: "content-length", value: String(response.body.count))
        head.headers.add(name: "cache-control", value: "no-store")
        head.headers.add(name: "x-content-type-options", value: "nosniff")
        if response.status == 405 { head.headers.add(name: "allow", value: "GET, HEAD") }
        if isLast { head.headers.add(name: "connection", value: "close") }
        context.write(wrapOutboundOut(.head(head)), promise: nil)
        if !isHead {
            let body = context.channel.allocator.buffer(bytes: response.body)
            context.write(wrapOutboundOut(.body(.byteBuffer(body))), promise: nil)
        }
        let written = context.eventLoop.makePromise(of: Void.self)
        let bound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
        written.futureResult.whenComplete { result in
            let (handler, context) = bound.value
            handler.didSend(context, result)
        }
        context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: written)
    }

    private func didSend(_ context: ChannelHandlerContext, _ result: Result<Void, any Error>) {
        guard case .sending = state else { return }
        guard case .success = result else {
            context.close(promise: nil)
            return
        }
        guard isLast else {
            expectRequest(context, withinMs: limits.nextRequestMs)
            return
        }
        state = .lingering
        within(context, Self.lingerTime) { _, context in context.close(promise: nil) }
        context.close(mode: .output, promise: nil)
    }

    /// Does `action` unless something else is waited for by then.
    private func within(
        _ context: ChannelHandlerContext,
        _ time: TimeAmount,
        _ action: @escaping @Sendable (ConnectionHandler, ChannelHandlerContext) -> Void
    ) {
        deadline?.cancel()
        let bound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
        deadline = context.eventLoop.scheduleTask(in: time) {
            let (handler, context) = bound.value
            action(handler, context)
        }
    }
}
