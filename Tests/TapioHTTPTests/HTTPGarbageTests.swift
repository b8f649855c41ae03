import TapioHTTP
import TapioTestSupport
import Testing

@Suite("HTTP: whatever comes", .serialized)
struct HTTPGarbageTests {
    /// A generator that a failing round can be repeated with.
    private struct Repeatable: RandomNumberGenerator {
        var state: UInt64

        mutating func next() -> UInt64 {
            state ^= state << 13
            state ^= state >> 7
            state ^= state << 17
            return state
        }
    }

    private static let pieces: [String] = [
        "GET ", "HEAD ", "POST ", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "CONNECT ", "/", "/metrics", "/%00", "?", "#",
        " ",
        "HTTP/1.1", "HTTP/1.0", "HTTP/0.9", "\r\n", "\n", "\r", "\0", "Host: x", "Accept: ", "a/b;q=", ";", ",", ":",
        "Content-Length: ", "0", "-1", "18446744073709551616", "Transfer-Encoding: chunked", "Connection: close",
        "Connection: keep-alive, upgrade", "Upgrade: h2c", "Expect: 100-continue", " folded", "\t", "é", "\u{FFFD}",
        String(repeating: "A", count: 3000), "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
    ]

    /// Bytes that are a request, nearly one, or nothing like it.
    private func message(_ random: inout Repeatable) -> [UInt8] {
        var bytes: [UInt8] = []
        for _ in 0..<Int.random(in: 1...24, using: &random) {
            if Int.random(in: 0..<8, using: &random) == 0 {
                bytes += (0..<Int.random(in: 1...64, using: &random)).map { _ in
                    UInt8.random(in: 0...255, using: &random)
                }
            } else {
                bytes += Array(Self.pieces.randomElement(using: &random)!.utf8)
            }
        }
        if Bool.random(using: &random), !bytes.isEmpty {
            bytes[Int.random(in: bytes.indices, using: &random)] ^= 1 << UInt8.random(in: 0...7, using: &random)
        }
        return bytes
    }

    @Test("thousands of broken requests, in pieces: each gets a known code or the end, and the server serves on")
    func garbage() async throws {
        let test = try await TestServer("127.0.0.1:0") { limits in
            limits.firstRequestMs = 2000
            limits.nextRequestMs = 2000
        }
        let known: Set<Int> = [200, 400, 405, 408, 413, 421, 431]
        for seed in 1...3000 as ClosedRange<UInt64> {
            var random = Repeatable(state: seed &* 0x9E37_79B9_7F4A_7C15)
            let bytes = message(&random)
            let connection = try #require(HTTPConnection(test.place), "seed \(seed)")
            let cut = Int.random(in: 0...bytes.count, using: &random)
            connection.send(Array(bytes[..<cut]))
            connection.send(Array(bytes[cut...]))
            connection.finish()
            let answer = try #require(connection.receiveAll(), "seed \(seed): neither an answer nor an end")
            if answer.isEmpty { continue }
            let line = String(decoding: answer.prefix(12), as: UTF8.self)
            let code = Int(line.suffix(3)) ?? 0
            #expect(line.hasPrefix("HTTP/1.1 ") && known.contains(code), "seed \(seed): \(line)")
        }
        #expect(test.get("/after")?.status == 200)
        #expect(test.statistics.snapshot.responses.keys.allSatisfy(known.contains))
        await test.server.stop()
    }
}
