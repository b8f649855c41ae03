import Glibc
import Synchronization
import TapioTestSupport
import Testing

@testable import TapioHTTP

@Suite("HTTP: the server", .serialized)
struct HTTPServerTests {
    @Test("GET gets path and body, HEAD the same without the body, on one connection")
    func basics() async throws {
        let test = try await TestServer()
        let connection = try #require(HTTPConnection(test.place))
        connection.send("GET /a/b?c=d HTTP/1.1\r\nHost: localhost\r\nAccept: text/plain\r\naccept: */*;q=0.1\r\n\r\n")
        let first = try #require(connection.response())
        #expect(first.status == 200)
        #expect(first.body == "/a/b text/plain,*/*;q=0.1")
        #expect(first.headers["content-type"] == "text/plain; charset=utf-8")
        #expect(first.headers["connection"] == nil)
        connection.send("HEAD / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        let second = try #require(connection.response(isHead: true))
        #expect(second.headers["content-length"] == "2")
        connection.send("GET /last HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        let last = try #require(connection.response())
        #expect(last.headers["connection"] == "close")
        #expect(connection.receiveAll() == [])
        #expect(test.statistics.snapshot.responses == [200: 3])
        await test.server.stop()
    }

    @Test("on the loopback it answers to addresses and localhost, not to a name that may lead anywhere")
    func hosts() async throws {
        let test = try await TestServer()
        for host in ["localhost", "LOCALHOST:1", "127.0.0.1:80", "[::1]:80", "10.1.2.3", ""] {
            let connection = try #require(HTTPConnection(test.place))
            connection.send("GET /x HTTP/1.1\r\nHost: \(host)\r\n\r\n")
            #expect(try #require(connection.response()).status == 200, "\(host)")
        }
        await test.server.stop()
        let open = try await TestServer("0.0.0.0:0")
        let connection = try #require(HTTPConnection(open.place))
        connection.send("GET /x HTTP/1.1\r\nHost: tapio.monitoring.svc\r\n\r\n")
        #expect(try #require(connection.response()).status == 200)
        await open.server.stop()
    }

    @Test("HTTP/1.0 and a client that has finished sending get their answer, and the end")
    func oldAndHalfClosed() async throws {
        let test = try await TestServer()
        let old = try #require(HTTPConnection(test.place))
        old.send("GET /old HTTP/1.0\r\n\r\n")
        #expect(try #require(old.response()).body == "/old ")
        #expect(old.receiveAll() == [])
        let half = try #require(HTTPConnection(test.place))
        half.send("GET /half HTTP/1.1\r\nHost: localhost\r\n\r\n")
        half.finish()
        #expect(try #require(half.response()).body == "/half ")
        #expect(half.receiveAll() == [])
        await test.server.stop()
    }

    @Test(
        "what is not served is refused with the reason's code, and the connection ends",
        arguments: [
            ("POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\n\r\nabc", 405),
            ("DELETE / HTTP/1.1\r\nHost: localhost\r\n\r\n", 405),
            ("GET / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\n\r\nabc", 413),
            ("GET / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 413),
            ("GET http://elsewhere/ HTTP/1.1\r\nHost: localhost\r\n\r\n", 400), ("hello\r\n\r\n", 400),
            ("GET / HTTP/1.1\r\nHost: evil.example:80\r\n\r\n", 421), ("GET / HTTP/9.9\r\n\r\n", 400),
            ("GET / HTTP/1.1\r\nbad header\r\n\r\n", 400),
            ("\u{16}\u{3}\u{1}\u{2}\u{0}\u{1}", 400),
            ("GET /" + String(repeating: "x", count: 40_000) + " HTTP/1.1\r\n\r\n", 431),
            ("GET / HTTP/1.1\r\nA: " + String(repeating: "x", count: 40_000) + "\r\n\r\n", 431),
            ("GET / HTTP/1.1\r\n" + String(repeating: "A: b\r\n", count: 100) + "\r\n", 431),
        ]
    )
    func refusals(_ request: String, _ status: Int) async throws {
        let test = try await TestServer()
        let connection = try #require(HTTPConnection(test.place))
        connection.send(request)
        let response = try #require(connection.response())
        #expect(response.status == status)
        #expect(response.headers["connection"] == "close")
        if status == 405 { #expect(response.headers["allow"] == "GET, HEAD") }
        #expect(connection.receiveAll() == [])
        #expect(test.get("/after")?.status == 200)
        await test.server.stop()
    }

    @Test("requests that do not wait for the answer before are not served; the client is told to come again")
    func pipelining() async throws {
        let test = try await TestServer()
        let connection = try #require(HTTPConnection(test.place))
        connection.send(String(repeating: "GET /p HTTP/1.1\r\nHost: localhost\r\n\r\n", count: 3))
        #expect(try #require(connection.response()).headers["connection"] == "close")
        #expect(connection.receiveAll() == [])
        #expect(test.statistics.snapshot.responses == [200: 1])
        await test.server.stop()
    }

    @Test("a full house: who keeps the server waiting for longest makes room for the next")
    func eviction() async throws {
        let test = try await TestServer { $0.connections = 8 }
        let idle = (0..<8).compactMap { _ in HTTPConnection(test.place) }
        #expect(idle.count == 8)
        #expect(await test.wait { $0.connections == 8 })
        for round in 0..<20 { #expect(test.get("/\(round)")?.status == 200) }
        // Each that asked ended by itself: one idle one made room for all of them, or a few where an end came late.
        let evicted = test.statistics.snapshot.endings[.evicted] ?? 0
        #expect((1...20).contains(evicted))
        #expect(idle[0].receiveAll() == [])
        await test.server.stop()
    }

    @Test("while all are being answered, one more is refused and none is cut off")
    func busy() async throws {
        let isOpen = Mutex(false)
        let test = try await TestServer("127.0.0.1:0", { $0.connections = 2 }) { request in
            while !isOpen.withLock({ $0 }) { try? await Task.sleep(for: .milliseconds(5)) }
            return HTTPResponse(text: request.path)
        }
        let connections = (0..<2).compactMap { _ in HTTPConnection(test.place) }
        for connection in connections { connection.send("GET /slow HTTP/1.1\r\nHost: localhost\r\n\r\n") }
        #expect(await test.wait { $0.connections == 2 })
        try await Task.sleep(for: .milliseconds(200))
        #expect(try #require(HTTPConnection(test.place)).receiveAll() == [])
        #expect(test.statistics.snapshot.endings[.refused] == 1)
        isOpen.withLock { $0 = true }
        for connection in connections { #expect(connection.response()?.body == "/slow") }
        await test.server.stop()
    }

    @Test("who sends nothing, drips, or never reads is cut off and counted; others are served meanwhile")
    func stalls() async throws {
        let test = try await TestServer(
            "127.0.0.1:0",
            {
                $0.firstRequestMs = 400
                $0.readingMs = 400
            },
            answer: { HTTPResponse(body: [UInt8](repeating: 120, count: $0.path == "/large" ? 32 << 20 : 1)) }
        )
        let silent = try #require(HTTPConnection(test.place))
        let dripping = try #require(HTTPConnection(test.place))
        dripping.send("GET / HT")
        let deaf = try #require(HTTPConnection(test.place))
        deaf.shrinkReceiveBuffer()
        deaf.send("GET /large HTTP/1.1\r\nHost: localhost\r\n\r\n")
        #expect(test.get("/other")?.body == "x")
        #expect(await test.wait { $0.endings[.requestTimeout] == 2 && $0.endings[.readTimeout] == 1 })
        #expect(silent.receiveAll() == [])
        #expect(dripping.receiveAll() == [])
        #expect(test.get("/other")?.body == "x")
        await test.server.stop()
    }

    @Test("an answer that takes too long becomes 503, and its task is cancelled")
    func slowAnswer() async throws {
        let isCancelled = Mutex(false)
        let test = try await TestServer("127.0.0.1:0", { $0.answerMs = 100 }) { _ in
            if (try? await Task.sleep(for: .seconds(60))) == nil { isCancelled.withLock { $0 = true } }
            return HTTPResponse(text: "late")
        }
        #expect(test.get("/")?.status == 503)
        #expect(await test.wait { _ in isCancelled.withLock { $0 } })
        await test.server.stop()
    }

    @Test("a Unix socket: group may ask, a dead one's place is taken, a living one's and a file's are not")
    func unixSocket() async throws {
        let directory = TemporaryDirectory()
        let path = directory.file("http.sock")
        // What a killed program leaves.
        let left = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: Array(path.utf8)) }
        let isBound = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(left, $0, socklen_t(MemoryLayout<sockaddr_un>.size)) == 0
            }
        }
        #expect(isBound)
        close(left)
        let test = try await TestServer("unix:" + path)
        #expect(test.get("/x")?.body == "/x ")
        var status = stat()
        stat(path, &status)
        #expect(status.st_mode & 0o777 == 0o660)
        let living = await #expect(throws: HTTPBindError.self) { try await TestServer("unix:" + path) }
        #expect(living?.description.contains("another program listens there") == true)
        await test.server.stop()
        #expect(access(path, F_OK) != 0)
        TestFile.write(path, "mine")
        let file = await #expect(throws: HTTPBindError.self) { try await TestServer("unix:" + path) }
        #expect(file?.description.contains("is no socket") == true)
        #expect(TestFile.read(path) == Array("mine".utf8))
        let nowhere = await #expect(throws: HTTPBindError.self) {
            try await TestServer("unix:" + directory.file("a/b"))
        }
        #expect(nowhere?.description.contains("its directory does not exist") == true)
    }

    @Test("a port in use is one line that says so; it is free again at once after a stop")
    func portInUse() async throws {
        let test = try await TestServer()
        #expect(test.get("/")?.status == 200)
        let address = test.server.address.description
        let error = await #expect(throws: HTTPBindError.self) { try await TestServer(address) }
        #expect(error?.description.contains("another program listens there") == true)
        #expect(error?.description.contains("\n") == false)
        let kept = try #require(HTTPConnection(test.place))
        kept.send("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        #expect(kept.response()?.status == 200)
        await test.server.stop()
        #expect(kept.receiveAll() == [])
        let next = try await TestServer(address)
        #expect(next.get("/")?.status == 200)
        await next.server.stop()
        let elsewhere = await #expect(throws: HTTPBindError.self) { try await TestServer("192.0.2.1:0") }
        #expect(elsewhere?.description.contains("no such address") == true)
    }
}
